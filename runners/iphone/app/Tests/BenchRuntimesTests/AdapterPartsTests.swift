import BenchProtocol
import Foundation
import Testing

@testable import BenchRuntimes

/// What the adapters need beside their frameworks, and what can therefore be tested anywhere.
@Suite struct AdapterPartsTests {
  @Test func aPromptAsTextIsTheSameForOneSeedAndAboutAsLong() {
    #expect(PromptText.drawn(128, seed: 1) == PromptText.drawn(128, seed: 1))
    #expect(PromptText.drawn(128, seed: 1) != PromptText.drawn(128, seed: 2))
    #expect(PromptText.drawn(128, seed: 1).split(separator: " ").count == 120)
    #expect(PromptText.drawn(1, seed: 1).split(separator: " ").count == 1)
  }

  @Test(arguments: [(10, 10), (12, 10), (100, 3), (7, 1), (2, 2)])
  func spreadTokensSumUpAndTheFirstKeepsItsOne(_ nTokens: Int, _ nDeliveries: Int) throws {
    let counts = try #require(TokenSpread.counts(nTokens: nTokens, nDeliveries: nDeliveries))
    #expect(counts.count == nDeliveries && counts.reduce(0, +) == nTokens)
    #expect(counts.allSatisfy { $0 >= 1 } && (nDeliveries == 1 || counts[0] == 1))
    let rest = counts.dropFirst()
    #expect((rest.max() ?? 0) - (rest.min() ?? 0) <= 1)
  }

  @Test func fewerTokensThanDeliveriesMakeNoSense() {
    #expect(TokenSpread.counts(nTokens: 3, nDeliveries: 4) == nil)
    #expect(TokenSpread.counts(nTokens: 3, nDeliveries: 0) == nil)
  }

  private let config = Data(
    """
    {"model_list": [
      {"model_id": "Phi-3-mini-4k", "model_lib": "phi3_q4f16_1_3b5c", "model_path": "Phi", "estimated_vram_bytes": 3043000000},
      {"model_id": "other", "model_lib": "x"}]}
    """.utf8)

  @Test func theLibraryOfAModelIsReadAndNeverGuessed() throws {
    let package = try MLCPackage(of: "Phi-3-mini-4k", in: config)
    #expect(package.modelLib == "phi3_q4f16_1_3b5c" && package.estimatedBytes == 3_043_000_000)
    #expect(try MLCPackage(of: "other", in: config).estimatedBytes == nil)
  }

  @Test(arguments: ["{}", "rubbish", #"{"model_list":[{"model_id":"m"}]}"#])
  func aListWithoutTheModelSaysWhatToDo(_ text: String) {
    let failure = #expect(throws: RunFailure.self) { try MLCPackage(of: "m", in: Data(text.utf8)) }
    #expect(failure?.kind == .modelInvalid && failure?.remedy.contains("mlc_llm package") == true)
  }

  @Test func whatWouldBreakTheEnginesConfigurationIsNotSafe() {
    #expect(MLCPackage.isSafe("/var/mobile/Models/Phi 3 – mini"))
    for path in [#"/a"b"#, #"/a\b"#, "/a\nb"] { #expect(!MLCPackage.isSafe(path)) }
  }

  @Test func theSelfCheckTellsWhereTheIdsPart() throws {
    let check = SelfCheck(promptIds: [1], expectedIds: [5, 6, 7])
    try check.compare([5, 6, 7], on: "cpu_only")
    let failure = #expect(throws: RunFailure.self) { try check.compare([5, 9, 7], on: "all") }
    #expect(failure?.kind == .backendMismatch)
    #expect(failure?.message == "the self-check on all gives id 9 in place of 6 at step 1")
    #expect(throws: RunFailure.self) { try check.compare([5, 6], on: "all") }
  }

  @Test func aModelWithoutASelfCheckHasNoneAndABadOneIsRefused() throws {
    let folder = NSTemporaryDirectory() + "check-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try SelfCheck.beside(folder) == nil)
    let file = URL(fileURLWithPath: folder + "/self_check.json")
    try Data(#"{"prompt_ids":[1,2],"expected_ids":[3]}"#.utf8).write(to: file)
    #expect(try SelfCheck.beside(folder) == SelfCheck(promptIds: [1, 2], expectedIds: [3]))
    try Data(#"{"prompt_ids":[1,2],"expected_ids":[]}"#.utf8).write(to: file)
    #expect(throws: RunFailure.self) { try SelfCheck.beside(folder) }
  }
}
