import BenchProtocol
import Foundation

/// The files that Python reads too.
enum Golden {
  static func data(_ name: String) throws -> Data {
    let folder = Bundle.module.bundleURL.appendingPathComponent("Golden")
    return try Data(contentsOf: folder.appendingPathComponent(name))
  }

  static func value(_ name: String) throws -> JSONValue { try JSONValue(parsing: data(name)) }

  static func rows(_ file: String, _ section: String) throws -> [JSONValue] {
    try value(file)[section]?.arrayValue ?? []
  }

  static func bytes(_ row: JSONValue, _ key: String) -> [UInt8] {
    Hex.decode(row[key]?.stringValue ?? "-") ?? []
  }

  static func text(_ row: JSONValue, _ key: String) -> String { row[key]?.stringValue ?? "" }
}

/// A folder that is gone when the test ends.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "bench-" + Identifier.random(nBytes: 8)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
