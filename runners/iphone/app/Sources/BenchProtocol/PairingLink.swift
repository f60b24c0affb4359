import Foundation

/// What the QR code of `phibench bridge pair` says: where the host is and the one-time secret.
public struct PairingLink: Hashable, Sendable {
  public var host: String
  public var port: Int
  /// 16 bytes; never sent.
  public var secret: [UInt8]
  public var hostID: String

  public init(host: String, port: Int, secret: [UInt8], hostID: String) {
    self.host = host
    self.port = port
    self.secret = secret
    self.hostID = hostID
  }

  /// Parse `phibench://pair?v=1&h=<ip>&p=<port>&s=<32 hex>&id=<host_id>`.
  ///
  /// - Throws: ``WireError`` that names the part which is missing or wrong.
  public init(parsing text: String) throws {
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard let parts = URLComponents(string: text), parts.scheme?.lowercased() == "phibench",
      parts.host == "pair"
    else {
      throw WireError("link", "this is no pairing link; it begins with phibench://pair?")
    }
    var values: [String: String] = [:]
    for item in parts.queryItems ?? [] where values[item.name] == nil {
      values[item.name] = item.value ?? ""
    }
    guard values["v"] == String(benchLinkVersion) else {
      let version = values["v"] ?? "without a number"
      throw WireError("link.v", "version \(version) is not known here; update this app")
    }
    host = try Self.host(values["h"])
    guard let port = values["p"].flatMap({ Int($0) }), (1...65535).contains(port) else {
      throw WireError("link.p", "no port number")
    }
    self.port = port
    guard let secret = values["s"].flatMap({ Hex.decode($0) }), secret.count == 16 else {
      throw WireError("link.s", "the secret is not 32 hexadecimal digits; was the link cut?")
    }
    self.secret = secret
    guard let hostID = values["id"], Identifier.isValid(hostID) else {
      throw WireError("link.id", "no host id")
    }
    self.hostID = hostID
  }

  private static func host(_ text: String?) throws -> String {
    let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:%_")
    guard let text, (1...255).contains(text.count), text.allSatisfy(allowed.contains) else {
      throw WireError("link.h", "no address of a host")
    }
    return text
  }
}
