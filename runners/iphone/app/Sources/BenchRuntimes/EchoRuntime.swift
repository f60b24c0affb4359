import BenchProtocol
import Foundation

/// A runtime without a model: seeded ids at a set pace, and every way to fail. What it makes is `simulated`.
///
/// It lets the whole app run where no framework is: on Linux, in tests, and to measure what the core itself costs.
public actor EchoRuntime: LLMRuntime {
  public static let description = RuntimeDescription(
    engine: "echo", version: "1", formats: ["none"],
    options: [
      "n_ctx": "tokens of context to make room for",
      "seed": "seed of the ids",
      "decode_tok_per_s": "pace of the tokens; 0 = as fast as it can",
      "ttft_s": "seconds to the first token",
      "load_s": "seconds to load",
      "allocate_bytes": "memory to take and touch while loaded",
      "fail_at": "load, prefill or decode:N (after N tokens); empty = never",
      "fail_how": "error, abort, trap, kill or hang",
      "fail_generation": "in which generation since the load, from 0 (a warm-up counts); -1 = in each",
    ], isSimulated: true)

  private var plan = EchoPlan()
  private var memory: UnsafeMutableRawPointer?
  private var nGenerations = 0

  public init() {}

  public func load(_ model: ModelRef, options: RunOptions, nContextTokens: Int) async throws -> Loaded {
    plan = try EchoPlan(options)
    nGenerations = 0
    try await Task.sleep(for: .seconds(plan.loadS))
    take(plan.nBytes)
    if plan.failure?.place == .load { try await plan.fail() }
    return Loaded(
      kvBytes: nil, backend: "simulated",
      options: options.asked.merging(plan.inEffect) { _, effect in effect },
      flags: [.simulated])
  }

  public func generate(_ workload: Workload, into times: inout TokenTimes) async throws -> Generation {
    let generation = nGenerations
    nGenerations += 1
    let failure = plan.failure(in: generation)
    let n = max(1, workload.nGeneratedTokens)
    var ids = [Int32](repeating: 0, count: n)
    let clock = ContinuousClock()
    var source = SplitMix64(seed: plan.seed)
    times.begin()
    var due = clock.now
    if failure == .prefill { try await plan.fail() }
    due += .seconds(plan.ttftS)
    for i in 0..<n {
      if failure == .decode(i) { try await plan.fail() }
      if i > 0 { due += .seconds(plan.gapS) }
      if plan.isPaced { try await Task.sleep(until: due, tolerance: .zero, clock: clock) }
      ids[i] = Int32(truncatingIfNeeded: source.next().multipliedFullWidth(by: EchoPlan.nVocabulary).high)
      times.stamp()
    }
    return report(workload, ids: ids)
  }

  public func unload() async {
    memory?.deallocate()
    memory = nil
  }

  private func report(_ workload: Workload, ids: [Int32]) -> Generation {
    var generation = Generation(nPromptTokens: workload.nPromptTokens)
    let isPrefill = workload.nGeneratedTokens == 0
    generation.granularity = isPrefill ? .total : .token
    generation.tokensPerDelivery = isPrefill ? [0] : nil
    generation.tokenHash = workload.kind == .generation ? TokenHash.of(ids) : nil
    return generation
  }

  private func take(_ nBytes: Int) {
    guard nBytes > 0 else { return }
    let page = 4096
    let taken = UnsafeMutableRawPointer.allocate(byteCount: nBytes, alignment: page)
    for offset in stride(from: 0, to: nBytes, by: page) {
      taken.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
    }
    memory = taken
  }
}

/// Tells two outputs apart without keeping them.
public enum TokenHash {
  /// First 16 hex digits of the SHA-256 of the ids as little-endian 32-bit integers, as `runners/measuring.py` does.
  public static func of(_ ids: [Int32]) -> String {
    let bytes = ids.flatMap { id in withUnsafeBytes(of: id.littleEndian) { Array($0) } }
    return String(Crypto.sha256Hex(bytes).prefix(16))
  }
}
