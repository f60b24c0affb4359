import BenchClient
import BenchCore
import BenchPhone
import BenchProbes
import BenchProtocol
import Foundation

/// `phone run --home DIR [--idle-exit S] [--take N] [--offline-after-take] [--reading FILE]`
enum RunCommand {
  /// A runtime hangs; its launch was ended, the process has to be started again.
  static let stuckCode: Int32 = 70

  static func run(_ arguments: Arguments, _ lines: Lines) async throws -> Int32 {
    let home = try Home(path: try arguments.required("--home"))
    var options = CourierOptions()
    options.takeAtOnce = try arguments.integer("--take", in: 1...16) ?? 1
    options.isOfflineAfterTake = arguments.has("--offline-after-take")
    options.idleExitS = try arguments.number("--idle-exit")
    let failures = FailureCount()
    let session = try PhoneSession(home: home, probe: probe(arguments)) { news in
      if case .outcome(_, .failed) = news { failures.add() }
      lines.write(news)
    } onStuck: {
      lines.write("stuck", "the runtime does not come back; the launch was ended, start again")
      exit(stuckCode)
    }
    let chosen = options
    let work = Task { try await session.run(chosen) }
    let signals = Terminator {
      session.noteStop()
      work.cancel()
    }
    defer { withExtendedLifetime(signals) {} }
    let reason = try await work.value
    lines.write("end", "stopped: \(reason.rawValue)", ["reason": .string(reason.rawValue)])
    return failures.isNone || reason == .stopped ? 0 : 3
  }

  private static func probe(_ arguments: Arguments) -> any DeviceProbe {
    let system = SystemProbe()
    return arguments.text("--reading").map { OverriddenProbe(system, path: $0) } ?? system
  }
}

/// Whether a launch has failed.
private final class FailureCount: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  var isNone: Bool { lock.withLock { count == 0 } }

  func add() { lock.withLock { count += 1 } }
}

/// Turns SIGTERM and SIGINT into a call, on a thread of its own: the process ends itself, with its journal ended.
final class Terminator {
  private let sources: [any DispatchSourceSignal]

  init(_ stop: @escaping @Sendable () -> Void) {
    let queue = DispatchQueue(label: "signals")
    sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler(handler: stop)
      source.resume()
      return source
    }
  }
}
