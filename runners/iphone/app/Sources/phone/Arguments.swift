/// The words after `phone`: one command, its positional words, its options. No library for that on a phone.
struct Arguments {
  /// A wrong call; exit code 2.
  struct Misuse: Error, CustomStringConvertible {
    let description: String
  }

  let command: String
  private(set) var words: [String] = []
  private var values: [String: String] = [:]
  private var flags: Set<String> = []

  /// - Parameters:
  ///   - options: names that take a value.
  ///   - flags: names that stand alone.
  init(_ words: [String], options: Set<String>, flags known: Set<String>) throws {
    guard let command = words.first else { throw Misuse(description: "no command") }
    self.command = command
    var rest = words.dropFirst()
    while let word = rest.popFirst() {
      if known.contains(word) {
        flags.insert(word)
      } else if options.contains(word) {
        guard let value = rest.popFirst() else { throw Misuse(description: "\(word) needs a value") }
        values[word] = value
      } else if word.hasPrefix("-") {
        throw Misuse(description: "unknown option \(word)")
      } else {
        self.words.append(word)
      }
    }
  }

  func has(_ flag: String) -> Bool { flags.contains(flag) }

  func text(_ option: String) -> String? { values[option] }

  func required(_ option: String) throws -> String {
    guard let value = values[option] else { throw Misuse(description: "\(command) needs \(option)") }
    return value
  }

  func number(_ option: String) throws -> Double? {
    guard let text = values[option] else { return nil }
    guard let number = Double(text), number >= 0 else {
      throw Misuse(description: "\(option) is a number from 0, not \(text)")
    }
    return number
  }

  func integer(_ option: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let text = values[option] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw Misuse(description: "\(option) is a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
