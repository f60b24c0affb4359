import BenchProtocol
import Foundation

/// Keeps the key of a pairing, one a host.
public protocol KeyStore: Sendable {
  /// Nil when there is none.
  func key(of hostID: String) throws -> [UInt8]?
  /// Keep a key, in place of an older one.
  func keep(_ key: [UInt8], of hostID: String) throws
  /// Forget a key; none is no error.
  func forget(_ hostID: String) throws
}

/// Keys as files that only their owner may read (mode 0600).
public struct FileKeyStore: KeyStore {
  /// Folder of the keys.
  public let folder: String

  /// - Parameter folder: made with mode 0700 when the first key is kept.
  public init(folder: String) { self.folder = folder }

  private func path(_ hostID: String) throws -> String {
    guard Identifier.isValid(hostID) else { throw WireError("host_id", "\(hostID) is none") }
    return folder + "/" + hostID
  }

  /// See ``KeyStore``.
  public func key(of hostID: String) throws -> [UInt8]? {
    guard let data = try PrivateFile.read(path(hostID)) else { return nil }
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard let key = Hex.decode(text), key.count == 32 else {
      throw WireError("key", "\(try path(hostID)) holds no key; pair again")
    }
    return key
  }

  /// See ``KeyStore``.
  public func keep(_ key: [UInt8], of hostID: String) throws {
    try PrivateFile.makeFolder(folder)
    try PrivateFile.write(Data(Hex.encode(key).utf8), to: path(hostID))
  }

  /// See ``KeyStore``.
  public func forget(_ hostID: String) throws {
    let path = try path(hostID)
    guard FileManager.default.fileExists(atPath: path) else { return }
    try FileManager.default.removeItem(atPath: path)
  }
}
