import Foundation
import Testing

@testable import BenchProtocol

struct JournalTests {
  private let scratch: Scratch
  private var path: String { scratch.path + "/journal.jsonl" }

  init() throws { scratch = try Scratch() }

  private func open(_ boot: String = "b0") throws -> Journal {
    try Journal(path: path, boot: boot, clock: { 7 })
  }

  private func lines() throws -> [String] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  private func append(_ text: String) throws {
    let file = try #require(FileHandle(forWritingAtPath: path))
    _ = try file.seekToEnd()
    try file.write(contentsOf: Data(text.utf8))
  }

  @Test func eventsAreLinesOfCanonicalJSON() throws {
    let journal = try open()
    try journal.append(.starting(Starting(phase: .load)))
    try journal.append(.loaded(Loaded(loadS: 2)))
    #expect(
      try lines() == [
        #"{"boot":"b0","data":{"phase":"load"},"seq":0,"t_ns":7,"type":"starting"}"#,
        #"{"boot":"b0","data":{"engine_reported":{},"flags":[],"load_s":2,"model":{},"options":{}},"seq":1,"t_ns":7,"type":"loaded"}"#,
      ])
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func theEndSealsWhatIsBeforeIt() throws {
    let journal = try open()
    try journal.append(.starting(Starting(phase: .load)))
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    let end = try journal.append(.done(Done()))
    #expect(end.data["n_events"] == 2)
    #expect(end.data["events_sha256"] == .string(Crypto.sha256Hex(before)))
    #expect(end.data["boots"] == nil)
    #expect(throws: JournalError.ended(path: path)) { try journal.append(.starting(Starting(phase: .load))) }
    #expect(journal.nEvents == 2 && journal.hasEnd)
  }

  @Test func anotherBootGoesOnAndEndsIt() throws {
    do { try open().append(.starting(Starting(phase: .load))) }
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    let failure = Failure(kind: .outOfMemory, message: "m", phase: .load, isSuspected: true)
    let end = try open("b1").append(.failed(failure))
    #expect(end.seq == 0 && end.boot == "b1")
    #expect(end.data["n_events"] == 2 && end.data["boots"] == ["b0", "b1"])
    #expect(end.data["events_sha256"] == .string(Crypto.sha256Hex(before)))
  }

  @Test func theSameBootCountsOn() throws {
    do { try open().append(.starting(Starting(phase: .gate))) }
    #expect(try open().append(.starting(Starting(phase: .load))).seq == 1)
  }

  @Test(arguments: [
    #"{"boot":"b0","da"#, #"{"boot":"b0","data":{},"seq":1,"t_ns":7,"type":"starting"}"#, "\0\0\0",
  ])
  func aCutLastLineIsTakenOff(tail: String) throws {
    do { try open().append(.starting(Starting(phase: .gate))) }
    try append(tail)
    try open("b1").append(.starting(Starting(phase: .load)))
    let index = try JournalIndex(of: Data(contentsOf: URL(fileURLWithPath: path)), path: path)
    #expect(index.entries.map(\.boot) == ["b0", "b1"])
    #expect(index.entries.map(\.seq) == [0, 0])
  }

  @Test func aDamagedLineIsNamed() throws {
    do { try open().append(.starting(Starting(phase: .gate))) }
    try append("nonsense\n")
    let error = #expect(throws: JournalError.self) { try open() }
    guard case .damaged(_, line: 2, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func oneWriterAtATime() throws {
    let first = try open()
    #expect(throws: JournalError.busy(path: path)) { try open("b1") }
    _ = first
  }

  @Test func listenersHearOfEachEvent() throws {
    let journal = try open()
    let heard = Counter()
    journal.onAppend { heard.add() }
    for _ in 0..<3 { try journal.append(.starting(Starting(phase: .iteration, index: 0))) }
    #expect(heard.value == 3)
  }

  @Test func aNumberThatCannotBeKeptLeavesNothing() throws {
    let journal = try open()
    #expect(throws: WireError.self) { try journal.append(.loaded(Loaded(loadS: .nan))) }
    #expect(try journal.append(.loaded(Loaded())).seq == 0)
  }

  /// The child writes until it kills itself; the kernel has every event whose `append` came back.
  @Test func aKillLosesNothing() async throws {
    let kills = NSTemporaryDirectory() + "bench-kill.jsonl"
    try? FileManager.default.removeItem(atPath: kills)
    await #expect(processExitsWith: .signal(SIGKILL)) {
      let journal = try Journal(path: NSTemporaryDirectory() + "bench-kill.jsonl", boot: "b0")
      for index in 0..<50 { try journal.append(.starting(Starting(phase: .iteration, index: index))) }
      kill(getpid(), SIGKILL)
    }
    let journal = try Journal(path: kills, boot: "b1")
    #expect(journal.nEvents == 50 && !journal.hasEnd)
    try FileManager.default.removeItem(atPath: kills)
  }

  /// A file that may not grow stands for a disk without space: the event that does not fit leaves nothing behind.
  @Test func aFullDiskIsSaidAndLeavesWholeLines() async throws {
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      let path = NSTemporaryDirectory() + "bench-full.jsonl"
      try? FileManager.default.removeItem(atPath: path)
      let journal = try Journal(path: path, boot: "b0")
      var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
      #if canImport(Darwin)
        setrlimit(RLIMIT_FSIZE, &limit)
      #else
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      #endif
      var caught: JournalError?
      var written = 0
      for index in 0..<100 where caught == nil {
        do {
          try journal.append(.starting(Starting(phase: .iteration, index: index)))
          written += 1
        } catch let error as JournalError {
          caught = error
        }
      }
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let isTyped =
        switch caught {
        case .diskFull, .shortWrite: true
        default: false
        }
      try FileManager.default.removeItem(atPath: path)
      let isWhole = data.last == 10 && data.count(where: { $0 == 10 }) == written
      exit(isTyped && isWhole && journal.nEvents == written && (10..<100).contains(written) ? 0 : 1)
    }
  }
}

/// Counts from any thread.
final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  func add() { lock.withLock { count += 1 } }
  var value: Int { lock.withLock { count } }
}
