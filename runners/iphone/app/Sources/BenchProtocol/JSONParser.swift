import Foundation

/// Reads a JSON text (RFC 8259) into a ``JSONValue``.
///
/// Our own, because JSONDecoder finds out what a value is by failing at everything else: 100 times slower for token
/// times, and it takes `[1,]`. Of duplicate keys the first counts, as there.
struct JSONParser {
  private static let mostDepth = 64
  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0

  /// - Throws: ``WireError`` saying at which byte it is wrong.
  static func parse(_ json: Data) throws -> JSONValue {
    try json.withUnsafeBytes { raw in
      var parser = JSONParser(bytes: raw.bindMemory(to: UInt8.self))
      let value = try parser.value(depth: 0)
      parser.skipBlanks()
      guard parser.at == parser.bytes.count else { throw parser.fault("something follows the value") }
      return value
    }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private func fault(_ what: String) -> WireError { WireError("JSON", "\(what), at byte \(at)") }

  private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    at += 1
    return true
  }

  private mutating func value(depth: Int) throws -> JSONValue {
    guard depth <= Self.mostDepth else { throw fault("nested too deeply") }
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try array(depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws -> JSONValue {
    let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    guard bytes[at...].starts(with: wanted) else { throw fault("no value") }
    at += wanted.count
    return value
  }

  private mutating func array(_ depth: Int) throws -> JSONValue {
    at += 1
    var items: [JSONValue] = []
    skipBlanks()
    if take(UInt8(ascii: "]")) { return .array(items) }
    while true {
      items.append(try value(depth: depth + 1))
      skipBlanks()
      if take(UInt8(ascii: "]")) { return .array(items) }
      guard take(UInt8(ascii: ",")) else { throw fault("a comma or a bracket is missing") }
    }
  }

  private mutating func object(_ depth: Int) throws -> JSONValue {
    at += 1
    var members: [String: JSONValue] = [:]
    skipBlanks()
    if take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipBlanks()
      guard next == UInt8(ascii: "\"") else { throw fault("a name is missing") }
      let name = try string()
      skipBlanks()
      guard take(UInt8(ascii: ":")) else { throw fault("a colon is missing") }
      let value = try value(depth: depth + 1)
      if members[name] == nil { members[name] = value }
      skipBlanks()
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw fault("a comma or a brace is missing") }
    }
  }

  private mutating func number() throws -> JSONValue {
    let start = at
    let isNegative = take(UInt8(ascii: "-"))
    let firstDigit = at
    var whole: Int? = 0
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      let digit = Int(byte - UInt8(ascii: "0"))
      whole = whole.flatMap { Self.appended($0, isNegative ? -digit : digit) }
      at += 1
    }
    guard at > firstDigit, at == firstDigit + 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
      throw fault("no number")
    }
    let isWhole = try !fraction()
    if isWhole, let whole { return .int(whole) }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    guard let number = Double(text), number.isFinite else {
      throw fault("\(text) is no number that can be kept")
    }
    return JSONValue(number)
  }

  private static func appended(_ number: Int, _ digit: Int) -> Int? {
    let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
    let (sum, isTooLargeToo) = tens.addingReportingOverflow(digit)
    return isTooLarge || isTooLargeToo ? nil : sum
  }

  /// Passes over a fraction and an exponent; whether there was one.
  private mutating func fraction() throws -> Bool {
    var isThere = false
    if take(UInt8(ascii: ".")) {
      try digits()
      isThere = true
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
      isThere = true
    }
    return isThere
  }

  private mutating func digits() throws {
    let start = at
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
    guard at > start else { throw fault("no number") }
  }

  private mutating func string() throws -> String {
    at += 1
    var text: [UInt8] = []
    var start = at
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw fault("a control character inside a text") }
      guard byte == UInt8(ascii: "\\") else {
        at += 1
        continue
      }
      text += bytes[start..<at]
      at += 1
      text += try escaped()
      start = at
    }
    guard next != nil else { throw fault("a text has no end") }
    text += bytes[start..<at]
    at += 1
    guard let valid = String(bytes: text, encoding: .utf8) else { throw fault("a text is not UTF-8") }
    return valid
  }

  private mutating func escaped() throws -> [UInt8] {
    guard let byte = next else { throw fault("a text has no end") }
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(try scalar()).utf8)
    default: throw fault("an unknown escape")
    }
  }

  private mutating func scalar() throws -> Character {
    var code = try unit()
    if (0xD800..<0xDC00).contains(code) {
      guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw fault("half a character") }
      let low = try unit()
      guard (0xDC00..<0xE000).contains(low) else { throw fault("half a character") }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw fault("half a character") }
    return Character(scalar)
  }

  private mutating func unit() throws -> UInt32 {
    guard at + 4 <= bytes.count, let pair = Hex.decode(String(decoding: bytes[at..<at + 4], as: UTF8.self)),
      pair.count == 2
    else { throw fault("an unknown escape") }
    at += 4
    return UInt32(pair[0]) << 8 | UInt32(pair[1])
  }
}
