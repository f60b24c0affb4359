#if canImport(Security)
  import BenchProtocol
  import Foundation
  import Security

  /// Keys in the Keychain, readable after the first unlock and on this device only.
  ///
  /// Unverified: it was never compiled or run on an Apple system.
  public struct KeychainKeyStore: KeyStore {
    private let service = "phibench pairing"

    /// The Keychain of the app.
    public init() {}

    private func query(_ hostID: String) -> [CFString: Any] {
      [
        kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: hostID,
        kSecUseDataProtectionKeychain: true,
      ]
    }

    /// See ``KeyStore``.
    public func key(of hostID: String) throws -> [UInt8]? {
      var wanted = query(hostID)
      wanted[kSecReturnData] = true
      var found: CFTypeRef?
      let status = SecItemCopyMatching(wanted as CFDictionary, &found)
      if status == errSecItemNotFound { return nil }
      guard status == errSecSuccess, let data = found as? Data else { throw fault("reading", status) }
      return Array(data)
    }

    /// See ``KeyStore``.
    public func keep(_ key: [UInt8], of hostID: String) throws {
      try forget(hostID)
      var item = query(hostID)
      item[kSecValueData] = Data(key)
      item[kSecAttrAccessible] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
      let status = SecItemAdd(item as CFDictionary, nil)
      guard status == errSecSuccess else { throw fault("keeping", status) }
    }

    /// See ``KeyStore``.
    public func forget(_ hostID: String) throws {
      let status = SecItemDelete(query(hostID) as CFDictionary)
      guard status == errSecSuccess || status == errSecItemNotFound else { throw fault("forgetting", status) }
    }

    private func fault(_ action: String, _ status: OSStatus) -> WireError {
      WireError("keychain", "\(action) the key failed (status \(status)); pair again")
    }
  }
#endif
