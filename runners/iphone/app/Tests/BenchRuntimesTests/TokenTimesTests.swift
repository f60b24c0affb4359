import BenchProtocol
import Testing

@testable import BenchRuntimes

@Suite struct TokenTimesTests {
  @Test func whatWasStampedComesOutRising() {
    var times = TokenTimes(capacity: 3)
    times.begin()
    for size: Int32 in [1, 2, 1] { times.stamp(size) }
    times.end()
    #expect(times.dtNs == times.dtNs.sorted() && times.dtNs[0] >= 0)
    #expect(times.tokensPerDelivery == [1, 2, 1])
    #expect(times.cpuTimeNs ?? -1 >= 0)
  }

  @Test func whatDoesNotFitIsCountedAndNotWritten() {
    var times = TokenTimes(capacity: 2)
    times.begin()
    for _ in 0..<5 { times.stamp() }
    #expect(times.count == 2 && times.nDropped == 3)
    times.begin()
    #expect(times.count == 0 && times.nDropped == 0)
  }

  @Test func oneTokenADeliveryNeedsNoList() {
    var times = TokenTimes(capacity: 2)
    times.begin()
    times.stamp()
    times.stamp()
    #expect(times.tokensPerDelivery == nil)
  }

  @Test func processorTimeIsUnknownUntilTheEnd() {
    var times = TokenTimes(capacity: 1)
    times.begin()
    #expect(times.cpuTimeNs == nil)
  }

  @Test func anotherThreadSeesTheCount() {
    let counter = TokenCounter()
    var times = TokenTimes(capacity: 4, counter: counter)
    times.begin()
    times.stamp(2)
    times.stamp()
    #expect(counter.value == 3)
    times.begin()
    #expect(counter.value == 0)
  }
}

@Suite struct PromptIdsTests {
  /// Values from `runners/prompt.py`: the same seed gives the same prompt on every device.
  @Test func theIdsAreThoseOfPython() {
    let phi = PromptIds(nVocabulary: 32064, begin: 1, isSpecial: { $0 < 3 })
    #expect(phi.drawn(8, seed: 1) == [1, 18166, 23912, 31134, 14247, 14244, 24461, 28131])
    #expect(phi.drawn(6, seed: 42) == [1, 23777, 5127, 8933, 11036, 1219])
    let plain = PromptIds(nVocabulary: 32064)
    #expect(plain.drawn(4, seed: -1) == [28663, 29261, 7037, 13666])
    #expect(plain.drawn(4, seed: .max) == [5311, 30316, 29569, 4023])
    #expect(plain.drawn(0, seed: 1) == [])
  }

  @Test func aVocabularyOfControlTokensDoesNotHang() {
    #expect(PromptIds(nVocabulary: 3, isSpecial: { _ in true }).drawn(2, seed: 1).count == 2)
  }

  /// Value from `runners/measuring.py`.
  @Test func theHashIsThatOfPython() {
    #expect(TokenHash.of([1, 2, 3, 32000]) == "70b2fa2f50d85c3f")
  }
}
