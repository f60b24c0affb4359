import BenchProtocol
import Foundation
import Testing

@testable import BenchClient

struct CourierTests {
  private let host: TestHost
  private let phone: Phone

  init() async throws {
    host = try TestHost()
    phone = try await Phone.paired(with: host)
  }

  private let done: Courier.Execute = { try $0.journal.append(.done(Done())) }

  private func isWhole(_ launchID: String) throws -> Bool {
    try phone.home.outbox.folder(of: launchID).sent.isWhole
  }

  @Test func jobsAreTakenRunAndHandedIn() async throws {
    for number in 0..<3 { try host.offer("r/\(number)") }
    let reason = try await phone.courier().run(Phone.once, hello: Phone.hello) { launch in
      try launch.journal.append(.starting(Starting(phase: .load)))
      try launch.journal.append(.done(Done()))
    }
    #expect(reason == .idle)
    for number in 0..<3 {
      let folder = try phone.home.outbox.folder(of: "r/\(number)")
      #expect(try host.lines("r/\(number)", "b0") == phone.lines(folder))
      #expect(try isWhole("r/\(number)"))
    }
    #expect(host.now(\.hellos).count == 1)
    #expect(host.now(\.leases).allSatisfy { $0 != nil })
  }

  @Test func eventsArriveWhileTheLaunchRuns() async throws {
    try host.offer("r/1")
    let host = host
    let reason = try await phone.courier().run(Phone.once, hello: Phone.hello) { launch in
      try launch.journal.append(.starting(Starting(phase: .gate)))
      while try host.lines("r/1", "b0").isEmpty { try await Task.sleep(for: .milliseconds(2)) }
      try launch.journal.append(.done(Done()))
    }
    #expect(reason == .idle)
  }

  @Test func nothingIsSentInATimedRegion() async throws {
    try host.offer("r/1")
    let gate = NetworkGate()
    let host = host
    _ = try await phone.courier(gate: gate).run(Phone.once, hello: Phone.hello) { launch in
      await gate.close()
      let before = host.now(\.log.count)
      for index in 0..<5 {
        try launch.journal.append(.starting(Starting(phase: .iteration, index: index)))
        for _ in 0..<100 { await Task.yield() }
      }
      #expect(host.now(\.log.count) == before)
      await gate.open()
      try launch.journal.append(.done(Done()))
    }
    #expect(try isWhole("r/1"))
  }

  @Test func aSilentHostIsAskedLaterAndLater() async throws {
    try host.offer("r/1")
    for _ in 0..<4 { host.hangUp("/v1/hello") }
    host.fail("/v1/jobs/next", 503, "storage", headers: ["Retry-After": "7"])
    var options = CourierOptions()
    options.idleExitS = 30
    let courier = try phone.courier()
    let notes = phone.notes
    let run = Task { try await courier.run(options, hello: Phone.hello, execute: done) }
    while !notes.all.contains(.uploaded(launchID: "r/1")) { try await Task.sleep(for: .milliseconds(2)) }
    run.cancel()
    #expect(try await run.value == .stopped)
    let pauses = phone.pauses.all
    try #require(pauses.count >= 5)
    #expect((0.25...0.5).contains(pauses[0]) && (2...4).contains(pauses[3]))
    #expect(pauses[4] == 7)
  }

