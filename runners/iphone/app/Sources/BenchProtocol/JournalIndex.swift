import Foundation

/// Where each event of a journal lies in its file, so that lines are sent as they were written.
public struct JournalIndex: Sendable {
  /// One line of the file.
  public struct Entry: Hashable, Sendable {
    /// The life of the app that wrote it.
    public let boot: String
    /// Its number within that boot.
    public let seq: Int
    /// What kind of event it is.
    public let type: EventType
    /// Bytes of the line, its line feed left out.
    public let range: Range<Int>
  }

  /// The events in the order of the file.
  public internal(set) var entries: [Entry] = []
  /// Bytes up to and with the last line feed; what follows was cut off by a full disk or a loss of power.
  public internal(set) var nWholeBytes = 0
  var hash = Sha256()

  /// Whether the last event is `done` or `failed`.
  public var hasEnd: Bool { entries.last?.type.isLast ?? false }

  /// The boots in the order in which they wrote.
  public var boots: [String] {
    entries.reduce(into: []) { boots, entry in
      if !boots.contains(entry.boot) { boots.append(entry.boot) }
    }
  }

  init() {}

  /// Index the bytes of a journal; a cut last line is left out.
  ///
  /// - Throws: ``JournalError/damaged(path:line:reason:)`` when a whole line is no event.
  public init(of data: Data, path: String) throws {
    var start = data.startIndex
    while let feed = data[start...].firstIndex(of: UInt8(ascii: "\n")) {
      let line = data[start..<feed]
      let range = start - data.startIndex..<feed - data.startIndex
      do {
        entries.append(try Self.entry(of: Data(line), at: range))
      } catch {
        throw JournalError.damaged(path: path, line: entries.count + 1, reason: "\(error)")
      }
      hash.update(data[start...feed])
      start = data.index(after: feed)
    }
    nWholeBytes = start - data.startIndex
  }

  private static func entry(of line: Data, at range: Range<Int>) throws -> Entry {
    let event = try JSONValue(parsing: line)
    guard let boot = event["boot"]?.stringValue, Identifier.isValid(boot), let seq = event["seq"]?.intValue,
      seq >= 0, let type = event["type"]?.stringValue
    else { throw WireError("event", "boot, seq or type is missing") }
    return Entry(boot: boot, seq: seq, type: EventType(word: type), range: range)
  }

  /// The entries of one boot from a number on.
  public func entries(of boot: String, from seq: Int) -> [Entry] {
    entries.filter { $0.boot == boot && $0.seq >= seq }
  }
}
