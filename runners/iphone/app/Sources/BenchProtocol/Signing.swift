import Foundation

/// What is signed, and how, in both directions (HMAC-SHA256 under the key of the pairing).
///
/// The bytes that travel are signed, never JSON written anew. Not in `Authorization`: URLSession reserves that header.
public enum Signing {
  public static let requestHeader = "X-Bench-Auth"
  public static let replyHeader = "X-Bench-Reply"
  public static let protocolHeader = "X-Bench-Protocol"

  /// The signed text of a request; `target` is path and query exactly as sent.
  public static func requestText(
    method: String, target: String, timeMs: Int, nonce: String, body: Data
  ) -> String {
    "PB1\n\(method)\n\(target)\n\(timeMs)\n\(nonce)\n\(Crypto.sha256Hex(body))"
  }

  /// Value of the header that signs a request.
  public static func requestHeaderValue(
    key: [UInt8], deviceID: String, method: String, target: String, timeMs: Int, nonce: String,
    body: Data
  ) -> String {
    let text = requestText(method: method, target: target, timeMs: timeMs, nonce: nonce, body: body)
    return "PB1 \(deviceID) \(timeMs) \(nonce) \(mac(key, text))"
  }

  /// The signed text of a reply to the request that carried `nonce`.
  public static func replyText(nonce: String, status: Int, timeMs: Int, body: Data) -> String {
    "PB1-REPLY\n\(nonce)\n\(status)\n\(timeMs)\n\(Crypto.sha256Hex(body))"
  }

  /// Value of the header that signs a reply.
  public static func replyHeaderValue(
    key: [UInt8], nonce: String, status: Int, timeMs: Int, body: Data
  ) -> String {
    "PB1 \(timeMs) \(mac(key, replyText(nonce: nonce, status: status, timeMs: timeMs, body: body)))"
  }

  /// Whether a reply was signed by the host that holds the key, for this very request.
  public static func isGenuine(
    header: String?, key: [UInt8], nonce: String, status: Int, body: Data
  ) -> Bool {
    let parts = (header ?? "").split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "PB1", let timeMs = Int(parts[1]),
      parts[1] == String(timeMs), let given = Hex.decode(parts[2])
    else { return false }
    let text = replyText(nonce: nonce, status: status, timeMs: timeMs, body: body)
    return Crypto.areEqual(given, Crypto.hmac(key: key, Data(text.utf8)))
  }

  private static func mac(_ key: [UInt8], _ text: String) -> String {
    Hex.encode(Crypto.hmac(key: key, Data(text.utf8)))
  }
}

/// The proofs by which phone and host show each other that they know the one-time secret.
public enum PairingProof {
  /// The key of this device, 32 bytes.
  public static func key(secret: [UInt8], hostID: String, deviceID: String, nonce: String)
    -> [UInt8]
  {
    Crypto.hkdf(
      ikm: secret, salt: Array("\(hostID)\n\(deviceID)\n\(nonce)".utf8),
      info: Array("phibench pair v1".utf8), nBytes: 32)
  }

  public static func ofPhone(
    key: [UInt8], hostID: String, deviceID: String, nonce: String, name: String
  ) -> String {
    proof("phone", key, hostID, deviceID, nonce, name)
  }

  public static func ofHost(
    key: [UInt8], hostID: String, deviceID: String, nonce: String, name: String
  ) -> String {
    proof("host", key, hostID, deviceID, nonce, name)
  }

  private static func proof(
    _ side: String, _ key: [UInt8], _ hostID: String, _ deviceID: String, _ nonce: String,
    _ name: String
  ) -> String {
    let digest = Crypto.sha256Hex(Data(name.utf8))
    let text = "\(side)\n\(hostID)\n\(deviceID)\n\(nonce)\n\(digest)"
    return Hex.encode(Crypto.hmac(key: key, Data(text.utf8)))
  }
}
