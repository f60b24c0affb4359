import BenchProtocol
import Foundation
import Testing

@testable import BenchClient

struct BridgeTests {
  private let host: TestHost
  private let phone: Phone

  init() async throws {
    host = try TestHost()
    phone = try await Phone.paired(with: host)
  }

  @Test(arguments: [-3_600_000, 0, 86_400_000])
  func theClockIsSetByAsking(skewMs: Int) async throws {
    host.now { $0.skewMs = skewMs }
    let bridge = try phone.bridge()
    try await bridge.setClock()
    #expect(abs(await bridge.offsetMs - skewMs) < 5000)
    _ = try await bridge.report("r/1")
    #expect(host.now(\.log).count(where: { $0.contains("/v1/jobs/") }) == 1)
  }

  @Test func aStaleTimeIsCorrectedAndTriedOnce() async throws {
    host.now { $0.skewMs = 600_000 }
    let bridge = try phone.bridge()
    _ = try await bridge.report("r/1")
    #expect(abs(await bridge.offsetMs - 600_000) < 5000)
    #expect(host.now(\.log).count(where: { $0.contains("/v1/jobs/") }) == 2)
  }

  @Test func aHostThatKeepsRefusingTheTimeIsNotAskedForEver() async throws {
    let bridge = try phone.bridge()
    for _ in 0..<2 { host.fail("/v1/jobs", 401, "stale") }
    await #expect(throws: ClientError.clockRefused) { try await bridge.report("r/1") }
  }

  @Test func aReplyWithoutSignatureIsNotBelieved() async throws {
    host.now { $0.signsReplies = false }
    let bridge = try phone.bridge()
    await #expect(throws: ClientError.forgedReply(host.address, status: 200)) {
      try await bridge.report("r/1")
    }
    await #expect(throws: ClientError.forgedReply(host.address, status: 204)) {
      try await bridge.nextJobs(waitS: 0, most: 1)
    }
    host.now { $0.unknown = ["r/1"] }
    await #expect(throws: ClientError.forgedReply(host.address, status: 404)) {
      try await bridge.post(Data(#"{"events":[]}"#.utf8), launchID: "r/1")
    }
  }

  @Test func aReplySignedWithAnotherKeyIsNotBelieved() async throws {
    let (pairing, key) = try phone.home.pairing()
    let bridge = Bridge(pairing: pairing, key: key.map { $0 ^ 1 }, transport: URLSessionTransport())
    await #expect(throws: ClientError.wrongKey) { try await bridge.report("r/1") }
  }

  @Test(arguments: [true, false])
  func revokedIsSaidAndFinal(isProven: Bool) async throws {
    host.now {
      $0.isRevoked = true
      $0.signsReplies = isProven
    }
    let bridge = try phone.bridge()
    let error = await #expect(throws: ClientError.revoked(isProven: isProven)) {
      try await bridge.report("r/1")
    }
    #expect(error?.isFinal == true && error?.isTransient == false)
  }

  @Test func refusalsSayWhatTheyMean() async throws {
    let bridge = try phone.bridge()
    let cases: [(Int, String, ClientError)] = [
      (426, "other_protocol", .otherProtocol("no: other_protocol")),
      (401, "unknown_device", .unknownDevice),
      (503, "storage", .busy("no: storage", retryAfterS: 5)),
      (429, "too_many", .busy("no: too_many", retryAfterS: 5)),
      (404, "unknown_launch", .unknownLaunch("no: unknown_launch")),
      (422, "bad_value", .refused(status: 422, code: "bad_value", message: "no: bad_value")),
    ]
    for (status, code, wanted) in cases {
      host.fail("/v1/jobs", status, code, headers: ["Retry-After": "5"])
      await #expect(throws: wanted) { try await bridge.report("r/1") }
    }
  }

  @Test func noRedirectIsFollowed() async throws {
    let other = try TestHost()
    let place = "http://\(other.address)/v1/jobs/r/1"
    host.now {
      $0.faults.append(("/v1/jobs", LoopbackServer.Reply(status: 307, headers: ["Location": place])))
    }
    let bridge = try phone.bridge()
    await #expect(throws: ClientError.unexpected(host.address, status: 307)) {
      try await bridge.report("r/1")
    }
    #expect(other.now(\.log).isEmpty)
  }

  @Test func nobodyThereIsTransient() async throws {
    let server = try LoopbackServer { _ in nil }
    let (pairing, key) = try phone.home.pairing()
    var elsewhere = pairing
    elsewhere.address.port = server.port
    server.stop()
    let bridge = Bridge(pairing: elsewhere, key: key, transport: URLSessionTransport())
    let error = await #expect(throws: ClientError.self) { try await bridge.report("r/1") }
    #expect(error?.isTransient == true)
  }

  @Test func aSignedRequestIsNeverSentTwice() async throws {
    let bridge = try phone.bridge()
    for _ in 0..<20 { _ = try await bridge.report("r/1") }
    #expect(host.now(\.nonces).count == 20)
  }
}
