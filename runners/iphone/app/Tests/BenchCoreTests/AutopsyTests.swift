import BenchProtocol
import Foundation
import Testing

@testable import BenchCore

@Suite struct AutopsyTests {
  private func verdict(_ nowNs: Int = 1000, phase: Phase? = nil, _ change: (inout BlackBoxRecord) -> Void)
    -> Failure
  {
    var words = BlackBoxRecord(boot: "b")
    words.heartbeatNs = 500
    words.phase = .iteration
    words.nTokens = 50
    change(&words)
    return Autopsy.verdict(lastWords: words, lastPhase: phase, nowNs: nowNs)
  }

  @Test func whatTheAppHeardIsNoGuess() {
    let aborted = verdict { $0.signal = 6 }
    #expect(aborted.kind == .aborted && aborted.isSuspected == nil)
    let crashed = verdict { $0.signal = 11 }
    #expect(crashed.kind == .crashed && crashed.message.contains("SIGSEGV") && crashed.isSuspected == nil)
  }

  @Test func aSilentDeathIsInferred() {
    let short = verdict { $0.availableBytes = 199 << 20 }
    #expect(short.kind == .outOfMemory && short.isSuspected == true)
    #expect(verdict { $0.availableBytes = 200 << 20 }.kind == .crashed)
    #expect(verdict { $0.nMemoryWarnings = 1 }.kind == .outOfMemory)
    #expect(verdict { $0.phase = .load }.kind == .outOfMemory)
    #expect(verdict { $0.nTokens = 0 }.kind == .outOfMemory)
    let outside = verdict { _ in }
    #expect(
      outside.kind == .crashed && outside.isSuspected == true && outside.message.contains("about 50 tokens"))
  }

  @Test func aPersonTheBackgroundAndARestartComeBeforeMemory() {
    let shortOfMemory: (inout BlackBoxRecord) -> Void = { $0.availableBytes = 0 }
    #expect(
      verdict {
        shortOfMemory(&$0); $0.isStopping = true
      }.kind == .cancelled)
    #expect(
      verdict {
        shortOfMemory(&$0); $0.isTraced = true
      }.kind == .cancelled)
    #expect(
      verdict {
        shortOfMemory(&$0); $0.scene = .background
      }.kind == .backgrounded)
    #expect(verdict(400) { shortOfMemory(&$0) }.kind == .deviceLost)
    #expect(
      verdict {
        shortOfMemory(&$0); $0.hasJournalFailed = true
      }.kind == .unavailable)
  }

  @Test func thePhaseIsTheBoxsOrElseTheJournals() {
    #expect(verdict(phase: .load) { _ in }.phase == .iteration)
    #expect(verdict(phase: .load) { $0.phase = nil }.phase == .load)
    let wordless = Autopsy.verdict(lastWords: nil, lastPhase: .warmup, nowNs: 1)
    #expect(wordless.kind == .crashed && wordless.phase == .warmup && wordless.isSuspected == true)
    #expect(wordless.message.contains("while warming up"))
  }
}

@Suite struct RecoveryTests {
  private let scratch = Scratch()
  private var outbox: Outbox { Outbox(home: scratch.path) }

  private func begin(_ launchID: String, end: Bool = false) throws -> LaunchFolder {
    let job = Job(
      launchID: launchID, model: ModelRef(model: "m", format: "none", quant: "none"), engine: "echo",
      workload: Workload(name: "w", nPromptTokens: 1, nGeneratedTokens: 1))
    let folder = try outbox.take(LeasedJob(job: job, lease: Lease(id: "l", ttlS: 900)))
    let journal = try folder.journal(boot: "dead")
    try journal.append(.starting(Starting(phase: .load)))
    if end { try journal.append(.done(Done())) }
    return folder
  }

  @Test func eachLaunchWithoutAnEndGetsOneOfTheNewBoot() throws {
    let cut = try begin("r/1")
    _ = try begin("r/2", end: true)
    var words = BlackBoxRecord(boot: "dead")
    (words.launchID, words.phase, words.signal) = ("r/1", .load, 6)
    let found = Recovery(outbox: outbox, boot: "new").run(lastWords: words)
    #expect(found.map(\.launchID) == ["r/1"] && found.first?.failure.kind == .aborted)
    let entry = try #require(try cut.read().index.entries.last)
    #expect(entry.boot == "new" && entry.seq == 0 && entry.type == .failed)
    #expect(Recovery(outbox: outbox, boot: "newer").run(lastWords: words).isEmpty)
  }

  @Test func theBoxOfAnotherLaunchIsNoWitness() throws {
    _ = try begin("r/1")
    var words = BlackBoxRecord(boot: "dead")
    (words.launchID, words.signal) = ("r/9", 6)
    let found = Recovery(outbox: outbox, boot: "new").run(lastWords: words)
    #expect(found.first?.failure.kind == .crashed && found.first?.failure.phase == .load)
  }

  @Test func aCutLastLineIsTakenOffAndTheLaunchEnded() throws {
    let folder = try begin("r/1")
    let handle = try #require(FileHandle(forWritingAtPath: folder.journalPath))
    handle.seekToEndOfFile()
    handle.write(Data(#"{"boot":"dead","seq":1,"t_"#.utf8))
    #expect(Recovery(outbox: outbox, boot: "new").run(lastWords: nil).count == 1)
    let (_, index) = try folder.read()
    #expect(index.hasEnd && index.entries.count == 2)
  }

  @Test func aDamagedJournalIsSetAsideWhole() throws {
    let folder = try begin("r/1")
    var data = try Data(contentsOf: URL(fileURLWithPath: folder.journalPath))
    data.insert(contentsOf: Data("rubbish\n".utf8), at: 0)
    try data.write(to: URL(fileURLWithPath: folder.journalPath))
    #expect(Recovery(outbox: outbox, boot: "new").run(lastWords: nil).isEmpty)
    #expect(outbox.launches().isEmpty)
    #expect(FileManager.default.contents(atPath: scratch.path + "/aside/r/1/journal.jsonl") == data)
  }
}
