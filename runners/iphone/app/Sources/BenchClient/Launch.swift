import BenchProtocol

/// A launch that is about to run: its job and its open journal.
public struct Launch: Sendable {
  /// Its files.
  public let folder: LaunchFolder
  /// What is to be done.
  public let job: Job
  /// Where every event goes; what is written here is uploaded while the gate is open.
  public let journal: Journal
  /// Whether a person on the host asked for its end. Asks the host: not for a timed region. False when it is silent.
  public let isCancelled: @Sendable () async -> Bool
}

/// How the courier works.
public struct CourierOptions: Sendable {
  /// Jobs taken along at once, 1...16.
  public var takeAtOnce = 1
  /// Stop after the first jobs were taken and run; nothing is sent meanwhile, the next run hands it in.
  public var isOfflineAfterTake = false
  /// Stop after so long without a job; nil = never.
  public var idleExitS: Double?

  /// As a phone on its cable works: one job after the other, for ever.
  public init() {}
}
