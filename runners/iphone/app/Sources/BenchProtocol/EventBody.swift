// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

import Foundation

/// What an event of each type says. Writing goes through this; reading too, where the fields matter.
public enum EventBody: Hashable, Sendable {
  case hello(Hello)
  case starting(Starting)
  case loaded(Loaded)
  case iteration(Iteration)
  case reading(ReadingReport)
  case done(Done)
  case failed(Failure)

  public var type: EventType {
    switch self {
    case .hello: .hello
    case .starting: .starting
    case .loaded: .loaded
    case .iteration: .iteration
    case .reading: .reading
    case .done: .done
    case .failed: .failed
    }
  }

  /// - Throws: ``WireError`` when a number is NaN or infinite.
  func data() throws -> [String: JSONValue] {
    let value =
      switch self {
      case .hello(let body): try JSONValue(encoding: body)
      case .starting(let body): try JSONValue(encoding: body)
      case .loaded(let body): try JSONValue(encoding: body)
      case .iteration(let body): try JSONValue(encoding: body)
      case .reading(let body): try JSONValue(encoding: body)
      case .done(let body): try JSONValue(encoding: body)
      case .failed(let body): try JSONValue(encoding: body)
      }
    return value.objectValue ?? [:]
  }
}

extension Event {
  /// The data as a record of its type; nil for a type this version does not know.
  ///
  /// - Throws: ``WireError`` naming the field that is missing or of a wrong type.
  public func body() throws -> EventBody? {
    let value = JSONValue.object(data)
    return switch type {
    case .hello: .hello(try value.decoded(Hello.self))
    case .starting: .starting(try value.decoded(Starting.self))
    case .loaded: .loaded(try value.decoded(Loaded.self))
    case .iteration: .iteration(try value.decoded(Iteration.self))
    case .reading: .reading(try value.decoded(ReadingReport.self))
    case .done: .done(try value.decoded(Done.self))
    case .failed: .failed(try value.decoded(Failure.self))
    case .unknown: nil
    }
  }
}

/// The first event of a launch: what runs it.
public struct Hello: Codable, Hashable, Sendable {
  public var device: DeviceSnapshot?
  public var engine: EngineFacts?
  public var reading: Reading?
  /// ISO 8601 in UTC; for people, durations come from the monotonic clock.
  public var startedAtUTC: String?
  public var appVersion: String?

  public init(
    device: DeviceSnapshot?, engine: EngineFacts?, reading: Reading?, startedAtUTC: String?,
    appVersion: String?
  ) {
    self.device = device
    self.engine = engine
    self.reading = reading
    self.startedAtUTC = startedAtUTC
    self.appVersion = appVersion
  }

  enum CodingKeys: String, CodingKey {
    case device
    case engine
    case reading
    case startedAtUTC = "started_at_utc"
    case appVersion = "app_version"
  }
}

/// Written before each risky step.
public struct Starting: Codable, Hashable, Sendable {
  public var phase: Phase
  public var index: Int?

  public init(phase: Phase, index: Int? = nil) {
    self.phase = phase
    self.index = index
  }
}

/// One generation and its evidence.
public struct Iteration: Codable, Hashable, Sendable {
  public var index: Int
  public var isWarmup: Bool
  public var trace: Trace

  public init(index: Int, isWarmup: Bool, trace: Trace) {
    self.index = index
    self.isWarmup = isWarmup
    self.trace = trace
  }

  enum CodingKeys: String, CodingKey {
    case index
    case isWarmup = "is_warmup"
    case trace
  }
}

/// A reading and where in the launch it was taken.
public struct ReadingReport: Codable, Hashable, Sendable {
  public var reading: Reading
  public var phase: Phase?
  /// At the gate: how long it was waited for.
  public var waitedS: Double?
  /// At the gate: conditions, by the names of the gate's fields, that did not hold when the launch was let through.
  public var unmet: [String]?
  /// At the gate: conditions of which the platform says nothing.
  public var unknown: [String]?
  /// True for the last one, which holds totals and peaks over the whole launch; else nil.
  public var isFinal: Bool?

  public init(
    reading: Reading, phase: Phase? = nil, waitedS: Double? = nil, unmet: [String]? = nil,
    unknown: [String]? = nil, isFinal: Bool? = nil
  ) {
    self.reading = reading
    self.phase = phase
    self.waitedS = waitedS
    self.unmet = unmet
    self.unknown = unknown
    self.isFinal = isFinal
  }

  enum CodingKeys: String, CodingKey {
    case reading
    case phase
    case waitedS = "waited_s"
    case unmet
    case unknown
    case isFinal = "is_final"
  }
}
