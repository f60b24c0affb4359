import BenchC
import BenchProtocol
import Foundation
import Testing

@testable import BenchCore

@Suite struct BlackBoxTests {
  private let scratch = Scratch()
  private var path: String { scratch.path + "/box" }

  @Test func everyFieldComesBack() throws {
    var wanted = BlackBoxRecord(boot: "abc")
    let box = try BlackBox(path: path, boot: "abc")
    for phase in [nil, Phase.gate, .load, .warmup, .iteration] {
      wanted.launchID = String(repeating: "r", count: 64) + "/123456789012345678"
      wanted.phase = phase
      (wanted.index, wanted.nTokens, wanted.thermal) = (7, 1 << 40, 2)
      (wanted.footprintBytes, wanted.peakFootprintBytes, wanted.availableBytes) = (1, nil, 0)
      (wanted.scene, wanted.isStopping, wanted.isTraced) = (.background, true, true)
      (wanted.nMemoryWarnings, wanted.hasJournalFailed) = (3, true)
      let record = wanted
      box.update { $0 = record }
      var found = try #require(BlackBox.lastWords(path: path))
      found.heartbeatNs = 0
      #expect(found == record)
    }
  }

  @Test func withoutABoxThereAreNoLastWords() throws {
    #expect(BlackBox.lastWords(path: path) == nil)
    try Data(repeating: 0xff, count: 4096).write(to: URL(fileURLWithPath: path))
    #expect(BlackBox.lastWords(path: path) == nil)
    #expect(BlackBox.lastWords(path: scratch.path + "/none/box") == nil)
  }

  @Test func whenOneRecordIsTornTheOtherStands() throws {
    let box = try BlackBox(path: path, boot: "b")
    for index in 1...4 { box.update { $0.index = index } }
    var page = try Data(contentsOf: URL(fileURLWithPath: path))
    let newest = try #require(offsetOfFront(5, in: page))  // the fifth record: opening wrote the first
    page[newest] = 6  // as if the sixth had been begun in its place
    try page.write(to: URL(fileURLWithPath: path))
    #expect(BlackBox.lastWords(path: path)?.index == 3)
  }

  /// Where the record of that number begins.
  private func offsetOfFront(_ number: UInt8, in page: Data) -> Int? {
    stride(from: 1024, to: page.count - 8, by: 8).first { at in
      page[at] == number && page[at + 1..<at + 8].allSatisfy { $0 == 0 }
    }
  }

  @Test func itOutlivesAKill() async throws {
    let path = path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let box = try BlackBox(path: path, boot: "b")
      box.watchSignals()
      box.update { $0.nTokens = 42 }
      kill(getpid(), SIGKILL)
    }
    let words = try #require(BlackBox.lastWords(path: path))
    #expect(words.nTokens == 42 && words.signal == nil)
  }

  @Test func itHearsAnAbort() async throws {
    let path = path
    await #expect(processExitsWith: .signal(SIGABRT)) { [path = path as String] in
      let box = try BlackBox(path: path, boot: "b")
      box.watchSignals()
      box.update { $0.phase = .load }
      abort()
    }
    let words = try #require(BlackBox.lastWords(path: path))
    #expect(words.signal == Int(SIGABRT) && words.phase == .load)
  }

  @Test func aNewLifeForgetsTheOldOne() throws {
    try BlackBox(path: path, boot: "old").update { $0.isStopping = true }
    _ = try BlackBox(path: path, boot: "new")
    let words = try #require(BlackBox.lastWords(path: path))
    #expect(words.boot == "new" && !words.isStopping && words.signal == nil)
  }
}
