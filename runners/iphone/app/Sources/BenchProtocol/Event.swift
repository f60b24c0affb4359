// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

import Foundation

/// One step of a launch, as journalled and sent.
public struct Event: Codable, Hashable, Sendable {
  /// One life of the sender.
  public var boot: String
  /// Counts from 0 within a boot of a launch.
  public var seq: Int
  /// The sender's monotonic clock.
  public var tNs: Int
  public var type: EventType
  /// What it says; whole, with fields this version does not know. ``body()`` reads it.
  public var data: [String: JSONValue]

  public init(boot: String, seq: Int, tNs: Int, type: EventType, data: [String: JSONValue] = [:]) {
    self.boot = boot
    self.seq = seq
    self.tNs = tNs
    self.type = type
    self.data = data
  }

  /// - Throws: ``WireError`` when a number in the body is NaN or infinite.
  public init(boot: String, seq: Int, tNs: Int, body: EventBody) throws {
    self.init(boot: boot, seq: seq, tNs: tNs, type: body.type, data: try body.data())
  }

  enum CodingKeys: String, CodingKey {
    case boot
    case seq
    case tNs = "t_ns"
    case type
    case data
  }

  public init(from decoder: any Decoder) throws {
    let record = try decoder.container(keyedBy: CodingKeys.self)
    boot = try record.get(.boot)
    seq = try record.get(.seq)
    tNs = try record.get(.tNs)
    type = try record.get(.type)
    data = try record.get(.data, or: [:])
    if seq < 0 || !Identifier.isValid(boot) {
      throw record.fault(.boot, "an event has a boot and a sequence number from 0")
    }
  }

  /// Canonical JSON without a line feed; digests are taken over this and one line feed.
  ///
  /// - Throws: ``WireError`` when a number is NaN or infinite.
  public func canonical() throws -> Data {
    try JSONValue.object([
      "boot": .string(boot), "seq": .int(seq), "t_ns": .int(tNs), "type": .string(type.word),
      "data": .object(data),
    ]).canonical()
  }
}
