#if canImport(CoreML)
  import BenchProtocol
  import CoreML
  import Foundation

  /// One loaded Core ML model and the state of its caches: tokens in, the greedy next token out.
  ///
  /// Owned by one actor. Stub type-checked; unverified on an iPhone.
  @available(iOS 18.0, macOS 15.0, *)
  final class CoreMLDecoder {
    /// Tokens that the caches have room for.
    let nContext: Int
    /// Both caches, in 16-bit floats.
    let kvBytes: Int
    private let model: MLModel
    private let chunk: Int
    private var state: MLState
    private var nCached = 0

    /// - Throws: ``RunFailure`` of kind `model_invalid`.
    init(at url: URL, configuration: MLModelConfiguration, chunk: Int) throws {
      do {
        model = try MLModel(contentsOf: url, configuration: configuration)
      } catch {
        throw RunFailure(.modelInvalid, "Core ML cannot load the model: \(error)", remedy: "export it again")
      }
      let states = model.modelDescription.stateDescriptionsByName
      guard let cache = states["keyCache"]?.stateConstraint?.bufferShape, cache.count == 5,
        states["valueCache"] != nil
      else {
        throw RunFailure(
          .modelInvalid, "the model has no states keyCache and valueCache", remedy: "export it again")
      }
      nContext = cache[3]
      kvBytes = 2 * 2 * cache.reduce(1, *)
      self.chunk = chunk
      state = model.makeState()
    }

    /// Begin with empty caches.
    func forget() {
      state = model.makeState()
      nCached = 0
    }

    func refuse(nContextTokens: Int) throws {
      guard nContextTokens > nContext else { return }
      throw RunFailure(
        .unsupported, "the workload needs a context of \(nContextTokens), the package has \(nContext)",
        remedy: "export it with a longer context, or choose a shorter workload")
    }

    /// Feed a prompt in chunks. Returns the greedy token after it.
    func prefill(_ ids: [Int32]) throws -> Int32 {
      var next: Int32 = 0
      for start in stride(from: 0, to: ids.count, by: chunk) {
        next = try predict(ids[start..<min(start + chunk, ids.count)])
      }
      return next
    }

    /// Feed one token. Returns the greedy one after it.
    func next(after id: Int32) throws -> Int32 { try predict([id]) }

    /// What a right model answers to a prompt; the caches are empty before and afterwards.
    func greedy(_ prompt: [Int32], count: Int) throws -> [Int32] {
      forget()
      defer { forget() }
      var ids = [try prefill(prompt)]
      while ids.count < count { ids.append(try next(after: ids[ids.count - 1])) }
      return ids
    }

    private func predict(_ ids: ArraySlice<Int32>) throws -> Int32 {
      // Core ML hands out autoreleased objects; without a pool of its own the loop would keep them all.
      try autoreleasepool {
        let input = try MLDictionaryFeatureProvider(dictionary: [
          "inputIds": MLFeatureValue(shapedArray: MLShapedArray<Int32>(scalars: ids, shape: [1, ids.count])),
          "causalMask": MLFeatureValue(shapedArray: mask(nQueries: ids.count)),
        ])
        let output = try model.prediction(from: input, using: state)
        nCached += ids.count
        guard let logits = output.featureValue(for: "logits")?.shapedArrayValue(of: Float16.self) else {
          throw RunFailure(.backendMismatch, "the model gave no logits of 16-bit floats")
        }
        return Self.largest(in: logits)
      }
    }

    /// Zero where a query may look, as little as can be where it may not.
    private func mask(nQueries: Int) -> MLShapedArray<Float16> {
      let nKeys = nCached + nQueries
      var scalars = [Float16](repeating: 0, count: nQueries * nKeys)
      for query in 0..<nQueries {
        for key in (nCached + query + 1)..<max(nKeys, nCached + query + 1) {
          scalars[query * nKeys + key] = -Float16.greatestFiniteMagnitude
        }
      }
      return MLShapedArray<Float16>(scalars: scalars, shape: [1, 1, nQueries, nKeys])
    }

    /// Index of the largest logit of the last position; reading it here makes Core ML finish.
    private static func largest(in logits: MLShapedArray<Float16>) -> Int32 {
      logits.withUnsafeShapedBufferPointer { values, shape, strides in
        let axis = shape.count - 1
        let start = (shape[axis - 1] - 1) * strides[axis - 1]
        var best = 0
        for i in 1..<max(1, shape[axis])
        where values[start + i * strides[axis]] > values[start + best * strides[axis]] {
          best = i
        }
        return Int32(best)
      }
    }
  }
#endif
