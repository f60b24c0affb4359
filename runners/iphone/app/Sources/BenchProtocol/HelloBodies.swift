// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// A runtime the app was built with, and what it takes.
public struct RuntimeFacts: Codable, Hashable, Sendable {
  public var engine: String
  public var version: String?
  public var formats: [String]
  /// Names of the options a job may set.
  public var options: [String]
  public var isSimulated: Bool

  public init(
    engine: String, version: String?, formats: [String], options: [String], isSimulated: Bool
  ) {
    self.engine = engine
    self.version = version
    self.formats = formats
    self.options = options
    self.isSimulated = isSimulated
  }

  enum CodingKeys: String, CodingKey {
    case engine
    case version
    case formats
    case options
    case isSimulated = "is_simulated"
  }
}

/// Which entitlements the signed build really has; nil = not found out.
public struct Entitlements: Codable, Hashable, Sendable {
  public var increasedMemory: Bool?

  public init(increasedMemory: Bool? = nil) { self.increasedMemory = increasedMemory }

  enum CodingKeys: String, CodingKey {
    case increasedMemory = "increased_memory"
  }
}

/// A journal that the host has not acknowledged whole.
public struct UnfinishedLaunch: Codable, Hashable, Sendable {
  public var launchID: String
  public var nEvents: Int
  public var hasEnd: Bool

  public init(launchID: String, nEvents: Int, hasEnd: Bool) {
    self.launchID = launchID
    self.nEvents = nEvents
    self.hasEnd = hasEnd
  }

  enum CodingKeys: String, CodingKey {
    case launchID = "launch_id"
    case nEvents = "n_events"
    case hasEnd = "has_end"
  }
}

/// Body of `POST /v1/hello`: what this phone is, has, and has not finished.
public struct HelloRequest: Codable, Hashable, Sendable {
  public var boot: String
  public var device: DeviceSnapshot
  public var reading: Reading
  public var runtimes: [RuntimeFacts]
  /// Without paths: where a model lies is the phone's business.
  public var models: [ModelRef]
  public var freeDiskBytes: Int?
  public var entitlements: Entitlements
  public var appVersion: String
  public var unfinished: [UnfinishedLaunch]

  public init(
    boot: String, device: DeviceSnapshot, reading: Reading, runtimes: [RuntimeFacts],
    models: [ModelRef], freeDiskBytes: Int?, entitlements: Entitlements = Entitlements(),
    appVersion: String, unfinished: [UnfinishedLaunch] = []
  ) {
    self.boot = boot
    self.device = device
    self.reading = reading
    self.runtimes = runtimes
    self.models = models
    self.freeDiskBytes = freeDiskBytes
    self.entitlements = entitlements
    self.appVersion = appVersion
    self.unfinished = unfinished
  }

  enum CodingKeys: String, CodingKey {
    case boot
    case device
    case reading
    case runtimes
    case models
    case freeDiskBytes = "free_disk_bytes"
    case entitlements
    case appVersion = "app_version"
    case unfinished
  }
}

/// What the host wants done with an unfinished journal.
public struct HelloAction: Codable, Hashable, Sendable {
  /// Upload = send what the host lacks; abandon = it knows no such launch: keep the file aside, send nothing.
  public enum Verb: WireWord {
    case upload, abandon
    case unknown(String)

    public static var words: [(word: String, value: Self)] {
      [("upload", .upload), ("abandon", .abandon)]
    }

    public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }
  }

  public var launchID: String
  public var verb: Verb

  public init(launchID: String, verb: Verb) {
    self.launchID = launchID
    self.verb = verb
  }

  enum CodingKeys: String, CodingKey {
    case launchID = "launch_id"
    case verb = "do"
  }
}

/// Reply of `POST /v1/hello`.
public struct HelloReply: Codable, Hashable, Sendable {
  public var actions: [HelloAction]
  public var pollWaitS: Double

  public init(actions: [HelloAction], pollWaitS: Double) {
    self.actions = actions
    self.pollWaitS = pollWaitS
  }

  enum CodingKeys: String, CodingKey {
    case actions
    case pollWaitS = "poll_wait_s"
  }
}
