import BenchProtocol
import Foundation

/// How an echo behaves: its options, checked.
struct EchoPlan: Sendable {
  /// Where it fails.
  enum Place: Hashable, Sendable {
    case load, prefill
    /// After so many tokens.
    case decode(Int)
  }

  /// As large as Phi-3's.
  static let nVocabulary: UInt64 = 32064
  private static let ways = ["error", "abort", "trap", "kill", "hang"]

  var seed = 1
  var loadS = 0.0
  var ttftS = 0.0
  var decodeTokPerS = 0.0
  var nBytes = 0
  var failure: (place: Place, how: String, generation: Int)?

  init() {}

  init(_ options: RunOptions) throws {
    seed = try options.integer("seed", or: 1)
    loadS = try options.number("load_s", or: 0)
    ttftS = try options.number("ttft_s", or: 0)
    decodeTokPerS = try options.number("decode_tok_per_s", or: 0)
    nBytes = try options.integer("allocate_bytes", or: 0)
    let how = try options.text("fail_how", or: "error", choices: Self.ways)
    let generation =
      options.asked["fail_generation"] == -1 ? -1 : try options.integer("fail_generation", or: -1)
    failure = try Self.place(try options.text("fail_at", or: "")).map { ($0, how, generation) }
  }

  var gapS: Double { decodeTokPerS > 0 ? 1 / decodeTokPerS : 0 }
  var isPaced: Bool { decodeTokPerS > 0 || ttftS > 0 }

  var inEffect: [String: JSONValue] {
    ["decode_tok_per_s": JSONValue(decodeTokPerS), "ttft_s": JSONValue(ttftS), "seed": .int(seed)]
  }

  /// Where to fail in the generation of this number; nil = not in this one.
  func failure(in generation: Int) -> Place? {
    guard let failure, failure.generation < 0 || failure.generation == generation else { return nil }
    return failure.place
  }

  /// Fail in the way that was asked for; most ways do not come back.
  func fail() async throws {
    switch failure?.how {
    case "abort": abort()
    case "trap": fatalError("the echo was asked to trap")
    case "kill":
      kill(getpid(), SIGKILL)
      while true { sleep(1) }  // the kernel takes a moment
    case "hang": while true { sleep(1) }  // deaf to cancelling, as an engine is
    default: throw RunFailure(.backendMismatch, "the echo was asked to fail", remedy: "leave out fail_at")
    }
  }

  private static func place(_ text: String) throws -> Place? {
    switch text {
    case "": return nil
    case "load": return .load
    case "prefill": return .prefill
    default:
      let parts = text.split(separator: ":")
      if parts.count == 2, parts[0] == "decode", let n = Int(parts[1]), n >= 0 { return .decode(n) }
      throw RunFailure(.unsupported, "option fail_at of echo is load, prefill or decode:N, not \(text)")
    }
  }
}
