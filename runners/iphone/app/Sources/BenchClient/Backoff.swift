/// How long to wait after the n-th failure in a row: twice as long each time, up to a bound, spread by chance.
public struct Backoff: Sendable {
  /// First pause.
  public var firstS: Double
  /// Longest pause.
  public var mostS: Double
  private var nFailures = 0

  /// A back-off that begins with `firstS`.
  public init(firstS: Double = 0.5, mostS: Double = 30) {
    self.firstS = firstS
    self.mostS = mostS
  }

  /// The next pause: between half and all of the bound of this failure, or what the host asked for when that is longer.
  public mutating func next(after error: ClientError? = nil) -> Double {
    var bound = firstS
    for _ in 0..<min(nFailures, 16) where bound < mostS { bound *= 2 }
    nFailures += 1
    let pause = min(bound, mostS) * Double.random(in: 0.5...1)
    if case .busy(_, let retryAfterS)? = error { return max(pause, min(retryAfterS, mostS)) }
    return pause
  }

  /// Begin again after a success.
  public mutating func reset() { nFailures = 0 }
}
