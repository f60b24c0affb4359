import Foundation

#if canImport(CryptoKit)
  import CryptoKit
#else
  import BenchC
#endif

/// SHA-256 fed piece by piece: CryptoKit where there is one, else our own (FIPS 180-4), its inner loop in C.
struct Sha256 {
  #if canImport(CryptoKit)
    private var inner = CryptoKit.SHA256()

    mutating func update(_ bytes: some ContiguousBytes) {
      bytes.withUnsafeBytes { inner.update(bufferPointer: $0) }
    }

    /// The digest of what was fed so far; feeding may go on.
    var digest: [UInt8] { Array(inner.finalize()) }
  #else
    private var state: [UInt32] = [
      0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
      0x5be0_cd19,
    ]
    private var tail: [UInt8] = []
    private var nBytes: UInt64 = 0

    mutating func update(_ bytes: some ContiguousBytes) {
      bytes.withUnsafeBytes { feed($0) }
    }

    private mutating func feed(_ bytes: UnsafeRawBufferPointer) {
      nBytes += UInt64(bytes.count)
      var rest = bytes[...]
      if !tail.isEmpty {
        let n = min(64 - tail.count, rest.count)
        tail += rest.prefix(n)
        rest = rest.dropFirst(n)
        guard tail.count == 64 else { return }
        bench_sha256_blocks(&state, tail, 1)
        tail.removeAll(keepingCapacity: true)
      }
      let nBlocks = rest.count / 64
      let blocks = UnsafeRawBufferPointer(rebasing: rest).bindMemory(to: UInt8.self)
      if nBlocks > 0, let first = blocks.baseAddress { bench_sha256_blocks(&state, first, nBlocks) }
      tail += rest.dropFirst(64 * nBlocks)
    }

    /// The digest of what was fed so far; feeding may go on.
    var digest: [UInt8] {
      var copy = self
      let nBits = nBytes * 8
      let padding = [0x80] + [UInt8](repeating: 0, count: (119 - tail.count) % 64)
      copy.update(padding + (0..<8).map { UInt8(truncatingIfNeeded: nBits >> (56 - 8 * $0)) })
      return copy.state.flatMap { word in
        (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) }
      }
    }
  #endif

  var hexDigest: String { Hex.encode(digest) }
}

/// The few primitives that pairing and signing need, over bytes.
public enum Crypto {
  public static func sha256(_ bytes: some ContiguousBytes) -> [UInt8] {
    var hash = Sha256()
    hash.update(bytes)
    return hash.digest
  }

  public static func sha256Hex(_ bytes: some ContiguousBytes) -> String { Hex.encode(sha256(bytes)) }

  /// HMAC-SHA256 (RFC 2104).
  public static func hmac(key: [UInt8], _ message: some ContiguousBytes) -> [UInt8] {
    #if canImport(CryptoKit)
      message.withUnsafeBytes {
        Array(HMAC<SHA256>.authenticationCode(for: $0, using: SymmetricKey(data: key)))
      }
    #else
      let short = key.count > 64 ? sha256(key) : key
      let block = short + [UInt8](repeating: 0, count: 64 - short.count)
      var inner = Sha256()
      inner.update(block.map { $0 ^ 0x36 })
      inner.update(message)
      return sha256(block.map { $0 ^ 0x5c } + inner.digest)
    #endif
  }

  /// HKDF-SHA256 (RFC 5869), at most 255 blocks of 32 bytes.
  public static func hkdf(ikm: [UInt8], salt: [UInt8], info: [UInt8], nBytes: Int) -> [UInt8] {
    precondition((1...255 * 32).contains(nBytes))
    let prk = hmac(key: salt, ikm)
    var okm: [UInt8] = []
    var block: [UInt8] = []
    var counter: UInt8 = 1
    while okm.count < nBytes {
      block = hmac(key: prk, block + info + [counter])
      okm += block
      counter &+= 1
    }
    return Array(okm.prefix(nBytes))
  }

  /// Whether both are the same, in a time that does not depend on where they differ.
  public static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
