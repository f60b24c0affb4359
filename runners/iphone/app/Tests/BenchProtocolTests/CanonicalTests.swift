import Foundation
import Testing

@testable import BenchProtocol

struct CanonicalTests {
  @Test func valuesComeOutAsPythonWritesThem() throws {
    let texts = try Golden.rows("values.json", "canonical").compactMap(\.stringValue)
    #expect(texts.count > 500)
    for text in texts {
      let value = try JSONValue(parsing: Data(text.utf8))
      #expect(String(decoding: try value.canonical(), as: UTF8.self) == text)
    }
  }

  @Test func otherSpellingsOfAValue() throws {
    for row in try Golden.rows("values.json", "read_as") {
      let value = try JSONValue(parsing: Data(Golden.text(row, "text").utf8))
      #expect(String(decoding: try value.canonical(), as: UTF8.self) == Golden.text(row, "canonical"))
    }
  }

  @Test func whatIsNoJSONIsRefused() throws {
    for row in try Golden.rows("values.json", "refused") {
      let text = row.stringValue ?? "{}"
      #expect(throws: WireError.self, Comment(rawValue: text)) { try JSONValue(parsing: Data(text.utf8)) }
    }
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func aNumberThatIsNoneIsRefused(number: Double) {
    #expect(throws: WireError.self) { try JSONValue.double(number).canonical() }
    var reading = Reading()
    reading.temperatureC = number
    #expect(throws: WireError.self) { try Wire.canonical(reading) }
  }

  @Test func wholeDoublesAreIntegers() throws {
    #expect(JSONValue(24.0) == .int(24))
    #expect(try JSONValue.double(-0.0).canonical() == Data("0".utf8))
    #expect(try JSONValue.double(1e300).canonical() == Data("1e+300".utf8))
    #expect(try JSONValue.array([.double(0.1), .double(3)]).canonical() == Data("[0.1,3]".utf8))
  }

  @Test func bytesThatAreNoTextAreRefused() {
    for bytes: [UInt8] in [[0x22, 0xff, 0x22], [0x22, 0xc3, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]] {
      #expect(throws: WireError.self) { try JSONValue(parsing: Data(bytes)) }
    }
  }

  @Test func depthIsBounded() throws {
    func nested(_ n: Int) -> Data {
      Data((String(repeating: "[", count: n) + String(repeating: "]", count: n)).utf8)
    }
    _ = try JSONValue(parsing: nested(60))
    #expect(throws: WireError.self) { try JSONValue(parsing: nested(100_000)) }
  }

  @Test func ofDuplicateNamesTheFirstCounts() throws {
    #expect(try JSONValue(parsing: Data(#"{"a":1,"a":2}"#.utf8)) == ["a": 1])
  }
}
