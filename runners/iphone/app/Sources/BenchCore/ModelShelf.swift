import BenchProtocol
import BenchRuntimes
import Foundation

/// The models on this device: one folder each, with a `model.json` (a ModelRef) beside the files.
public struct ModelShelf: Sendable {
  /// Folder of the models.
  public let path: String

  public init(path: String) { self.path = path }

  /// Every model that is described, with where it lies.
  public func all() -> [ModelRef] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.sorted().compactMap { name in
      let folder = path + "/" + name
      guard let data = FileManager.default.contents(atPath: folder + "/model.json"),
        var model = try? Wire.decode(ModelRef.self, from: data)
      else { return nil }
      model.path = folder
      return model
    }
  }

  /// What the host is told: the same without paths.
  public func described() -> [ModelRef] {
    all().map { model in
      var told = model
      told.path = nil
      return told
    }
  }

  /// The model of a job, with where it lies here. A path in the job is never followed.
  ///
  /// - Throws: ``RunFailure`` of kind `model_missing`.
  public func find(_ wanted: ModelRef) throws -> ModelRef {
    var found = wanted
    found.path = nil
    if wanted.format == "none" { return found }
    guard let here = all().first(where: { matches($0, wanted) }) else {
      throw RunFailure(
        .modelMissing, "\(wanted.model) (\(wanted.format), \(wanted.quant)) is not on this phone",
        remedy: "copy its folder into Models of the app")
    }
    found.path = here.path
    return found
  }

  private func matches(_ here: ModelRef, _ wanted: ModelRef) -> Bool {
    guard here.format == wanted.format else { return false }
    if let digest = wanted.digest, let ours = here.digest { return digest == ours }
    return here.model == wanted.model && here.quant == wanted.quant
  }
}
