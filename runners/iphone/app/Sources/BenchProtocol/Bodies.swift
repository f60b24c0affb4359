// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// Reply of `GET /v1/time`.
public struct ServerTime: Codable, Hashable, Sendable {
  public var serverTimeMs: Int
  public var hostID: String

  public init(serverTimeMs: Int, hostID: String) {
    self.serverTimeMs = serverTimeMs
    self.hostID = hostID
  }

  enum CodingKeys: String, CodingKey {
    case serverTimeMs = "server_time_ms"
    case hostID = "host_id"
  }
}

/// Body of `POST /v1/pair`.
public struct PairRequest: Codable, Hashable, Sendable {
  public var deviceID: String
  public var name: String
  public var nonce: String
  public var proof: String

  public init(deviceID: String, name: String, nonce: String, proof: String) {
    self.deviceID = deviceID
    self.name = name
    self.nonce = nonce
    self.proof = proof
  }

  enum CodingKeys: String, CodingKey {
    case deviceID = "device_id"
    case name
    case nonce
    case proof
  }
}

/// Reply of `POST /v1/pair`.
public struct PairReply: Codable, Hashable, Sendable {
  public var deviceID: String
  public var hostID: String
  public var proof: String
  public var serverTimeMs: Int
  public var pollWaitS: Double

  public init(
    deviceID: String, hostID: String, proof: String, serverTimeMs: Int, pollWaitS: Double
  ) {
    self.deviceID = deviceID
    self.hostID = hostID
    self.proof = proof
    self.serverTimeMs = serverTimeMs
    self.pollWaitS = pollWaitS
  }

  enum CodingKeys: String, CodingKey {
    case deviceID = "device_id"
    case hostID = "host_id"
    case proof
    case serverTimeMs = "server_time_ms"
    case pollWaitS = "poll_wait_s"
  }
}

/// The right to run a job for a time; renewed by every accepted request about its launch.
public struct Lease: Codable, Hashable, Sendable {
  public var id: String
  public var ttlS: Double

  public init(id: String, ttlS: Double) {
    self.id = id
    self.ttlS = ttlS
  }

  enum CodingKeys: String, CodingKey {
    case id
    case ttlS = "ttl_s"
  }
}

/// A job and its lease, as handed out.
public struct LeasedJob: Codable, Hashable, Sendable {
  public var job: Job
  public var lease: Lease

  public init(job: Job, lease: Lease) {
    self.job = job
    self.lease = lease
  }
}

/// Reply of `GET /v1/jobs/next`.
public struct NextJobs: Codable, Hashable, Sendable {
  public var jobs: [LeasedJob]

  public init(jobs: [LeasedJob]) { self.jobs = jobs }
}

/// State of a job on the host.
public enum JobState: WireWord {
  case queued, leased, stalled, done, failed, cancelled
  case unknown(String)

  public static var words: [(word: String, value: Self)] {
    [
      ("queued", .queued), ("leased", .leased), ("stalled", .stalled), ("done", .done),
      ("failed", .failed), ("cancelled", .cancelled),
    ]
  }

  public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }
}

/// Reply of `GET /v1/jobs/{launch_id}`.
public struct JobReport: Codable, Hashable, Sendable {
  public var launchID: String
  public var state: JobState
  public var isCancelled: Bool

  public init(launchID: String, state: JobState, isCancelled: Bool) {
    self.launchID = launchID
    self.state = state
    self.isCancelled = isCancelled
  }

  enum CodingKeys: String, CodingKey {
    case launchID = "launch_id"
    case state
    case isCancelled = "is_cancelled"
  }
}

/// Body of `POST /v1/launches/{launch_id}/events`: events of one boot.
public struct EventsRequest: Codable, Hashable, Sendable {
  public var leaseID: String?
  public var events: [Event]

  public init(leaseID: String?, events: [Event]) {
    self.leaseID = leaseID
    self.events = events
  }

  enum CodingKeys: String, CodingKey {
    case leaseID = "lease_id"
    case events
  }
}

/// Reply to it: the highest contiguous seq of that boot, -1 when even 0 is missing.
public struct EventsReply: Codable, Hashable, Sendable {
  public var boot: String
  public var ackedSeq: Int

  public init(boot: String, ackedSeq: Int) {
    self.boot = boot
    self.ackedSeq = ackedSeq
  }

  enum CodingKeys: String, CodingKey {
    case boot
    case ackedSeq = "acked_seq"
  }
}

/// Body of `POST /v1/jobs/{launch_id}/release`: a job given back untouched.
public struct ReleaseRequest: Codable, Hashable, Sendable {
  public var leaseID: String
  public var reason: String

  public init(leaseID: String, reason: String) {
    self.leaseID = leaseID
    self.reason = reason
  }

  enum CodingKeys: String, CodingKey {
    case leaseID = "lease_id"
    case reason
  }
}

/// Reply to whatever the host refuses.
public struct ErrorReply: Codable, Hashable, Sendable {
  public struct Fault: Codable, Hashable, Sendable {
    public var code: String
    public var message: String

    public init(code: String, message: String) {
      self.code = code
      self.message = message
    }
  }

  public var error: Fault
  /// With `stale`: the host's time, so that the phone corrects its offset and tries once more.
  public var serverTimeMs: Int?

  public init(error: Fault, serverTimeMs: Int? = nil) {
    self.error = error
    self.serverTimeMs = serverTimeMs
  }

  enum CodingKeys: String, CodingKey {
    case error
    case serverTimeMs = "server_time_ms"
  }
}
