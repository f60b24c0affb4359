import Foundation
import Testing

@testable import BenchProtocol

struct OutboxTests {
  private let scratch: Scratch
  private var outbox: Outbox { Outbox(home: scratch.path) }

  init() throws { scratch = try Scratch() }

  private func leased(_ launchID: String) -> LeasedJob {
    LeasedJob(
      job: Job(
        launchID: launchID, model: ModelRef(model: "m", format: "none", quant: "none"), engine: "echo",
        workload: Workload(name: "w", nPromptTokens: 1, nGeneratedTokens: 1)),
      lease: Lease(id: "l", ttlS: 900))
  }

  @Test func launchesAreSortedByWhatIsLeftToDo() throws {
    let ids = ["r/2", "r/10", "q/1"]
    for id in ids { _ = try outbox.take(leased(id)) }
    #expect(outbox.launches().map(\.launchID) == ["q/1", "r/2", "r/10"])
    #expect(outbox.waiting().map(\.launchID) == ["q/1", "r/2", "r/10"])

    try outbox.folder(of: "q/1").journal(boot: "b").append(.starting(Starting(phase: .load)))
    #expect(outbox.waiting().map(\.launchID) == ["r/2", "r/10"])
    #expect(outbox.unended().map(\.launchID) == ["q/1"])

    try outbox.folder(of: "q/1").journal(boot: "b").append(.done(Done()))
    #expect(outbox.unended().isEmpty)
    #expect(outbox.unsent().map(\.launchID) == ["q/1", "r/2", "r/10"])

    var sent = SentState()
    sent.isWhole = true
    try outbox.folder(of: "q/1").remember(sent)
    #expect(outbox.unsent().map(\.launchID) == ["r/2", "r/10"])
    #expect(outbox.launches().count == 3)
  }

  @Test func theJobIsKeptAsItCame() throws {
    let folder = try outbox.take(leased("r/1"))
    #expect(try folder.job() == leased("r/1"))
    #expect(try FileManager.default.attributesOfItem(atPath: folder.path)[.posixPermissions] as? Int == 0o700)
  }

  @Test(arguments: ["../../x/1", "r/..", "r", "r/1/2", "/etc/1"])
  func noNameLeavesTheOutbox(launchID: String) {
    #expect(throws: WireError.self) { try outbox.folder(of: launchID) }
  }

  @Test func whatIsSetAsideIsKept() throws {
    for _ in 0..<2 {
      let folder = try outbox.take(leased("r/1"))
      try folder.journal(boot: "b").append(.starting(Starting(phase: .load)))
      let place = try outbox.setAside(folder, because: "the host knows no such launch")
      #expect(FileManager.default.fileExists(atPath: place + "/journal.jsonl"))
      #expect(FileManager.default.fileExists(atPath: place + "/reason.txt"))
    }
    #expect(outbox.launches().isEmpty)
  }

  @Test func aDamagedJournalIsNotPassedOver() throws {
    let folder = try outbox.take(leased("r/1"))
    try Data("nonsense\n".utf8).write(to: URL(fileURLWithPath: folder.journalPath))
    #expect(outbox.unended().map(\.launchID) == ["r/1"])
    #expect(outbox.waiting().isEmpty)
  }
}
