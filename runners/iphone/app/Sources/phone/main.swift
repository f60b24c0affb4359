import BenchClient
import BenchProtocol
import Foundation

let usage = """
    phone pair LINK --home DIR [--name N]
    phone run --home DIR [--idle-exit S] [--take N] [--offline-after-take] [--reading FILE]
    phone show --home DIR
    phone measure-overhead [--tokens N]

  Every command takes --json: one object a line.
  Exit codes: 0 done, 1 failed, 2 usage, 3 some launches failed, 70 a runtime hangs.
  """

/// One command to its exit code. Nothing may be thrown out of here: that would end in a trap, not in a code.
func phone(_ words: [String]) async -> Int32 {
  if words.contains("--help") || words.contains("-h") {
    Lines(isJSON: false).write(usage)
    return 0
  }
  do {
    let arguments = try Arguments(
      words, options: ["--home", "--name", "--idle-exit", "--take", "--reading", "--tokens"],
      flags: ["--json", "--offline-after-take"])
    let lines = Lines(isJSON: arguments.has("--json"))
    switch arguments.command {
    case "pair": return try await PairCommand.run(arguments, lines)
    case "run": return try await RunCommand.run(arguments, lines)
    case "show": return try ShowCommand.run(arguments, lines)
    case "measure-overhead": return try await OverheadCommand.run(arguments, lines)
    default: throw Arguments.Misuse(description: "unknown command \(arguments.command)")
    }
  } catch let misuse as Arguments.Misuse {
    Lines.fail("\(misuse)\n\(usage)")
    return 2
  } catch {
    Lines.fail("\(error)")
    return 1
  }
}

signal(SIGPIPE, SIG_IGN)
exit(await phone(Array(CommandLine.arguments.dropFirst())))
