import Testing

@testable import BenchClient

struct BackoffTests {
  @Test func itDoublesUpToABound() {
    var backoff = Backoff(firstS: 1, mostS: 8)
    let pauses = (0..<30).map { _ in backoff.next() }
    for (pause, bound) in zip(pauses, [1.0, 2, 4, 8, 8, 8]) { #expect((bound / 2...bound).contains(pause)) }
    #expect(pauses.allSatisfy { $0 <= 8 })
    backoff.reset()
    #expect(backoff.next() <= 1)
  }

  @Test func theHostsWishCountsWithinTheBound() {
    var backoff = Backoff(firstS: 1, mostS: 8)
    #expect(backoff.next(after: .busy("", retryAfterS: 5)) == 5)
    #expect(backoff.next(after: .busy("", retryAfterS: 1e9)) == 8)
  }
}
