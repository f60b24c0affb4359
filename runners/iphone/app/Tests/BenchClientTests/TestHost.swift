import BenchProtocol
import Foundation

@testable import BenchClient

/// A host that keeps the wire's rules, written from them and not from the real one, with faults to order.
final class TestHost: @unchecked Sendable {
  let hostID = "host-1"
  let secret = [UInt8](repeating: 0xa5, count: 16)
  private let lock = NSLock()
  private var server: LoopbackServer?
  private var state = State()

  struct State {
    var key: [UInt8] = []
    var deviceID = ""
    /// Ours minus the phone's.
    var skewMs = 0
    var isRevoked = false
    var signsReplies = true
    /// Answers in place of ours; nil in it: the call has its effect, then we hang up.
    var faults: [(target: String, reply: LoopbackServer.Reply?)] = []
    var jobs: [JSONValue] = []
    var cancelled: Set<String> = []
    var unknown: Set<String> = []
    var conflicts: Set<String> = []
    var events: [String: [String: [Int: JSONValue]]] = [:]
    var nonces: Set<String> = []
    var leases: [String?] = []
    var log: [String] = []
    var largestBody = 0
    var hellos: [HelloRequest] = []
  }

  init() throws {
    server = try LoopbackServer { [weak self] in self?.answer($0) }
  }

  deinit { server?.stop() }

  var address: HostAddress { HostAddress(host: "127.0.0.1", port: server?.port ?? 0) }
  var link: PairingLink {
    PairingLink(host: "127.0.0.1", port: server?.port ?? 0, secret: secret, hostID: hostID)
  }

  func now<T>(_ change: (inout State) -> T) -> T { lock.withLock { change(&state) } }

  /// The next call whose target begins so is answered like this.
  func fail(_ target: String, _ status: Int, _ code: String, headers: [String: String] = [:]) {
    let body = (try? Wire.canonical(ErrorReply(error: .init(code: code, message: "no: \(code)")))) ?? Data()
    now { $0.faults.append((target, LoopbackServer.Reply(status: status, headers: headers, body: body))) }
  }

  func hangUp(_ target: String) { now { $0.faults.append((target, nil)) } }

  func offer(_ launchID: String, protocolVersion: Int = 1) throws {
    var job = Job(
      launchID: launchID, model: ModelRef(model: "m", format: "none", quant: "none"), engine: "echo",
      workload: Workload(name: "w", nPromptTokens: 1, nGeneratedTokens: 1))
    job.protocolVersion = protocolVersion
    let offer = try JSONValue(
      encoding: LeasedJob(job: job, lease: Lease(id: "lease.\(launchID.dropFirst(2))", ttlS: 900)))
    now { $0.jobs.append(offer) }
  }

  /// What the host has of a launch, in order, as canonical lines of one boot.
  func lines(_ launchID: String, _ boot: String) throws -> [String] {
    let events = now { $0.events[launchID]?[boot] ?? [:] }
    return try events.sorted { $0.key < $1.key }.map {
      String(decoding: try $0.value.canonical(), as: UTF8.self)
    }
  }

  private func answer(_ request: LoopbackServer.Request) -> LoopbackServer.Reply? {
    now { host in
      host.log.append("\(request.method) \(request.target)")
      host.largestBody = max(host.largestBody, request.body.count)
      let nonce = request.headers["x-bench-auth"]?.split(separator: " ").dropFirst(3).first.map(String.init)
      var reply: LoopbackServer.Reply
      switch host.faults.firstIndex(where: { request.target.hasPrefix($0.target) }).map({
        host.faults.remove(at: $0)
      }) {
      case (_, let refusal?)?: reply = refusal
      case (_, nil)?:
        _ = effect(request, &host)
        return nil
      case nil: reply = effect(request, &host)
      }
      if let nonce, host.signsReplies, !host.key.isEmpty {
        reply.headers["X-Bench-Reply"] = Signing.replyHeaderValue(
          key: host.key, nonce: nonce, status: reply.status, timeMs: now(host), body: reply.body)
      }
      return reply
    }
  }

  private func now(_ host: State) -> Int { Int(Date().timeIntervalSince1970 * 1000) + host.skewMs }

  private func effect(_ request: LoopbackServer.Request, _ host: inout State) -> LoopbackServer.Reply {
    guard request.headers["x-bench-protocol"] == "1" else { return refuse(400, "no_protocol", host) }
    switch request.target {
    case "/v1/time": return json(200, ServerTime(serverTimeMs: now(host), hostID: hostID))
    case "/v1/pair": return pair(request, &host)
    default: break
    }
    if let refusal = check(request, &host) { return refusal }
    let parts = request.target.split(separator: "/").map(String.init)
    switch (request.method, parts.count) {
    case ("POST", 2): return hello(request, &host)
    case ("GET", 3): return next(request, &host)
    case ("GET", 4): return report(parts[2] + "/" + parts[3], host)
    case ("POST", 5) where parts[4] == "events": return take(request, parts[2] + "/" + parts[3], &host)
    default: return refuse(404, "not_found", host)
    }
  }

