import Foundation
import Testing

@testable import BenchProtocol

/// The vectors of `crypto.json`, computed by Python's hashlib and hmac or published.
struct CryptoTests {
  @Test func sha256() throws {
    for row in try Golden.rows("crypto.json", "sha256") {
      let piece = Golden.bytes(row, "message_hex")
      let repeats = row["n_repeats"]?.intValue ?? 1
      let message = Array(repeatElement(piece, count: repeats).joined())
      #expect(
        Crypto.sha256Hex(message) == Golden.text(row, "digest"), Comment(rawValue: Golden.text(row, "name")))
    }
  }

  @Test func piecesOfAnySizeGiveTheSameDigest() {
    let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    for size in [1, 3, 55, 56, 63, 64, 65, 128, 999] {
      var hash = Sha256()
      for start in stride(from: 0, to: message.count, by: size) {
        hash.update(message[start..<min(start + size, message.count)])
        _ = hash.digest
      }
      #expect(hash.digest == Crypto.sha256(message), "\(size)")
    }
  }

  @Test func hmac() throws {
    for row in try Golden.rows("crypto.json", "hmac_sha256") {
      let mac = Hex.encode(Crypto.hmac(key: Golden.bytes(row, "key_hex"), Golden.bytes(row, "message_hex")))
      #expect(mac.hasPrefix(Golden.text(row, "mac")), Comment(rawValue: Golden.text(row, "name")))
    }
  }

  @Test func hkdf() throws {
    for row in try Golden.rows("crypto.json", "hkdf_sha256") {
      let key = Crypto.hkdf(
        ikm: Golden.bytes(row, "secret_hex"), salt: Golden.bytes(row, "salt_hex"),
        info: Golden.bytes(row, "info_hex"), nBytes: row["n_bytes"]?.intValue ?? 1)
      #expect(Hex.encode(key) == Golden.text(row, "key_hex"))
    }
  }

  @Test func requests() throws {
    for row in try Golden.rows("crypto.json", "requests") {
      let body = Data(Golden.bytes(row, "body_hex"))
      let timeMs = row["ts_ms"]?.intValue ?? 0
      let text = Signing.requestText(
        method: Golden.text(row, "method"), target: Golden.text(row, "target"), timeMs: timeMs,
        nonce: Golden.text(row, "nonce"), body: body)
      #expect(text == Golden.text(row, "text"))
      let header = Signing.requestHeaderValue(
        key: Golden.bytes(row, "key_hex"), deviceID: Golden.text(row, "device_id"),
        method: Golden.text(row, "method"), target: Golden.text(row, "target"), timeMs: timeMs,
        nonce: Golden.text(row, "nonce"), body: body)
      #expect(header == Golden.text(row, "header"))
    }
  }

  @Test func replies() throws {
    for row in try Golden.rows("crypto.json", "replies") {
      let key = Golden.bytes(row, "key_hex")
      let nonce = Golden.text(row, "nonce")
      let status = row["status"]?.intValue ?? 0
      let body = Data(Golden.bytes(row, "body_hex"))
      let header = Golden.text(row, "header")
      func isGenuine(_ header: String?, _ nonce: String, _ status: Int, _ body: Data) -> Bool {
        Signing.isGenuine(header: header, key: key, nonce: nonce, status: status, body: body)
      }
      #expect(isGenuine(header, nonce, status, body))
      #expect(!isGenuine(nil, nonce, status, body))
      #expect(!isGenuine(header, nonce, status + 1, body))
      #expect(!isGenuine(header, nonce, status, body + [0]))
      #expect(!isGenuine(header, nonce.dropLast() + "8", status, body))
      #expect(!isGenuine(header + "0", nonce, status, body))
      #expect(!isGenuine(header.replacingOccurrences(of: "PB1 ", with: "PB1 1"), nonce, status, body))
    }
  }

  @Test func pairings() throws {
    for row in try Golden.rows("crypto.json", "pairings") {
      let (hostID, deviceID) = (Golden.text(row, "host_id"), Golden.text(row, "device_id"))
      let (nonce, name) = (Golden.text(row, "nonce"), Golden.text(row, "device_name"))
      let key = PairingProof.key(
        secret: Golden.bytes(row, "secret_hex"), hostID: hostID, deviceID: deviceID, nonce: nonce)
      #expect(Hex.encode(key) == Golden.text(row, "key_hex"))
      #expect(
        PairingProof.ofPhone(key: key, hostID: hostID, deviceID: deviceID, nonce: nonce, name: name)
          == Golden.text(row, "phone_proof"))
      #expect(
        PairingProof.ofHost(key: key, hostID: hostID, deviceID: deviceID, nonce: nonce, name: name)
          == Golden.text(row, "host_proof"))
    }
  }

  @Test func seals() throws {
    for row in try Golden.rows("crypto.json", "seals") {
      var hash = Sha256()
      for line in row["lines"]?.arrayValue ?? [] {
        let event = try Wire.decode(Event.self, from: Data((line.stringValue ?? "").utf8))
        hash.update(try event.canonical() + [10])
      }
      #expect(hash.hexDigest == Golden.text(row, "events_sha256"))
    }
  }

  @Test func links() throws {
    let good = try Golden.rows("crypto.json", "links")
    for row in good {
      let link = try PairingLink(parsing: "  \(Golden.text(row, "link"))\n")
      #expect(link.host == Golden.text(row, "host"))
      #expect(link.port == row["port"]?.intValue)
      #expect(link.secret == Golden.bytes(row, "secret_hex"))
      #expect(link.hostID == Golden.text(row, "host_id"))
    }
    let bad = try Golden.rows("crypto.json", "bad_links")
    for row in bad {
      let text = row.stringValue ?? "phibench://"
      #expect(throws: WireError.self, Comment(rawValue: text)) { try PairingLink(parsing: text) }
    }
    #expect(!good.isEmpty && !bad.isEmpty)
  }

  @Test(arguments: [
    ("a", true), ("a/1", false), ("..", false), (".", false), ("", false), ("ä", false), ("a b", false),
  ])
  func identifiers(text: String, isValid: Bool) { #expect(Identifier.isValid(text) == isValid) }

  @Test(arguments: [
    ("r/0", true), ("r.1-_/123456789", true), ("r/01", false), ("r/-1", false), ("r/", false), ("/1", false),
    ("../1", false), ("r/1/2", false), ("r/1234567890", false), ("r/1\n", false), ("r/١", false),
  ])
  func launchIDs(text: String, isOne: Bool) { #expect(Identifier.isLaunchID(text) == isOne) }
}
