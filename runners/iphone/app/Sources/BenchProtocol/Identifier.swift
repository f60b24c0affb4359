/// Names that travel in paths: device_id, run_id, boot, lease_id, host_id, nonces.
public enum Identifier {
  /// `[A-Za-z0-9._-]{1,64}`, and neither `.` nor `..`, since some become names of folders.
  public static func isValid(_ text: some StringProtocol) -> Bool {
    (1...64).contains(text.utf8.count) && text != "." && text != ".."
      && text.utf8.allSatisfy(isAllowed)
  }

  /// `run_id/number`: an identifier, a slash, a decimal number of at most nine digits without leading zeros.
  public static func isLaunchID(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, isValid(parts[0]), (1...9).contains(parts[1].utf8.count) else { return false }
    return parts[1].utf8.allSatisfy(isDigit) && (parts[1] == "0" || parts[1].first != "0")
  }

  /// Random bytes of the system's generator as lower-case hex, two digits a byte.
  public static func random(nBytes: Int) -> String {
    Hex.encode(randomBytes(nBytes))
  }

  /// A new name for one life of the app.
  public static func newBoot() -> String { random(nBytes: 8) }

  static func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
    case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: isDigit(byte)
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}

/// Bytes as lower-case hexadecimal text.
public enum Hex {
  public static func encode(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Nil when it is not pairs of hexadecimal digits.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    let digits = text.utf8.map(value)
    let values = digits.compactMap(\.self)
    guard values.count == digits.count, values.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
  }

  private static func value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
