import BenchProtocol
import Foundation
import Testing

@testable import BenchClient

struct UploadTests {
  private let host: TestHost
  private let phone: Phone

  init() async throws {
    host = try TestHost()
    phone = try await Phone.paired(with: host)
  }

  private func uploader(_ gate: NetworkGate = NetworkGate()) throws -> Uploader {
    Uploader(bridge: try phone.bridge(), gate: gate)
  }

  private var nPosts: Int { host.now(\.log).count(where: { $0.hasPrefix("POST /v1/launches") }) }

  @Test func theHostHasTheVeryLinesOfTheJournal() async throws {
    let folder = try phone.journal("r/1", n: 2501)
    #expect(try await uploader().upload(folder))
    #expect(try host.lines("r/1", "b0") == phone.lines(folder))
    #expect(nPosts == 3)
    #expect(try folder.sent.isWhole)
    #expect(try await uploader().upload(folder))
    #expect(nPosts == 3)
  }

  @Test func largeEventsMakeSmallBatches() async throws {
    let folder = try phone.journal("r/1", n: 1, hasEnd: false)
    let trace = Trace(t0Ns: 0, dtNs: (0..<300).map { $0 * 1_000_000 })
    do {
      let journal = try folder.journal(boot: "b0")
      for index in 0..<4 {
        try journal.append(.iteration(Iteration(index: index, isWarmup: false, trace: trace)))
      }
    }
    var uploader = try uploader()
    uploader.mostBytes = 8000
    try await uploader.upload(folder)
    #expect(try host.lines("r/1", "b0") == phone.lines(folder))
    #expect(host.now(\.largestBody) <= 8000 + 100)
    #expect(nPosts == 2)
  }

  @Test func anEventBeyondABatchGoesAloneAndOneBeyondTheHostIsSaid() async throws {
    let folder = try phone.journal("r/1", n: 3)
    var uploader = try uploader()
    uploader.mostBytes = 10
    #expect(try await uploader.upload(folder))
    #expect(nPosts == 3)
    uploader.mostBodyBytes = 1024
    await #expect(throws: ClientError.eventTooLarge(launchID: "r/2", boot: "b0", seq: 0)) {
      try await uploader.upload(phone.journal("r/2", n: 3))
    }
  }

  @Test func bootsAreSentApart() async throws {
    try phone.journal("r/1", boot: "b0", n: 3, hasEnd: false)
    let folder = try phone.journal("r/1", boot: "b1", n: 1)
    #expect(try await uploader().upload(folder))
    #expect(try host.lines("r/1", "b0") + host.lines("r/1", "b1") == phone.lines(folder))
  }

  @Test func aCallThatHadItsEffectWithoutAnAnswerIsHarmless() async throws {
    let folder = try phone.journal("r/1", n: 1500)
    host.hangUp("/v1/launches")
    await #expect(throws: ClientError.self) { try await uploader().upload(folder) }
    #expect(try folder.sent == SentState())
    #expect(try await uploader().upload(folder))
    #expect(try host.lines("r/1", "b0") == phone.lines(folder))
  }

  @Test func itGoesOnWhereTheHostSaysItIs() async throws {
    let folder = try phone.journal("r/1", n: 30)
    var believed = SentState()
    believed.ackedSeq = ["b0": 20]
    try folder.remember(believed)
    #expect(try await uploader().upload(folder))
    #expect(try host.lines("r/1", "b0") == phone.lines(folder))
  }

  @Test func aHostThatMakesNoProgressIsNotAskedForEver() async throws {
    let folder = try phone.journal("r/1", n: 3)
    let body = try Wire.canonical(EventsReply(boot: "b0", ackedSeq: -1))
    for _ in 0..<5 {
      host.now { $0.faults.append(("/v1/launches", LoopbackServer.Reply(status: 200, body: body))) }
    }
    await #expect(throws: ClientError.stuck(launchID: "r/1", boot: "b0", seq: 0)) {
      try await uploader().upload(folder)
    }
    #expect(nPosts == 1)
  }

  @Test func aConflictIsTheHostsAffairAndTheRestGoesOn() async throws {
    let folder = try phone.journal("r/1", n: 3)
    host.now { $0.conflicts = ["r/1"] }
    #expect(try await uploader().upload(folder))
  }

  @Test func theLeaseGoesWithTheEvents() async throws {
    try host.offer("r/1")
    let offer = host.now { $0.jobs.removeFirst() }
    try phone.home.outbox.take(offer, launchID: "r/1")
    let folder = try phone.journal("r/1", n: 2)
    try await uploader().upload(folder)
    try await uploader().upload(phone.journal("r/2", n: 2))
    #expect(host.now(\.leases) == ["lease.1", nil])
  }

  @Test func nothingIsSentWhileTheGateIsClosed() async throws {
    let gate = NetworkGate()
    let folder = try phone.journal("r/1", n: 3)
    let uploader = try uploader(gate)
    await gate.close()
    let upload = Task { try await uploader.upload(folder) }
    for _ in 0..<200 { await Task.yield() }
    #expect(nPosts == 0)
    await gate.open()
    #expect(try await upload.value)
  }
}