  @Test func revokedStopsAtOnce() async throws {
    host.now { $0.isRevoked = true }
    await #expect(throws: ClientError.revoked(isProven: true)) {
      try await phone.courier().run(hello: Phone.hello, execute: done)
    }
    #expect(phone.pauses.all.isEmpty)
  }

  @Test func aLaunchWhoseRunWasRemovedIsNotWantedAnyMore() async throws {
    let courier = try phone.courier()
    #expect(await !courier.isCancelled("r/1"))
    host.now { _ = $0.unknown.insert("r/1") }
    #expect(await courier.isCancelled("r/1"))
    host.now { $0.signsReplies = false }
    #expect(await !courier.isCancelled("r/1"), "only the paired host may say so")
  }

  @Test func anUnpluggedRunIsHandedInLater() async throws {
    for number in 0..<4 { try host.offer("r/\(number)") }
    var options = CourierOptions()
    options.takeAtOnce = 3
    options.isOfflineAfterTake = true
    let host = host
    let taken = Log<Int>()
    let reason = try await phone.courier().run(options, hello: Phone.hello) { launch in
      taken.add(host.now(\.log.count))
      #expect(await !launch.isCancelled())
      try launch.journal.append(.done(Done()))
    }
    #expect(reason == .offlineDone)
    #expect(taken.all == [Int](repeating: host.now(\.log.count), count: 3))
    #expect(host.now(\.events).isEmpty)

    #expect(try await phone.courier(boot: "b1").run(Phone.once, hello: Phone.hello, execute: done) == .idle)
    for number in 0..<4 { #expect(try isWhole("r/\(number)")) }
    #expect(host.now(\.hellos).last?.unfinished.map(\.launchID) == ["r/0", "r/1", "r/2"])
  }

  @Test func jobsTakenAlongAreRunAlthoughTheHostIsSilent() async throws {
    try host.offer("r/1")
    let offer = host.now { $0.jobs.removeFirst() }
    try phone.home.outbox.take(offer, launchID: "r/1")
    host.hangUp("/v1/time")
    let reason = try await phone.courier().run(Phone.once, hello: Phone.hello, execute: done)
    #expect(reason == .idle)
    #expect(try isWhole("r/1"))
  }

  @Test func whatTheHostDoesNotKnowIsSetAsideAndKept() async throws {
    try phone.journal("r/1", n: 3)
    try phone.journal("r/2", n: 3)
    host.now { $0.unknown = ["r/1"] }
    _ = try await phone.courier(boot: "b1").run(Phone.once, hello: Phone.hello, execute: done)
    #expect(FileManager.default.fileExists(atPath: phone.home.path + "/aside/r/1/journal.jsonl"))
    #expect(host.now(\.events)["r/1"] == nil)
    #expect(try isWhole("r/2"))
  }

  @Test func aJobCancelledBeforeItBeganIsNotRun() async throws {
    try host.offer("r/1")
    host.now { $0.cancelled = ["r/1"] }
    _ = try await phone.courier().run(Phone.once, hello: Phone.hello) { _ in Issue.record("it ran") }
    #expect(try host.lines("r/1", "b0").first?.contains(#""kind":"cancelled""#) == true)
  }

  @Test func aJobOfAnotherProtocolOrFormEndsInWords() async throws {
    try host.offer("r/1", protocolVersion: 2)
    host.now {
      $0.jobs.append(["job": ["launch_id": "r/2", "engine": 5], "lease": ["id": "l", "ttl_s": 900]])
    }
    try host.offer("r/3")
    var options = Phone.once
    options.takeAtOnce = 3
    _ = try await phone.courier().run(options, hello: Phone.hello, execute: done)
    #expect(try host.lines("r/1", "b0").first?.contains(#""kind":"unsupported""#) == true)
    #expect(try host.lines("r/2", "b0").first?.contains(#""kind":"protocol_error""#) == true)
    #expect(try host.lines("r/3", "b0").first?.contains(#""type":"done""#) == true)
  }

  @Test func aLaunchThatThrowsHasAnEnd() async throws {
    try host.offer("r/1")
    try host.offer("r/2")
    _ = try await phone.courier().run(Phone.once, hello: Phone.hello) { launch in
      if launch.job.launchID == "r/1" { throw WireError("a", "b") }
    }
    #expect(try host.lines("r/1", "b0").first?.contains(#""kind":"crashed""#) == true)
    #expect(try host.lines("r/2", "b0").first?.contains(#""kind":"protocol_error""#) == true)
  }

  @Test func aJobThatWasRunIsNotRunAgain() async throws {
    try phone.journal("r/1", n: 2)
    _ = try await phone.courier().run(Phone.once, hello: Phone.hello, execute: done)
    try host.offer("r/1")
    host.now { $0.events = [:] }
    _ = try await phone.courier(boot: "b1").run(Phone.once, hello: Phone.hello) { _ in
      Issue.record("it ran again")
    }
    #expect(try host.lines("r/1", "b0").count == 2)
  }

  @Test func aDamagedJournalDoesNotHoldUpTheOthers() async throws {
    let folder = try phone.journal("r/1", n: 2)
    try Data("nonsense\n".utf8).write(to: URL(fileURLWithPath: folder.journalPath))
    try phone.journal("r/2", n: 2)
    _ = try await phone.courier(boot: "b1").run(Phone.once, hello: Phone.hello, execute: done)
    #expect(try isWhole("r/2"))
    #expect(FileManager.default.fileExists(atPath: phone.home.path + "/aside/r/1/reason.txt"))
  }

  @Test func anEventTheHostRefusesDoesNotHoldUpTheOthers() async throws {
    try phone.journal("r/1", n: 2)
    try phone.journal("r/2", n: 2)
    host.fail("/v1/launches/r/1", 422, "bad_event")
    _ = try await phone.courier(boot: "b1").run(Phone.once, hello: Phone.hello, execute: done)
    #expect(try isWhole("r/2"))
    #expect(try !isWhole("r/1"))
  }
}
