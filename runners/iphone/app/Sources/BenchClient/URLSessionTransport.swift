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
    let flight = Flight(session, wanted)
    let (body, reply) = try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { flight.start($0) }
    } onCancel: {
      flight.cancel()
    }
    guard let reply = reply as? HTTPURLResponse else { throw TransportError(reason: "the reply is not HTTP") }
    return HTTPReply(status: reply.statusCode, headers: Self.headers(of: reply), body: body)
  }

  private static func headers(of reply: HTTPURLResponse) -> [String: String] {
    reply.allHeaderFields.reduce(into: [:]) { headers, field in
      if let name = field.key as? String, let value = field.value as? String { headers[name] = value }
    }
  }
}

/// One request under way, which ends exactly once.
///
/// URLSession's own async calls are not used: on Linux one that is cancelled as it begins may never return.
private final class Flight: @unchecked Sendable {
  typealias Outcome = (Data, URLResponse)

  private let lock = NSLock()
  private let session: URLSession
  private let request: URLRequest
  private var task: URLSessionDataTask?
  private var waiter: CheckedContinuation<Outcome, any Error>?
  private var isCancelled = false

  init(_ session: URLSession, _ request: URLRequest) {
    self.session = session
    self.request = request
  }

  func start(_ waiter: CheckedContinuation<Outcome, any Error>) {
    lock.withLock { self.waiter = waiter }
    let task = session.dataTask(with: request) { [self] data, reply, error in
      if let reply, error == nil {
        end(.success((data ?? Data(), reply)))
      } else {
        end(.failure(TransportError(reason: error?.localizedDescription ?? "no reply")))
      }
    }
    let isCancelled = lock.withLock {
      self.task = task
      return self.isCancelled
    }
    if isCancelled { end(.failure(CancellationError())) } else { task.resume() }
  }

  func cancel() {
    let task = lock.withLock {
      isCancelled = true
      return self.task
    }
    end(.failure(CancellationError()))
    task?.cancel()
  }

  private func end(_ outcome: Result<Outcome, any Error>) {
    let waiter = lock.withLock {
      defer { self.waiter = nil }
      return self.waiter
    }
    waiter?.resume(with: outcome)
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
