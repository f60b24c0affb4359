import BenchProtocol
import Foundation

/// The host this phone is paired with; its key lies in the ``KeyStore``.
public struct Pairing: Codable, Hashable, Sendable {
  /// Made by this phone when it was paired.
  public var deviceID: String
  /// Under which the host shows this phone.
  public var name: String
  /// Of the host.
  public var hostID: String
  /// Where the host listened when it was paired.
  public var address: HostAddress
  /// How long the host lets a poll wait.
  public var pollWaitS: Double

  /// What the launches taken under it are marked with.
  public var owner: LaunchOwner { LaunchOwner(hostID: hostID, deviceID: deviceID) }

  enum CodingKeys: String, CodingKey {
    case deviceID = "device_id"
    case name
    case hostID = "host_id"
    case address
    case pollWaitS = "poll_wait_s"
  }
}

/// Folder of everything this app keeps: pairing, keys, outbox.
public struct Home: Sendable {
  /// Where it lies.
  public let path: String
  /// The key of the pairing.
  public let keys: any KeyStore

  /// - Parameter keys: nil = the Keychain where there is one, else files in this folder.
  /// - Throws: when the folder cannot be made.
  public init(path: String, keys: (any KeyStore)? = nil) throws {
    self.path = path
    self.keys = keys ?? Self.usualKeys(path)
    try PrivateFile.makeFolder(path)
  }

  private static func usualKeys(_ path: String) -> any KeyStore {
    #if os(iOS)
      return KeychainKeyStore()
    #else
      return FileKeyStore(folder: path + "/keys")
    #endif
  }

  /// The launches kept here.
  public var outbox: Outbox { Outbox(home: path) }

  /// - Throws: ``ClientError/notPaired(home:)``, or what is wrong with the files.
  public func pairing() throws -> (pairing: Pairing, key: [UInt8]) {
    guard let data = try PrivateFile.read(path + "/pairing.json") else {
      throw ClientError.notPaired(home: path)
    }
    let pairing = try Wire.decode(Pairing.self, from: data)
    guard let key = try keys.key(of: pairing.hostID) else { throw ClientError.notPaired(home: path) }
    return (pairing, key)
  }

  /// The launches of earlier pairings that their host has not whole. They stay, and are sent to nobody.
  ///
  /// - Parameter pairing: the one that counts now.
  public func strangers(to pairing: Pairing) -> [LaunchFolder] {
    outbox.unsent().filter { !$0.isOwned(by: pairing.owner) }
  }

  /// Keep a pairing in place of the one there was.
  public func keep(_ pairing: Pairing, key: [UInt8]) throws {
    try keys.keep(key, of: pairing.hostID)
    try PrivateFile.write(try Wire.canonical(pairing), to: path + "/pairing.json")
  }

  /// Forget host and key. Journals stay.
  public func unpair() throws {
    guard let data = try PrivateFile.read(path + "/pairing.json") else { return }
    if let pairing = try? Wire.decode(Pairing.self, from: data) { try keys.forget(pairing.hostID) }
    try FileManager.default.removeItem(atPath: path + "/pairing.json")
  }

  /// Keep other processes out of this home until the lock is let go.
  ///
  /// - Throws: ``ClientError/homeInUse(home:)``.
  public func lock() throws -> HomeLock {
    let descriptor = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw JournalError.system(call: "open", path: path + "/lock", code: errno)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw ClientError.homeInUse(home: path)
    }
    return HomeLock(descriptor)
  }
}

/// Held while this object lives; the system lets it go when the process dies.
public final class HomeLock: Sendable {
  private let descriptor: Int32

  fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }
}
