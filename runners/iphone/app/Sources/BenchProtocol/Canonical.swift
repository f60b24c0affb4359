import Foundation

extension JSONValue {
  /// Canonical JSON: byte for byte what `runners.wire.canonical` makes of the same text once Python has read it.
  ///
  /// Sorted keys (by code point), no blanks, nothing escaped but what must be, whole doubles as integers. Written here
  /// and not by JSONEncoder, whose order of keys is a matter of the platform.
  ///
  /// - Throws: ``WireError`` when a number is NaN or infinite.
  public func canonical() throws -> Data {
    var bytes: [UInt8] = []
    try write(to: &bytes)
    return Data(bytes)
  }

  private func write(to out: inout [UInt8]) throws {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .int(let value): out += String(value).utf8
    case .double(let value): out += try Self.text(of: value).utf8
    case .string(let value): Self.quote(value, to: &out)
    case .array(let items):
      out.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        try item.write(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      try Self.write(members, to: &out)
    }
  }

  private static func write(_ members: [String: JSONValue], to out: inout [UInt8]) throws {
    out.append(UInt8(ascii: "{"))
    // UTF-8 sorts as code points do; String's own order follows canonical equivalence and would not.
    let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for (index, member) in sorted.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      quote(member.key, to: &out)
      out.append(UInt8(ascii: ":"))
      try member.value.write(to: &out)
    }
    out.append(UInt8(ascii: "}"))
  }

  /// The shortest text that reads back as the same double; `24.0` is `24` and `-0.0` is `0`, which Python makes of it.
  private static func text(of number: Double) throws -> String {
    guard number.isFinite else {
      throw WireError("JSON", "\(number) is no number that can be kept")
    }
    if let whole = Int(exactly: number), abs(number) < 1e16 { return String(whole) }
    let text = number.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func quote(_ text: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += #"\""#.utf8
      case UInt8(ascii: "\\"): out += #"\\"#.utf8
      case 0x08: out += #"\b"#.utf8
      case 0x09: out += #"\t"#.utf8
      case 0x0A: out += #"\n"#.utf8
      case 0x0C: out += #"\f"#.utf8
      case 0x0D: out += #"\r"#.utf8
      case 0..<0x20: out += Array(((byte < 16 ? #"\u000"# : #"\u00"#) + String(byte, radix: 16)).utf8)
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}
