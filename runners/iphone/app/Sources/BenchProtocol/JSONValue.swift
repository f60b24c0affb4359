import Foundation

/// Any JSON value, so that fields this version does not know are kept and not lost.
///
/// A whole number is an ``int(_:)`` whether it was written `24` or `24.0`. An integer beyond 64 bits is read as the
/// nearest double; the wire promises that there is none.
public enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// A number; a whole one that fits becomes an integer, as it will be when it is read again.
  public init(_ number: Double) {
    self = Int(exactly: number).map(JSONValue.int) ?? .double(number)
  }

  /// What a record looks like on the wire.
  ///
  /// - Throws: ``WireError`` when a number is NaN or infinite.
  public init(encoding value: some Encodable) throws {
    do {
      self = try JSONParser.parse(JSONEncoder().encode(value))
    } catch EncodingError.invalidValue(let number, let context) {
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      throw WireError(path, "\(number) is no number that can be kept")
    }
  }

  /// Parse a JSON text.
  ///
  /// - Throws: ``WireError`` when it is none.
  public init(parsing json: Data) throws {
    self = try JSONParser.parse(json)
  }

  /// The record this value stands for.
  ///
  /// - Throws: ``WireError`` naming the field.
  public func decoded<T: Decodable>(_ type: T.Type) throws -> T {
    try Wire.decode(type, from: canonical())
  }

  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var intValue: Int? { if case .int(let value) = self { value } else { nil } }
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  public var objectValue: [String: JSONValue]? {
    if case .object(let value) = self { value } else { nil }
  }
  public var doubleValue: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
  public var isNull: Bool { self == .null }

  /// Whether it may stand as an engine option: text, number or truth value.
  public var isScalar: Bool {
    switch self {
    case .bool, .int, .double, .string: true
    case .null, .array, .object: false
    }
  }

  /// A member of an object; nil when there is none or this is no object.
  public subscript(key: String) -> JSONValue? { objectValue?[key] }
}

extension JSONValue: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Int.self) {
      self = .int(value)
    } else if let value = try? container.decode(Double.self) {
      self = .double(value)
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .double(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByNilLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(floatLiteral value: Double) { self.init(value) }
  public init(nilLiteral: ()) { self = .null }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { first, _ in first }))
  }
}
