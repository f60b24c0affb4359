import Foundation

/// A record does not have the promised form; the message names the field.
public struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Dotted path of the field, such as `Job.workload.n_prompt_tokens`.
  public let field: String
  public let message: String

  public init(_ field: String, _ message: String) {
    self.field = field
    self.message = message
  }

  public var description: String { "\(field): \(message)" }

  /// The same fault in our own words, with the whole path of the field.
  init(_ error: DecodingError, in root: String) {
    switch error {
    case .keyNotFound(let key, let context):
      self.init(Self.path(root, context.codingPath + [key]), "missing")
    case .typeMismatch(let type, let context):
      self.init(Self.path(root, context.codingPath), "expected \(type)")
    case .valueNotFound(let type, let context):
      self.init(Self.path(root, context.codingPath), "expected \(type), got null")
    case .dataCorrupted(let context):
      self.init(Self.path(root, context.codingPath), context.debugDescription)
    @unknown default:
      self.init(root, "\(error)")
    }
  }

  private static func path(_ root: String, _ keys: [any CodingKey]) -> String {
    keys.reduce(into: root) { path, key in
      path += key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)"
    }
  }
}

/// Records to canonical JSON and back.
public enum Wire {
  /// Read a record; an unknown field is ignored, a missing one takes its default or is an error.
  ///
  /// - Throws: ``WireError`` naming the field.
  public static func decode<T: Decodable>(
    _ type: T.Type, from json: Data, as name: String? = nil
  ) throws -> T {
    do {
      return try JSONDecoder().decode(type, from: json)
    } catch let error as DecodingError {
      throw WireError(error, in: name ?? "\(type)")
    }
  }

  /// The one JSON text of a record: sorted keys, no blanks, UTF-8; what digests are taken of.
  ///
  /// - Throws: ``WireError`` when a number is NaN or infinite.
  public static func canonical(_ value: some Encodable) throws -> Data {
    try JSONValue(encoding: value).canonical()
  }
}

extension KeyedDecodingContainer {
  /// The value, or what stands when the sender left it out.
  func get<T: Decodable>(_ key: Key, or fallback: T) throws -> T {
    try decodeIfPresent(T.self, forKey: key) ?? fallback
  }

  func optional<T: Decodable>(_ key: Key) throws -> T? {
    try decodeIfPresent(T.self, forKey: key)
  }

  func get<T: Decodable>(_ key: Key) throws -> T {
    try decode(T.self, forKey: key)
  }

  /// A fault of the record as a whole, said where the decoder stands.
  func fault(_ key: Key, _ message: String) -> DecodingError {
    .dataCorruptedError(forKey: key, in: self, debugDescription: message)
  }
}
