import Foundation

/// Where a host listens.
public struct HostAddress: Codable, Hashable, Sendable, CustomStringConvertible {
  /// An address or a name; of IPv6 without brackets.
  public var host: String
  /// Port of TCP.
  public var port: Int

  /// An address as a pairing link gives it.
  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// As it stands in a URL.
  public var description: String {
    host.contains(":") ? "[\(host.replacingOccurrences(of: "%", with: "%25"))]:\(port)" : "\(host):\(port)"
  }
}

/// One call of the bridge, with its bytes as they are signed and sent.
public struct HTTPRequest: Sendable {
  /// GET or POST.
  public var method: String
  /// Path and query; nothing in it needs escaping.
  public var target: String
  /// Header fields beside those of HTTP itself.
  public var headers: [String: String]
  /// Empty for a GET.
  public var body: Data
  /// Longest silence of the host.
  public var timeoutS: Double
}

/// What came back.
public struct HTTPReply: Sendable {
  /// Of HTTP.
  public var status: Int
  /// By lower-case names.
  public var headers: [String: String]
  /// The bytes as they came, which the signature is over.
  public var body: Data

  /// A reply; names of headers in any case.
  public init(status: Int, headers: [String: String], body: Data) {
    self.status = status
    self.headers = Dictionary(
      headers.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
    self.body = body
  }
}

/// No reply came: nobody there, time over, cut off.
public struct TransportError: Error, Hashable, Sendable {
  /// In the system's words.
  public var reason: String
}

/// Carries a request to a host and brings its reply, once; it neither retries nor follows a redirect.
public protocol Transport: Sendable {
  /// - Throws: ``TransportError``, or `CancellationError` when the task was cancelled.
  func send(_ request: HTTPRequest, to address: HostAddress) async throws -> HTTPReply
}
