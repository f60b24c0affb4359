/// The token ids that a workload runs on, drawn from a seed: the same ones as on every other device.
///
/// SplitMix64, written out as in `runners/prompt.py`.
///
/// Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
public struct PromptIds: Sendable {
  private let nVocabulary: UInt64
  private let begin: Int32?
  private let isSpecial: @Sendable (Int32) -> Bool

  /// - Parameters:
  ///   - nVocabulary: tokens of the model's vocabulary.
  ///   - begin: the token every context begins with; nil = the model has none.
  ///   - isSpecial: control tokens, which are not drawn.
  public init(
    nVocabulary: Int, begin: Int32? = nil, isSpecial: @escaping @Sendable (Int32) -> Bool = { _ in false }
  ) {
    self.nVocabulary = UInt64(max(1, nVocabulary))
    self.begin = begin
    self.isSpecial = isSpecial
  }

  /// `count` ids: the begin token, then random ones.
  public func drawn(_ count: Int, seed: Int) -> [Int32] {
    guard count > 0 else { return [] }
    var numbers = SplitMix64(seed: seed)
    var ids: [Int32] = begin.map { [$0] } ?? []
    ids.reserveCapacity(count)
    while ids.count < count { ids.append(ordinary(&numbers)) }
    return ids
  }

  private func ordinary(_ numbers: inout SplitMix64) -> Int32 {
    var id: Int32 = 0
    for _ in 0..<1000 {  // a vocabulary of control tokens alone must not hang
      id = Int32(truncatingIfNeeded: numbers.next().multipliedFullWidth(by: nVocabulary).high)
      if !isSpecial(id) { break }
    }
    return id
  }
}

/// 64 random bits at a time.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
