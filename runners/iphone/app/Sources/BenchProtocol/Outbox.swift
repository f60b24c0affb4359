import Foundation

/// The launches of this phone: `outbox/<run_id>/<number>/`, and `aside/` for those the host does not want.
public struct Outbox: Sendable {
  /// Folder of the app's data.
  public let home: String

  /// - Parameter home: folder of the app's data; made when it is not there.
  public init(home: String) { self.home = home }

  private var root: String { home + "/outbox" }

  /// Keep a job before anything is done about it.
  ///
  /// - Throws: ``WireError`` when its launch id is none; ``JournalError``.
  public func take(_ leased: LeasedJob) throws -> LaunchFolder {
    try take(JSONValue(encoding: leased), launchID: leased.job.launchID)
  }

  /// Keep a job as it came, also one that this version cannot read, so that its launch can be ended in words.
  ///
  /// - Parameter owner: the pairing that it is taken under; written first, so that no job lies there without.
  @discardableResult
  public func take(_ offer: JSONValue, launchID: String, under owner: LaunchOwner? = nil) throws
    -> LaunchFolder
  {
    let folder = try folder(of: launchID)
    try PrivateFile.makeFolder(folder.path)
    if let owner { try PrivateFile.write(try Wire.canonical(owner), to: folder.path + "/pairing.json") }
    try PrivateFile.write(try offer.canonical(), to: folder.path + "/job.json")
    return folder
  }

  /// Where a launch lies, or would.
  ///
  /// - Throws: ``WireError`` when the id could leave the outbox or is none.
  public func folder(of launchID: String) throws -> LaunchFolder {
    guard Identifier.isLaunchID(launchID) else {
      throw WireError("launch_id", "\(launchID) is none; they look like run_id/number")
    }
    return LaunchFolder(launchID: launchID, path: root + "/" + launchID)
  }

  /// Every launch kept here, run by run and in the order of their numbers.
  public func launches() -> [LaunchFolder] {
    names(in: root).sorted().flatMap { run in
      names(in: root + "/" + run)
        .sorted { (Int($0) ?? 0, $0) < (Int($1) ?? 0, $1) }
        .compactMap { try? folder(of: run + "/" + $0) }
    }
  }

  /// The launches that the host has not acknowledged whole.
  public func unsent() -> [LaunchFolder] {
    launches().filter { (try? $0.sent.isWhole) != true }
  }

  /// The launches that began and have no `done` or `failed`: what a dead app leaves behind.
  ///
  /// A damaged journal counts as one, so that it is looked at and not passed over.
  public func unended() -> [LaunchFolder] {
    unsent().filter { folder in
      guard let read = try? folder.read() else { return true }
      return !read.index.entries.isEmpty && !read.index.hasEnd
    }
  }

  /// The jobs that were taken along and not begun.
  public func waiting() -> [LaunchFolder] {
    unsent().filter { (try? $0.read().index.entries.isEmpty) == true }
  }

  /// Move a launch out of the way, kept whole, with the reason beside it.
  ///
  /// - Returns: where it lies now.
  @discardableResult
  public func setAside(_ folder: LaunchFolder, because reason: String) throws -> String {
    let wanted = home + "/aside/" + folder.launchID
    let target = (0...).lazy.map { $0 == 0 ? wanted : "\(wanted).\($0)" }
      .first { !FileManager.default.fileExists(atPath: $0) }
    guard let target else { return folder.path }
    try PrivateFile.makeFolder((target as NSString).deletingLastPathComponent)
    try FileManager.default.moveItem(atPath: folder.path, toPath: target)
    try PrivateFile.write(Data((reason + "\n").utf8), to: target + "/reason.txt")
    return target
  }

  private func names(in folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }
}
