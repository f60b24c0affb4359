import BenchProtocol
import Foundation

/// A fixed prompt and the ids a right computation gives greedily: `self_check.json` beside the model.
///
/// Wrong numbers with good speed do occur on some compute units, so this runs before anything is timed.
struct SelfCheck: Codable, Hashable, Sendable {
  let promptIds: [Int32]
  let expectedIds: [Int32]

  enum CodingKeys: String, CodingKey {
    case promptIds = "prompt_ids"
    case expectedIds = "expected_ids"
  }

  /// Nil when the model has none.
  ///
  /// - Throws: ``RunFailure`` of kind `model_invalid` when the file is none.
  static func beside(_ folder: String) throws -> SelfCheck? {
    guard let data = FileManager.default.contents(atPath: folder + "/self_check.json") else { return nil }
    do {
      let check = try Wire.decode(SelfCheck.self, from: data)
      if !check.promptIds.isEmpty, !check.expectedIds.isEmpty { return check }
      throw WireError("self_check", "both lists need ids")
    } catch {
      throw RunFailure(
        .modelInvalid, "self_check.json cannot be read: \(error)", remedy: "export the model again")
    }
  }

  /// - Throws: ``RunFailure`` of kind `backend_mismatch` when other ids came.
  func compare(_ ids: [Int32], on units: String) throws {
    guard let at = zip(ids, expectedIds).enumerated().first(where: { $1.0 != $1.1 })?.offset
    else {
      if ids.count >= expectedIds.count { return }
      throw RunFailure(.backendMismatch, "the self-check gave \(ids.count) ids, not \(expectedIds.count)")
    }
    throw RunFailure(
      .backendMismatch,
      "the self-check on \(units) gives id \(ids[at]) in place of \(expectedIds[at]) at step \(at)",
      remedy: "choose other compute_units; the speed of wrong numbers means nothing")
  }
}
