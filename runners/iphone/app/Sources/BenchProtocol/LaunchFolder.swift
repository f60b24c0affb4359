import Foundation

/// The files of one launch on the phone: `pairing.json`, `job.json`, `journal.jsonl`, `sent.json`.
public struct LaunchFolder: Hashable, Sendable {
  /// `run_id/number`.
  public let launchID: String
  /// Folder of the launch.
  public let path: String

  /// File of the events.
  public var journalPath: String { path + "/journal.jsonl" }

  /// The job as it was handed out, with its lease.
  ///
  /// - Throws: ``WireError``, ``JournalError``.
  public func job() throws -> LeasedJob {
    guard let data = try PrivateFile.read(path + "/job.json") else {
      throw JournalError.system(call: "open", path: path + "/job.json", code: ENOENT)
    }
    return try Wire.decode(LeasedJob.self, from: data)
  }

  /// Whether it was taken under this pairing. One that says nothing of its pairing is of whichever there is.
  ///
  /// One whose word cannot be read is of none: it stays where it is.
  public func isOwned(by owner: LaunchOwner) -> Bool {
    guard let data = try? PrivateFile.read(path + "/pairing.json") else {
      return access(path + "/pairing.json", F_OK) != 0
    }
    return (try? Wire.decode(LaunchOwner.self, from: data)) == owner
  }

  /// Open the journal to write.
  ///
  /// - Throws: ``JournalError``.
  public func journal(boot: String) throws -> Journal {
    try Journal(path: journalPath, boot: boot)
  }

  /// The journal's bytes and where its events lie; none when nothing was written yet.
  ///
  /// - Throws: ``JournalError``.
  public func read() throws -> (data: Data, index: JournalIndex) {
    let data = try PrivateFile.read(journalPath) ?? Data()
    return (data, try JournalIndex(of: data, path: journalPath))
  }

  /// What the host has of it.
  public var sent: SentState {
    get throws {
      try PrivateFile.read(path + "/sent.json").map { try Wire.decode(SentState.self, from: $0) }
        ?? SentState()
    }
  }

  /// Remember what the host has.
  ///
  /// - Throws: ``JournalError``.
  public func remember(_ sent: SentState) throws {
    try PrivateFile.write(try Wire.canonical(sent), to: path + "/sent.json")
  }
}

/// What the host acknowledged of a launch. Only saves sending again: the host's word counts more.
public struct SentState: Codable, Hashable, Sendable {
  /// Highest contiguous seq of each boot.
  public var ackedSeq: [String: Int] = [:]
  /// Whether the host has all of it, the end included.
  public var isWhole = false

  /// Nothing sent yet.
  public init() {}

  enum CodingKeys: String, CodingKey {
    case ackedSeq = "acked_seq"
    case isWhole = "is_whole"
  }
}
