import BenchProtocol
import Foundation

extension Courier {
  /// What a poll brought.
  enum Catch { case new, known, nothing }

  /// Ask for jobs and keep those that this phone did not have.
  func take(most: Int, waitS: Double) async throws -> Catch {
    let bridge = bridge
    let offered = try await gate.pass {
      try await bridge.nextJobs(waitS: Int(waitS.rounded(.up)), most: most)
    }
    var taken: [String] = []
    for offer in offered {
      if let launchID = try keep(offer) { taken.append(launchID) }
    }
    if offered.isEmpty { return .nothing }
    if taken.isEmpty { return .known }
    say(.took(launchIDs: taken))
    return .new
  }

  private static let givenOutAnew = "run under another pairing, and given out anew under this one"

  /// Nil when it cannot even be kept, or is one that this phone has run: then the host lacks the journal, and gets it.
  private func keep(_ offer: JSONValue) throws -> String? {
    guard let launchID = offer["job"]?["launch_id"]?.stringValue, Identifier.isLaunchID(launchID) else {
      say(.trouble("the host offered a job without a launch id", retryInS: nil))
      return nil
    }
    let known = try home.outbox.folder(of: launchID)
    if let index = try? known.read().index, !index.entries.isEmpty {
      guard !known.isOwned(by: pairing.owner) else {
        try known.remember(SentState())
        return nil
      }
      // Two launches cannot lie at one place, and the host wants this one of the device that we are now.
      try home.outbox.setAside(known, because: Self.givenOutAnew)
      say(.setAside(launchID: launchID, reason: Self.givenOutAnew))
    }
    try home.outbox.take(offer, launchID: launchID, under: pairing.owner)
    return launchID
  }

  /// Run one launch that was taken; its journal has an end afterwards, whatever happened.
  func runOne(_ folder: LaunchFolder, isOffline: Bool, execute: @escaping Execute) async throws {
    let journal = try folder.journal(boot: boot)
    if let failure = await refusal(of: folder, isOffline: isOffline) {
      try journal.append(.failed(failure))
    } else {
      let job = try folder.job().job
      say(.began(launchID: folder.launchID))
      let launch = Launch(folder: folder, job: job, journal: journal) { [self] in
        isOffline ? false : await isCancelled(folder.launchID)
      }
      let live = isOffline ? nil : uploadAsItGrows(folder, journal)
      let fault = await finish(launch, execute)
      journal.onAppend(nil)
      await settle(live)
      if let fault { throw fault }
    }
    say(.ended(launchID: folder.launchID))
  }

  /// Why a job is not even begun.
  private func refusal(of folder: LaunchFolder, isOffline: Bool) async -> Failure? {
    do {
      let job = try folder.job().job
      guard job.protocolVersion == benchProtocolVersion else {
        return Failure(
          kind: .unsupported, message: "the job is of protocol \(job.protocolVersion), this app speaks 1",
          remedy: "update the app")
      }
    } catch {
      return Failure(kind: .protocolError, message: "this app cannot read the job: \(error)")
    }
    if !isOffline, await isCancelled(folder.launchID) {
      return Failure(kind: .cancelled, message: "cancelled on the host before it began")
    }
    return nil
  }

  /// Run it; an error only when the journal cannot be ended.
  private func finish(_ launch: Launch, _ execute: @escaping Execute) async -> (any Error)? {
    var end = Failure(kind: .protocolError, message: "the app ended the launch without saying how")
    do {
      try await execute(launch)
    } catch {
      say(.trouble("\(launch.folder.launchID): \(error)", retryInS: nil))
      end = Failure(
        kind: error is CancellationError ? .cancelled : .crashed, message: "the app stopped: \(error)")
    }
    await gate.open()
    do {
      if !launch.journal.hasEnd { try launch.journal.append(.failed(end)) }
      return nil
    } catch {
      return error
    }
  }

  /// Let the last upload come to its end, a moment long; what it does not manage is handed in afterwards.
  private func settle(_ live: LiveUpload?) async {
    guard let live else { return }
    live.signal.finish()
    let patience = Task { [sleep] in
      try? await sleep(1)
      live.task.cancel()
    }
    await live.task.value
    patience.cancel()
  }

  /// Whether the host still wants a launch: no longer when a person cancelled it, or its run was removed.
  func isCancelled(_ launchID: String) async -> Bool {
    let bridge = bridge
    do {
      return try await gate.pass { try await bridge.report(launchID).isCancelled }
    } catch ClientError.unknownLaunch {
      return true
    } catch {
      return false
    }
  }

  /// Send events as they are written, whenever the gate is open. What fails here is handed in later.
  private func uploadAsItGrows(_ folder: LaunchFolder, _ journal: Journal) -> LiveUpload {
    let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    journal.onAppend { signal.yield() }
    let (uploader, sleep, say) = (uploader, sleep, say)
    let task = Task {
      var backoff = Backoff(firstS: 1)
      for await _ in signals {
        do {
          if try await uploader.upload(folder) { say(.uploaded(launchID: folder.launchID)) }
          backoff.reset()
        } catch let error as ClientError where error.isTransient {
          guard (try? await sleep(backoff.next(after: error))) != nil else { return }
          signal.yield()
        } catch {
          return
        }
      }
    }
    return LiveUpload(task: task, signal: signal)
  }
}

/// The task that sends the events of a running launch, and what tells it that there are some.
private struct LiveUpload {
  let task: Task<Void, Never>
  let signal: AsyncStream<Void>.Continuation
}
