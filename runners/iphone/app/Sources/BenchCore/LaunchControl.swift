import BenchProtocol
import BenchRuntimes
import Foundation

/// Ends what a launch is doing, from any thread: a person, the watch, the system.
///
/// The first reason stands. A reason that comes before a launch waits for none: it is given up with it.
public final class LaunchControl: @unchecked Sendable {
  private let lock = NSLock()
  private var reason: RunFailure?
  private var cancel: (@Sendable () -> Void)?

  public init() {}

  /// Why the launch is to end; nil = it goes on.
  public var stopReason: RunFailure? { lock.withLock { reason } }

  /// End the launch for this reason.
  public func stop(_ failure: RunFailure) {
    let cancel = lock.withLock {
      reason = reason ?? failure
      return self.cancel
    }
    cancel?()
  }

  /// Do something that can be cancelled. While it runs, `stop` cancels it.
  ///
  /// - Throws: the reason when it was stopped, whatever the work itself then threw; else what the work throws.
  func run<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
    let task = Task(operation: work)
    let early = lock.withLock {
      cancel = { task.cancel() }
      return reason
    }
    if early != nil { task.cancel() }
    defer { lock.withLock { cancel = nil } }
    let result = await withTaskCancellationHandler {
      await task.result
    } onCancel: {
      task.cancel()
    }
    if let stopReason { throw stopReason }
    return try result.get()
  }
}