  private func check(_ request: LoopbackServer.Request, _ host: inout State) -> LoopbackServer.Reply? {
    let auth = request.headers["x-bench-auth"] ?? ""
    let words = auth.split(separator: " ").map(String.init)
    guard words.count == 5, let timeMs = Int(words[2]) else { return refuse(401, "unsigned", host) }
    guard words[1] == host.deviceID else { return refuse(401, "unknown_device", host) }
    if host.isRevoked { return refuse(403, "revoked", host) }
    if abs(timeMs - now(host)) > 120_000 { return refuse(401, "stale", host) }
    let wanted = Signing.requestHeaderValue(
      key: host.key, deviceID: words[1], method: request.method, target: request.target, timeMs: timeMs,
      nonce: words[3], body: request.body)
    guard auth == wanted else { return refuse(401, "wrong_signature", host) }
    guard host.nonces.insert(words[3]).inserted else { return refuse(401, "replayed", host) }
    return nil
  }

  private func pair(_ request: LoopbackServer.Request, _ host: inout State) -> LoopbackServer.Reply {
    guard let asked = try? Wire.decode(PairRequest.self, from: request.body) else {
      return refuse(400, "bad_json", host)
    }
    let key = PairingProof.key(secret: secret, hostID: hostID, deviceID: asked.deviceID, nonce: asked.nonce)
    let wanted = PairingProof.ofPhone(
      key: key, hostID: hostID, deviceID: asked.deviceID, nonce: asked.nonce, name: asked.name)
    guard asked.proof == wanted else { return refuse(403, "wrong_proof", host) }
    (host.key, host.deviceID) = (key, asked.deviceID)
    let proof = PairingProof.ofHost(
      key: key, hostID: hostID, deviceID: asked.deviceID, nonce: asked.nonce, name: asked.name)
    return json(
      200,
      PairReply(deviceID: asked.deviceID, hostID: hostID, proof: proof, serverTimeMs: now(host), pollWaitS: 0)
    )
  }

  private func hello(_ request: LoopbackServer.Request, _ host: inout State) -> LoopbackServer.Reply {
    guard let hello = try? Wire.decode(HelloRequest.self, from: request.body) else {
      return refuse(422, "bad_value", host)
    }
    host.hellos.append(hello)
    let unknown = host.unknown
    let actions = hello.unfinished.map {
      HelloAction(launchID: $0.launchID, verb: unknown.contains($0.launchID) ? .abandon : .upload)
    }
    return json(200, HelloReply(actions: actions, pollWaitS: 0))
  }

  private func next(_ request: LoopbackServer.Request, _ host: inout State) -> LoopbackServer.Reply {
    // A job stays ours to give until an event of it has arrived: the reply may have been lost.
    let most = Int(request.target.split(separator: "=").last ?? "1") ?? 1
    let given = Array(host.jobs.prefix(most))
    return given.isEmpty ? LoopbackServer.Reply(status: 204) : json(200, NextJobs(given))
  }

  private struct NextJobs: Encodable {
    let jobs: [JSONValue]
    init(_ jobs: [JSONValue]) { self.jobs = jobs }
  }

  private func report(_ launchID: String, _ host: State) -> LoopbackServer.Reply {
    if host.unknown.contains(launchID) { return refuse(404, "unknown_launch", host) }
    return json(
      200, JobReport(launchID: launchID, state: .leased, isCancelled: host.cancelled.contains(launchID)))
  }

  private func take(_ request: LoopbackServer.Request, _ launchID: String, _ host: inout State)
    -> LoopbackServer.Reply
  {
    if host.unknown.contains(launchID) { return refuse(404, "unknown_launch", host) }
    guard let post = try? JSONValue(parsing: request.body), let events = post["events"]?.arrayValue,
      let boot = events.first?["boot"]?.stringValue, (1...1000).contains(events.count)
    else { return refuse(422, "bad_event", host) }
    host.jobs.removeAll { $0["job"]?["launch_id"]?.stringValue == launchID }
    host.leases.append(post["lease_id"]?.stringValue)
    for event in events {
      guard let seq = event["seq"]?.intValue, event["boot"]?.stringValue == boot else {
        return refuse(422, "bad_event", host)
      }
      if host.events[launchID]?[boot]?[seq] == nil {
        host.events[launchID, default: [:]][boot, default: [:]][seq] = event
      }
    }
    let known = host.events[launchID]?[boot] ?? [:]
    let acked = (0...).lazy.first { known[$0] == nil }.map { $0 - 1 } ?? -1
    let status = host.conflicts.remove(launchID) == nil ? 200 : 409
    return json(status, EventsReply(boot: boot, ackedSeq: acked))
  }

  private func refuse(_ status: Int, _ code: String, _ host: State) -> LoopbackServer.Reply {
    json(
      status,
      ErrorReply(
        error: .init(code: code, message: "no: \(code)"), serverTimeMs: status == 401 ? now(host) : nil))
  }

  private func json(_ status: Int, _ body: some Encodable) -> LoopbackServer.Reply {
    LoopbackServer.Reply(
      status: status, headers: ["Content-Type": "application/json"],
      body: (try? Wire.canonical(body)) ?? Data())
  }
}
