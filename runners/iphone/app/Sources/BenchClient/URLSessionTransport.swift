import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// HTTP by URLSession: nothing cached, no cookies, no redirect followed (it would carry the signature elsewhere).
///
/// On Linux this is FoundationNetworking over libcurl, which goes through a proxy when `http_proxy` is set and
/// `no_proxy` does not name the host.
public final class URLSessionTransport: Transport {
  private let session: URLSession

  /// A session of its own.
  public init() {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.urlCache = nil
    configuration.httpShouldSetCookies = false
    configuration.httpCookieAcceptPolicy = .never
    configuration.timeoutIntervalForResource = 120
    session = URLSession(configuration: configuration, delegate: RefuseRedirects(), delegateQueue: nil)
  }

  deinit { session.invalidateAndCancel() }

  /// See ``Transport``.
  public func send(_ request: HTTPRequest, to address: HostAddress) async throws -> HTTPReply {
    guard let url = URL(string: "http://\(address)\(request.target)") else {
      throw TransportError(reason: "\(address) is no address")
    }
    var wanted = URLRequest(url: url, timeoutInterval: request.timeoutS)
    wanted.httpMethod = request.method
    for (name, value) in request.headers { wanted.setValue(value, forHTTPHeaderField: name) }
    if request.method != "GET" { wanted.httpBody = request.body }
    do {
      let (body, reply) = try await session.data(for: wanted)
      guard let reply = reply as? HTTPURLResponse else {
        throw TransportError(reason: "the reply is not HTTP")
      }
      return HTTPReply(status: reply.statusCode, headers: Self.headers(of: reply), body: body)
    } catch let error as URLError {
      if error.code == .cancelled { throw CancellationError() }
      throw TransportError(reason: error.localizedDescription)
    }
  }

  private static func headers(of reply: HTTPURLResponse) -> [String: String] {
    reply.allHeaderFields.reduce(into: [:]) { headers, field in
      if let name = field.key as? String, let value = field.value as? String { headers[name] = value }
    }
  }
}

private final class RefuseRedirects: NSObject, URLSessionTaskDelegate, Sendable {
  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    completionHandler(nil)
  }
}
