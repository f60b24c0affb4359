import BenchProtocol
import Foundation

/// The signed calls of one paired host. Each is one request, or two when the host corrects our clock.
actor Bridge {
  let pairing: Pairing
  private let key: [UInt8]
  private let transport: any Transport
  private let wallClockMs: @Sendable () -> Int
  /// Host's time minus ours.
  private(set) var offsetMs = 0

  init(
    pairing: Pairing, key: [UInt8], transport: any Transport,
    wallClockMs: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970 * 1000) }
  ) {
    self.pairing = pairing
    self.key = key
    self.transport = transport
    self.wallClockMs = wallClockMs
  }

  /// Find the offset to the host's clock: of three questions the one that was answered fastest counts.
  ///
  /// The host's two stamps are one and the same, so the offset is its time minus the middle of ours.
  /// - Throws: ``ClientError``.
  func setClock() async throws {
    var best: (tookMs: Int, offsetMs: Int)?
    for _ in 0..<3 {
      let sentMs = wallClockMs()
      let reply = try await plain("GET", "/v1/time")
      let backMs = wallClockMs()
      let time = try decoded(ServerTime.self, reply)
      guard time.hostID == pairing.hostID else {
        throw ClientError.forgedReply(pairing.address, status: reply.status)
      }
      let tookMs = backMs - sentMs
      if best == nil || tookMs < best?.tookMs ?? 0 {
        best = (tookMs, time.serverTimeMs - (sentMs + backMs) / 2)
      }
    }
    offsetMs = best?.offsetMs ?? offsetMs
  }

  func hello(_ hello: HelloRequest) async throws -> HelloReply {
    try decoded(HelloReply.self, await call("POST", "/v1/hello", try Wire.canonical(hello)))
  }

  /// The jobs handed out, each as it came: one that this version cannot read must not hide the others.
  func nextJobs(waitS: Int, most: Int) async throws -> [JSONValue] {
    let target = "/v1/jobs/next?wait=\(min(max(waitS, 0), 25))&max=\(min(max(most, 1), 16))"
    let reply = try await call("GET", target, timeoutS: Double(waitS) + 15)
    if reply.status == 204 { return [] }
    return try decoded([String: JSONValue].self, reply)["jobs"]?.arrayValue ?? []
  }

  func report(_ launchID: String) async throws -> JobReport {
    try decoded(JobReport.self, await call("GET", "/v1/jobs/\(launchID)"))
  }

  /// Post a body of events. A conflict is recorded on the host and acknowledged like the rest.
  func post(_ body: Data, launchID: String) async throws -> EventsReply {
    let reply = try await call("POST", "/v1/launches/\(launchID)/events", body, accepts: [409], timeoutS: 30)
    return try decoded(EventsReply.self, reply)
  }

  func release(_ launchID: String, _ request: ReleaseRequest) async throws {
    _ = try await call("POST", "/v1/jobs/\(launchID)/release", try Wire.canonical(request))
  }

  private func plain(_ method: String, _ target: String) async throws -> HTTPReply {
    let request = HTTPRequest(
      method: method, target: target, headers: Refusals.plainHeaders, body: Data(), timeoutS: 10)
    let reply = try await Refusals.send(request, to: pairing.address, by: transport)
    guard reply.status == 200 else {
      throw Refusals.error(in: reply, from: pairing.address, isGenuine: false)
    }
    return reply
  }

  private func decoded<T: Decodable>(_ type: T.Type, _ reply: HTTPReply) throws -> T {
    do {
      return try Wire.decode(type, from: reply.body)
    } catch let error as WireError {
      throw ClientError.refused(status: reply.status, code: "unreadable", message: "\(error)")
    }
  }

  /// One signed call; its reply is believed only when the host signed it for this very request.
  private func call(
    _ method: String, _ target: String, _ body: Data = Data(), accepts: Set<Int> = [],
    timeoutS: Double = 15
  ) async throws -> HTTPReply {
    for isLastTry in [false, true] {
      let nonce = Identifier.random(nBytes: 16)
      let request = signed(method, target, body, nonce, timeoutS)
      let reply = try await Refusals.send(request, to: pairing.address, by: transport)
      let isGenuine = Signing.isGenuine(
        header: reply.headers[Signing.replyHeader.lowercased()], key: key, nonce: nonce,
        status: reply.status, body: reply.body)
      if (200..<300).contains(reply.status) || accepts.contains(reply.status) {
        guard isGenuine else { throw ClientError.forgedReply(pairing.address, status: reply.status) }
        return reply
      }
      guard isGenuine, !isLastTry, isWorthAnother(reply) else {
        throw refusal(reply, isGenuine)
      }
    }
    throw ClientError.clockRefused
  }

  private func signed(
    _ method: String, _ target: String, _ body: Data, _ nonce: String, _ timeoutS: Double
  ) -> HTTPRequest {
    var headers = Refusals.plainHeaders
    headers[Signing.requestHeader] = Signing.requestHeaderValue(
      key: key, deviceID: pairing.deviceID, method: method, target: target,
      timeMs: wallClockMs() + offsetMs, nonce: nonce, body: body)
    return HTTPRequest(method: method, target: target, headers: headers, body: body, timeoutS: timeoutS)
  }

  /// Whether the host only disliked time or nonce; takes over the host's time.
  private func isWorthAnother(_ reply: HTTPReply) -> Bool {
    guard reply.status == 401, let body = try? Wire.decode(ErrorReply.self, from: reply.body) else {
      return false
    }
    if body.error.code == "replayed" { return true }
    guard body.error.code == "stale", let serverTimeMs = body.serverTimeMs else { return false }
    offsetMs = serverTimeMs - wallClockMs()
    return true
  }

  private func refusal(_ reply: HTTPReply, _ isGenuine: Bool) -> ClientError {
    let error = Refusals.error(in: reply, from: pairing.address, isGenuine: isGenuine)
    if case .refused(401, "stale", _) = error { return .clockRefused }
    if case .refused(404...422, _, _) = error, !isGenuine {
      return .forgedReply(pairing.address, status: reply.status)
    }
    return error
  }
}
