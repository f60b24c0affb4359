/// What keeps the network quiet while something is timed: the core closes it, the client passes through it.
///
/// Closing waits until no request is under way; while it is closed none begins.
public actor NetworkGate {
  private var isClosed = false
  private var nUnderWay = 0
  private var nextTicket = 0
  private var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
  private var closing: [CheckedContinuation<Void, Never>] = []

  /// An open gate.
  public init() {}

  /// Let nothing more begin and wait for what is under way. Not for two parties at once.
  public func close() async {
    isClosed = true
    while nUnderWay > 0 {
      await withCheckedContinuation { closing.append($0) }
    }
  }

  /// Let requests through again.
  public func open() {
    isClosed = false
    let all = waiting.values
    waiting = [:]
    for one in all { one.resume() }
  }

  /// Run a request once the gate is open.
  ///
  /// - Throws: `CancellationError` when the task ends while it waits; what `request` throws.
  public func pass<T: Sendable>(_ request: @Sendable () async throws -> T) async throws -> T {
    while isClosed {
      try Task.checkCancellation()
      await wait()
    }
    try Task.checkCancellation()
    nUnderWay += 1
    defer { leave() }
    return try await request()
  }

  private func leave() {
    nUnderWay -= 1
    guard nUnderWay == 0 else { return }
    let all = closing
    closing = []
    for one in all { one.resume() }
  }

  private func wait() async {
    let ticket = nextTicket
    nextTicket += 1
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if Task.isCancelled { continuation.resume() } else { waiting[ticket] = continuation }
      }
    } onCancel: {
      Task { await self.wake(ticket) }
    }
  }

  private func wake(_ ticket: Int) { waiting.removeValue(forKey: ticket)?.resume() }
}
