import Foundation

/// Small files that only their owner may read, replaced whole or not at all.
package enum PrivateFile {
  /// - Throws: ``JournalError``.
  package static func write(_ data: Data, to path: String) throws {
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw JournalError.last("open", temporary) }
    defer { close(descriptor) }
    guard fchmod(descriptor, 0o600) == 0 else { throw JournalError.last("fchmod", temporary) }
    var rest = data[...]
    while !rest.isEmpty {
      let wrote = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
      guard wrote > 0 else { throw JournalError.last("write", temporary) }
      rest = rest.dropFirst(wrote)
    }
    guard fsync(descriptor) == 0 else { throw JournalError.last("fsync", temporary) }
    guard rename(temporary, path) == 0 else { throw JournalError.last("rename", path) }
  }

  /// Nil when there is no such file.
  package static func read(_ path: String) throws -> Data? {
    guard access(path, F_OK) == 0 else { return nil }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw JournalError.system(call: "read", path: path, code: EACCES)
    }
    return data
  }

  /// A folder that only its owner may enter, with those above it.
  package static func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }
}

/// `write(2)`, under a name that no method of ours has.
func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
