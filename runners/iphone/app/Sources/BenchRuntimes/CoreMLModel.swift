#if canImport(CoreML)
  import BenchC
  import BenchProtocol
  @preconcurrency import CoreML
  import Foundation

  /// The compiled model in a folder; compiled there once, since compiling takes long and belongs to no load.
  struct CompiledModel: Sendable {
    let url: URL
    /// Seconds it took to compile now; nil = it was there.
    let compileS: Double?

    /// - Throws: ``RunFailure`` of kind `model_missing` or `model_invalid`.
    static func `in`(folder: String) async throws -> CompiledModel {
      let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
      let root = URL(fileURLWithPath: folder)
      if let name = names.first(where: { $0.hasSuffix(".mlmodelc") }) {
        return CompiledModel(url: root.appendingPathComponent(name), compileS: nil)
      }
      guard let name = names.first(where: { $0.hasSuffix(".mlpackage") }) else {
        throw RunFailure(
          .modelMissing, "there is no .mlpackage in the model's folder", remedy: "copy it again")
      }
      do {
        let begunNs = bench_now_ns()
        let made = try await MLModel.compileModel(at: root.appendingPathComponent(name))
        let tookS = Double(bench_now_ns() - begunNs) / 1e9
        let kept = root.appendingPathComponent(name.replacingOccurrences(of: ".mlpackage", with: ".mlmodelc"))
        try FileManager.default.moveItem(at: made, to: kept)
        return CompiledModel(url: kept, compileS: tookS)
      } catch {
        throw RunFailure(
          .modelInvalid, "Core ML cannot compile the model: \(error)", remedy: "export it again")
      }
    }
  }

  /// Where Core ML means to run each operation: a static prediction, not a trace of what ran.
  ///
  /// Source: Apple, MLComputePlan (iOS 17.4), `deviceUsage(for:).preferred`.
  @available(iOS 18.0, macOS 15.0, *)
  struct ComputePlan: Sendable {
    private var counts: [String: Int] = [:]

    /// A plan that cannot be made is an empty one: that is no fault of the model.
    init(of url: URL, configuration: MLModelConfiguration) async throws {
      guard let plan = try? await MLComputePlan.load(contentsOf: url, configuration: configuration),
        case .program(let program) = plan.modelStructure
      else { return }
      for operation in program.functions["main"]?.block.operations ?? [] {
        guard let device = plan.deviceUsage(for: operation)?.preferred else { continue }
        counts[Self.name(of: device), default: 0] += 1
      }
    }

    /// Where most operations are to run; nil = no plan.
    var mostly: String? { counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key }

    var reported: [String: JSONValue] {
      ["planned_operations": counts.isEmpty ? .null : .object(counts.mapValues(JSONValue.int))]
    }

    private static func name(of device: MLComputeDevice) -> String {
      switch device {
      case .cpu: "cpu"
      case .gpu: "gpu"
      case .neuralEngine: "neural_engine"
      @unknown default: "unknown"
      }
    }
  }
#endif
