import Foundation
import Testing

/// What the compiler on Linux does not see: availability is never checked there, and iOS 17 is the least we run on.
struct SourceTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private func sources() throws -> [(name: String, text: String)] {
    let folder = Self.root.appendingPathComponent("Sources")
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    return try names.filter { $0.hasSuffix(".swift") }.map {
      ($0, try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8))
    }
  }

  @Test func nothingNewerThanIOS17IsUsed() throws {
    let banned = try Regex(
      #"\b(import Synchronization|Mutex\s*[<(]|Atomic\s*<|InlineArray\s*<|Span\s*<|UInt128\b|Int128\b)"#)
    let files = try sources()
    #expect(files.count > 20)
    for (name, text) in files {
      #expect(text.firstMatch(of: banned) == nil, Comment(rawValue: name))
    }
  }

  @Test func noPackageFromOutside() throws {
    let manifest = try String(contentsOf: Self.root.appendingPathComponent("Package.swift"), encoding: .utf8)
    #expect(!manifest.contains(".package("))
  }
}
