import BenchC
import BenchProtocol
import Foundation

/// What a dead app left behind, brought to an end: each launch without one gets its `failed`, written by this boot.
public struct Recovery: Sendable {
  /// A launch that was brought to its end.
  public struct Recovered: Hashable, Sendable {
    public let launchID: String
    public let failure: Failure
  }

  private let outbox: Outbox
  private let boot: String

  public init(outbox: Outbox, boot: String) {
    self.outbox = outbox
    self.boot = boot
  }

  /// End every launch that began and has no end. Call it before the black box is taken over.
  ///
  /// A journal that cannot be read is set aside whole, never changed; one that cannot be written stays for next time.
  public func run(lastWords: BlackBoxRecord?) -> [Recovered] {
    outbox.unended().compactMap { folder in
      do {
        return try end(folder, lastWords: lastWords?.launchID == folder.launchID ? lastWords : nil)
      } catch JournalError.damaged(_, let line, let reason) {
        _ = try? outbox.setAside(folder, because: "line \(line) is no event: \(reason)")
        return nil
      } catch {
        return nil
      }
    }
  }

  private func end(_ folder: LaunchFolder, lastWords: BlackBoxRecord?) throws -> Recovered {
    let phase = try lastPhase(in: folder)
    let failure = Autopsy.verdict(lastWords: lastWords, lastPhase: phase, nowNs: Int(bench_now_ns()))
    try folder.journal(boot: boot).append(.failed(failure))
    return Recovered(launchID: folder.launchID, failure: failure)
  }

  private func lastPhase(in folder: LaunchFolder) throws -> Phase? {
    let (data, index) = try folder.read()
    guard let entry = index.entries.last(where: { $0.type == .starting }) else { return nil }
    let line = data.dropFirst(entry.range.lowerBound).prefix(entry.range.count)
    let event = try Wire.decode(Event.self, from: Data(line))
    guard case .starting(let starting) = try event.body() else { return nil }
    return starting.phase
  }
}
