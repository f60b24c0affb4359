import BenchC

/// How many tokens the generation that is going on has delivered: one thread counts, another looks.
///
/// It lies in ordinary memory and not in the black box, whose page the kernel writes back every few seconds:
/// the first store after that is a page fault, which has no place in a timed region.
public final class TokenCounter: Sendable {
  nonisolated(unsafe) let memory: UnsafeMutablePointer<Int64>

  public init() {
    memory = .allocate(capacity: 1)
    memory.initialize(to: 0)
  }

  deinit { memory.deallocate() }

  /// Tokens so far; a recent number, not an exact one.
  public var value: Int64 { bench_counter_get(memory) }

  /// Nothing yet.
  public func reset() { bench_counter_set(memory, 0) }
}

/// The times of one generation, in memory that is there and touched before the clock starts.
///
/// It owns its buffers, so it cannot be copied. A runtime calls `begin` when the prompt is ready, then `stamp`
/// at the place where the engine hands a delivery over.
public struct TokenTimes: ~Copyable, @unchecked Sendable {
  private let deltas: UnsafeMutablePointer<Int64>
  private let sizes: UnsafeMutablePointer<Int32>
  private let counter: TokenCounter
  private var cpuAtBeginNs: Int64 = -1
  private var cpuAtEndNs: Int64 = -1
  private var nTokens: Int64 = 0

  /// Deliveries that there is room for.
  public let capacity: Int
  /// When the request began.
  public private(set) var t0Ns: Int64 = 0
  /// Deliveries stamped since `begin`.
  public private(set) var count = 0
  /// Deliveries for which there was no room; the generation is not to be used then.
  public private(set) var nDropped = 0

  /// - Parameter capacity: most deliveries of one generation.
  public init(capacity: Int, counter: TokenCounter = TokenCounter()) {
    self.capacity = max(1, capacity)
    self.counter = counter
    deltas = .allocate(capacity: self.capacity)
    sizes = .allocate(capacity: self.capacity)
    deltas.initialize(repeating: 0, count: self.capacity)
    sizes.initialize(repeating: 0, count: self.capacity)
  }

  deinit {
    deltas.deallocate()
    sizes.deallocate()
  }

  /// The request begins now. What was stamped before is forgotten.
  public mutating func begin() {
    count = 0
    nDropped = 0
    nTokens = 0
    counter.reset()
    cpuAtEndNs = -1
    cpuAtBeginNs = bench_cpu_time_ns()
    t0Ns = bench_now_ns()
  }

  /// A delivery of so many tokens is visible to the caller now.
  public mutating func stamp(_ tokens: Int32 = 1) {
    let nowNs = bench_now_ns()
    guard count < capacity else {
      nDropped += 1
      return
    }
    deltas[count] = nowNs - t0Ns
    sizes[count] = tokens
    count += 1
    nTokens += Int64(tokens)
    bench_counter_set(counter.memory, nTokens)
  }

  /// The last delivery has come; reads the processor time. Called by the core when the runtime returns.
  public mutating func end() { cpuAtEndNs = bench_cpu_time_ns() }

  /// Nanoseconds from the request to each delivery.
  public var dtNs: [Int] { (0..<count).map { Int(deltas[$0]) } }

  /// Tokens of each delivery; nil = one each.
  public var tokensPerDelivery: [Int]? {
    let all = (0..<count).map { Int(sizes[$0]) }
    return all.allSatisfy { $0 == 1 } ? nil : all
  }

  /// Processor time of all threads of the process from `begin` to `end`; nil where the system does not say.
  public var cpuTimeNs: Int? {
    cpuAtBeginNs < 0 || cpuAtEndNs < 0 ? nil : Int(cpuAtEndNs - cpuAtBeginNs)
  }
}
