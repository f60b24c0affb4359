import BenchProtocol
import Foundation

/// Goes between host and phone: says hello, takes jobs, hands in journals. What runs a job is given to it.
///
/// It starts nothing by itself: whoever runs it has closed the journals of dead launches before (`failed` of a new
/// boot), or they are reported as unfinished.
public actor Courier {
  /// Runs one launch to its `done` or `failed`.
  public typealias Execute = @Sendable (Launch) async throws -> Void

  /// Why ``run(_:execute:)`` returned.
  public enum Reason: String, Sendable {
    /// Nothing came for as long as was asked.
    case idle
    /// The jobs that were taken along are done; they wait to be handed in.
    case offlineDone = "offline_done"
    /// The task was cancelled.
    case stopped
  }

  /// The pairing it works under.
  public nonisolated let pairing: Pairing
  let home: Home
  let boot: String
  let bridge: Bridge
  let gate: NetworkGate
  let uploader: Uploader
  let sleep: @Sendable (Double) async throws -> Void
  let say: @Sendable (Note) -> Void
  private var pollWaitS: Double
  /// Launches that the host refuses; kept, and tried again by the next life of the app.
  private var refused: Set<String> = []

  /// - Parameters:
  ///   - boot: this life of the app.
  ///   - gate: closed by the core while something is timed.
  ///   - say: told what happens.
  ///   - sleep: waits that many seconds; tests give another.
  /// - Throws: ``ClientError/notPaired(home:)``.
  public init(
    home: Home, boot: String, gate: NetworkGate, transport: any Transport = URLSessionTransport(),
    say: @escaping @Sendable (Note) -> Void = { _ in },
    sleep: @escaping @Sendable (Double) async throws -> Void = { try await Task.sleep(for: .seconds($0)) }
  ) throws {
    let (pairing, key) = try home.pairing()
    self.home = home
    self.boot = boot
    self.gate = gate
    self.pairing = pairing
    self.sleep = sleep
    self.say = say
    pollWaitS = pairing.pollWaitS
    bridge = Bridge(pairing: pairing, key: key, transport: transport)
    uploader = Uploader(bridge: bridge, gate: gate)
  }

  /// Set the clock, say what this phone is and has not finished, and do with the latter what the host wants.
  ///
  /// - Throws: ``ClientError``; `CancellationError`.
  public func greet(_ hello: HelloRequest) async throws {
    let bridge = bridge
    var hello = hello
    hello.unfinished = unfinished()
    let said = hello
    let reply = try await gate.pass {
      try await bridge.setClock()
      return try await bridge.hello(said)
    }
    pollWaitS = reply.pollWaitS
    say(.connected(hostID: pairing.hostID, nUnfinished: said.unfinished.count))
    let nStrangers = home.strangers(to: pairing).count
    if nStrangers > 0 { say(.otherPairing(nLaunches: nStrangers)) }
    for action in reply.actions where action.verb == .abandon {
      if let folder = try? home.outbox.folder(of: action.launchID), folder.isOwned(by: pairing.owner) {
        setAside(folder, "the host knows no such launch")
      }
    }
  }

  private func unfinished() -> [UnfinishedLaunch] {
    ours(home.outbox.unsent()).prefix(1000).compactMap { folder in
      guard let index = try? folder.read().index else { return nil }
      return UnfinishedLaunch(launchID: folder.launchID, nEvents: index.entries.count, hasEnd: index.hasEnd)
    }
  }

  /// Those taken under this pairing: of any other the host would say that it knows no such launch.
  private func ours(_ folders: [LaunchFolder]) -> [LaunchFolder] {
    folders.filter { $0.isOwned(by: pairing.owner) }
  }

  /// Hand in what the host lacks of every launch that has begun.
  ///
  /// - Throws: the first transient or final ``ClientError``; what concerns one launch alone is said and passed over.
  public func uploadAll() async throws {
    for folder in ours(home.outbox.unsent()) where !refused.contains(folder.launchID) {
      try await upload(folder)
    }
  }

  private func upload(_ folder: LaunchFolder) async throws {
    do {
      if try await uploader.upload(folder) { say(.uploaded(launchID: folder.launchID)) }
    } catch let error as ClientError where error.isTransient || error.isFinal {
      throw error
    } catch ClientError.unknownLaunch(let message) {
      setAside(folder, message)
    } catch JournalError.damaged(let path, let line, let reason) {
      setAside(folder, "\(JournalError.damaged(path: path, line: line, reason: reason))")
    } catch let error as CancellationError {
      throw error
    } catch {
      refused.insert(folder.launchID)
      say(.trouble("\(folder.launchID): \(error)", retryInS: nil))
    }
  }

  private func setAside(_ folder: LaunchFolder, _ reason: String) {
    do {
      try home.outbox.setAside(folder, because: reason)
      say(.setAside(launchID: folder.launchID, reason: reason))
    } catch {
      refused.insert(folder.launchID)
      say(.trouble("\(folder.launchID) cannot be set aside: \(error)", retryInS: nil))
    }
  }

  /// Say hello, take jobs and run them, one after the other, until there is a reason to stop.
  ///
  /// Jobs that were taken along before are run even when the host is silent. It is asked again, later and later; a
  /// host that refuses this phone ends it.
  /// - Parameter hello: what this phone is now; `unfinished` is filled in here.
  /// - Throws: a final ``ClientError``; a transient one when `idleExitS` is over; ``JournalError`` when this phone
  ///   cannot write.
  public func run(
    _ options: CourierOptions = CourierOptions(), hello: @escaping @Sendable () async -> HelloRequest,
    execute: @escaping Execute
  ) async throws -> Reason {
    var backoff = Backoff()
    var turn = Turn(options: options)
    while !Task.isCancelled {
      do {
        switch try await step(&turn, hello, execute) {
        case .went: backoff.reset()
        case .inVain: try await sleep(min(backoff.next(), max(turn.leftS ?? .infinity, 0.05)))
        case .over(let reason): return reason
        }
      } catch let error as ClientError where error.isTransient {
        if let leftS = turn.leftS, leftS <= 0 { throw error }
        let pauseS = min(backoff.next(after: error), max(turn.leftS ?? .infinity, 0.05))
        say(.trouble("\(error)", retryInS: pauseS))
        guard (try? await sleep(pauseS)) != nil else { return .stopped }
      } catch is CancellationError {
        return .stopped
      }
    }
    return .stopped
  }

  private func step(
    _ turn: inout Turn, _ hello: @Sendable () async -> HelloRequest, _ execute: @escaping Execute
  ) async throws -> Step {
    let next = ours(home.outbox.waiting()).first { !refused.contains($0.launchID) }
    if !turn.hasGreeted {
      do {
        try await greet(await hello())
        turn.hasGreeted = true
        return .went
      } catch let error as ClientError where error.isTransient && next != nil {
        say(.trouble("\(error); the jobs taken along are run meanwhile", retryInS: nil))
      }
    }
    if let next {
      turn.hasTaken = true
      try await runOne(next, isOffline: turn.options.isOfflineAfterTake, execute: execute)
      turn.idleSince = .now
      return .went
    }
    if turn.options.isOfflineAfterTake, turn.hasTaken { return .over(.offlineDone) }
    try await uploadAll()
    return try await poll(turn)
  }

  private func poll(_ turn: Turn) async throws -> Step {
    let leftS = turn.leftS
    let waitS = min(max(pollWaitS, 1), max(leftS ?? 25, 0))
    let began = ContinuousClock.now
    switch try await take(most: turn.options.takeAtOnce, waitS: waitS) {
    case .new: return .went
    case .known: return .inVain
    case .nothing:
      if (leftS ?? 1) <= 0 { return .over(.idle) }
      // A host that does not wait (it may be about to end) is not to be asked thousands of times a second.
      return ContinuousClock.now - began < .seconds(waitS / 2) ? .inVain : .went
    }
  }
}

/// What one step of the courier came to.
private enum Step {
  case went
  /// The host offers again what this phone has, or does not wait: not to be asked at once again.
  case inVain
  case over(Courier.Reason)
}

/// One run of the courier.
private struct Turn {
  let options: CourierOptions
  var hasGreeted = false
  var hasTaken = false
  var idleSince = ContinuousClock.now

  /// Time without a job until it stops; nil = for ever.
  var leftS: Double? { options.idleExitS.map { $0 - (ContinuousClock.now - idleSince) / .seconds(1) } }
}
