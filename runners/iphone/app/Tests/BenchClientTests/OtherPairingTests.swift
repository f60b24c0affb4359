import BenchProtocol
import Foundation
import Testing

@testable import BenchClient

/// A phone that is paired anew while it still holds launches of the pairing before.
struct OtherPairingTests {
  private let host: TestHost
  private let phone: Phone
  private let done: Courier.Execute = { try $0.journal.append(.done(Done())) }

  init() async throws {
    host = try TestHost()
    phone = try await Phone.paired(with: host)
  }

  /// r/0 and r/1 are taken along, r/0 is run when asked; then the phone is paired anew.
  private func pairAnew(runs: Bool) async throws {
    for number in 0..<2 { try host.offer("r/\(number)") }
    let courier = try phone.courier()
    _ = try await courier.take(most: 2, waitS: 0)
    if runs { try await courier.runOne(folder("r/0"), isOffline: true, execute: done) }
    let before = try phone.home.pairing().pairing
    let after = try await phone.home.pair(with: host.link, name: "Zoë")
    #expect(before.owner != after.owner)
    host.now {
      $0.jobs = []
      $0.unknown = ["r/0", "r/1"]
      $0.log = []
    }
  }

  private func folder(_ launchID: String) throws -> LaunchFolder {
    try phone.home.outbox.folder(of: launchID)
  }

  private var asideIsEmpty: Bool { !FileManager.default.fileExists(atPath: phone.home.path + "/aside") }

  @Test func launchesOfAnotherPairingStayAndAreNotSent() async throws {
    try await pairAnew(runs: true)
    let lines = try phone.lines(folder("r/0"))
    try host.offer("s/0")
    _ = try await phone.courier(boot: "b1").run(Phone.once, hello: Phone.hello) { launch in
      #expect(launch.job.launchID == "s/0")
      try launch.journal.append(.done(Done()))
    }
    #expect(try folder("s/0").sent.isWhole)
    #expect(host.now(\.hellos).last?.unfinished == [])
    #expect(host.now(\.log).allSatisfy { !$0.contains("/r/") })
    #expect(try phone.lines(folder("r/0")) == lines && asideIsEmpty)
    #expect(try folder("r/1").read().index.entries.isEmpty)
    #expect(phone.notes.all.contains(.otherPairing(nLaunches: 2)))
    let pairing = try phone.home.pairing().pairing
    #expect(phone.home.strangers(to: pairing).map(\.launchID) == ["r/0", "r/1"])
  }

  @Test func aHostMayNotAbandonWhatIsOfAnotherPairing() async throws {
    try await pairAnew(runs: true)
    let reply = HelloReply(actions: [HelloAction(launchID: "r/0", verb: .abandon)], pollWaitS: 0)
    let body = try Wire.canonical(reply)
    host.now { $0.faults.append(("/v1/hello", LoopbackServer.Reply(status: 200, body: body))) }
    try await phone.courier(boot: "b1").greet(Phone.hello())
    #expect(host.now(\.faults.isEmpty) && asideIsEmpty)
  }

  @Test func aLaunchGivenOutAnewIsRunAndTheOldOneIsKept() async throws {
    try await pairAnew(runs: true)
    host.now { $0.unknown = [] }
    try host.offer("r/0")
    _ = try await phone.courier(boot: "b1").run(Phone.once, hello: Phone.hello, execute: done)
    #expect(try host.lines("r/0", "b1").count == 1 && host.lines("r/0", "b0").isEmpty)
    #expect(FileManager.default.fileExists(atPath: phone.home.path + "/aside/r/0/journal.jsonl"))
  }

  @Test func aJobNotBegunIsTakenOverWhenItIsGivenOutAnew() async throws {
    try await pairAnew(runs: false)
    host.now { $0.unknown = [] }
    try host.offer("r/1")
    _ = try await phone.courier(boot: "b1").run(Phone.once, hello: Phone.hello, execute: done)
    #expect(try folder("r/1").sent.isWhole && asideIsEmpty)
    #expect(try folder("r/0").read().index.entries.isEmpty)
  }

  @Test func aLaunchWithoutAWordIsOfThePairingThereIsAndADamagedWordOfNone() throws {
    let pairing = try phone.home.pairing().pairing
    let folder = try phone.journal("r/1", n: 2)
    #expect(folder.isOwned(by: pairing.owner))
    try Data("{".utf8).write(to: URL(fileURLWithPath: folder.path + "/pairing.json"))
    #expect(!folder.isOwned(by: pairing.owner))
  }
}
