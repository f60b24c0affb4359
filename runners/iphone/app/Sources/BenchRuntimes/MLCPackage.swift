import BenchProtocol
import Foundation

/// What `mlc_llm package` wrote of a model: which library it was compiled into, and what it needs.
///
/// Source: mlc-ai/mlc-llm, `python/mlc_llm/interface/package.py` at 79d603f0 (`mlc-app-config.json`).
struct MLCPackage: Hashable, Sendable {
  /// Name of the compiled library; never a constant, since it is made of a hash.
  let modelLib: String
  /// Memory that the packager said it needs; written by hand there.
  let estimatedBytes: Int?

  /// Find a model in the list.
  ///
  /// - Parameters:
  ///   - json: text of `mlc-app-config.json`.
  ///   - modelID: the model's folder carries this name.
  /// - Throws: ``RunFailure`` of kind `model_invalid`.
  init(of modelID: String, in json: Data) throws {
    let list = (try? JSONValue(parsing: json))?["model_list"]?.arrayValue ?? []
    guard let entry = list.first(where: { $0["model_id"]?.stringValue == modelID }),
      let lib = entry["model_lib"]?.stringValue
    else {
      throw RunFailure(
        .modelInvalid, "mlc-app-config.json has no model \(modelID) with a model_lib",
        remedy: "mlc_llm package, then build the app again")
    }
    modelLib = lib
    estimatedBytes = entry["estimated_vram_bytes"]?.intValue
  }

  /// MLCSwift puts both into a JSON text without escaping, so a quote in one would break it.
  static func isSafe(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0 != "\"" && $0 != "\\" && $0.value >= 0x20 }
  }
}
