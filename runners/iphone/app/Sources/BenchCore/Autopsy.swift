import BenchProtocol

/// Why the app died in the middle of a launch, from what it left behind. Decides; reads and writes nothing.
public enum Autopsy {
  /// Headroom below which the kernel's memory killer is the first suspect.
  ///
  /// Source: the study of the phone, 8.6; a chosen limit, unverified on an iPhone.
  static let shortBytes = 200 << 20

  /// The end of a launch whose journal has none.
  ///
  /// - Parameters:
  ///   - lastWords: of the black box, when they are about this launch.
  ///   - lastPhase: of the newest `starting` event.
  ///   - nowNs: the monotonic clock; behind the last heartbeat when the device was restarted.
  public static func verdict(lastWords: BlackBoxRecord?, lastPhase: Phase?, nowNs: Int) -> Failure {
    let phase = lastWords?.phase ?? lastPhase
    let place = place(of: phase, lastWords)
    var failure = cause(of: lastWords, phase: phase, place: place, nowNs: nowNs)
    failure.phase = phase
    failure.detail = lastWords.map(detail)
    return failure
  }

  private static func cause(of words: BlackBoxRecord?, phase: Phase?, place: String, nowNs: Int) -> Failure {
    guard let words else {
      return suspected(.crashed, "the app ended \(place) and left no word", "start the run again")
    }
    if words.hasJournalFailed {
      return Failure(
        kind: .unavailable, message: "the phone could not write its journal \(place): its storage was full",
        remedy: "free some storage on the phone")
    }
    if words.isStopping || words.isTraced {
      let who = words.isTraced ? "under a debugger" : "by a person"
      return suspected(.cancelled, "the app was ended \(who) \(place)", "phibench run --resume")
    }
    if let signal = words.signal { return death(by: signal, place) }
    if nowNs < words.heartbeatNs {
      return suspected(
        .deviceLost, "the phone was restarted \(place)", "keep it charged; start the run again")
    }
    if words.scene == .background {
      return suspected(.backgrounded, "the system ended the app in the background \(place)", stayInFront)
    }
    return silentDeath(words, phase: phase, place)
  }

  /// The app heard its own end, so this is no guess.
  private static func death(by signal: Int, _ place: String) -> Failure {
    if signal == 6 {
      return Failure(
        kind: .aborted, message: "the engine gave up with SIGABRT \(place)",
        remedy: "the model or its library may be missing, damaged or too large for the phone")
    }
    let names = [4: "SIGILL", 5: "SIGTRAP", 7: "SIGBUS", 8: "SIGFPE", 10: "SIGBUS", 11: "SIGSEGV"]
    return Failure(
      kind: .crashed, message: "the app crashed with \(names[signal] ?? "signal \(signal)") \(place)",
      remedy: "look for a crash report on the phone")
  }

  /// The kernel ended it: no process hears of that, so what it was short of has to be inferred.
  private static func silentDeath(_ words: BlackBoxRecord, phase: Phase?, _ place: String) -> Failure {
    let isInPrefill = (phase == .warmup || phase == .iteration) && words.nTokens == 0
    let isShort = words.availableBytes.map { $0 < shortBytes } ?? false
    if isShort || words.nMemoryWarnings > 0 || phase == .load || isInPrefill {
      return suspected(
        .outOfMemory, "the system ended the app \(place), probably for lack of memory",
        "choose a smaller model, format or context; close other apps")
    }
    return suspected(
      .crashed, "the app was ended from outside \(place)",
      "start the run again; look for a crash report on the phone")
  }

  private static func suspected(_ kind: FailureKind, _ message: String, _ remedy: String) -> Failure {
    Failure(kind: kind, message: message, remedy: remedy, isSuspected: true)
  }

  private static let stayInFront = "keep the app in front and the screen on while it measures"

  /// 'while loading', for messages.
  static func place(of phase: Phase?, _ words: BlackBoxRecord?) -> String {
    switch phase {
    case .gate: "while it waited at the gate"
    case .load: "while loading"
    case .warmup, .iteration: generating(phase, words)
    default: "before it began"
    }
  }

  private static func generating(_ phase: Phase?, _ words: BlackBoxRecord?) -> String {
    let doing = phase == .warmup ? "while warming up" : "while generating"
    guard let words else { return doing }
    // The count is up to 0.1 s old.
    return words.nTokens == 0
      ? "\(doing), around the first token" : "\(doing), after about \(words.nTokens) tokens"
  }

  private static func detail(_ words: BlackBoxRecord) -> String {
    let memory = [
      ("footprint", words.footprintBytes), ("peak", words.peakFootprintBytes),
      ("headroom", words.availableBytes),
    ]
    let known = memory.compactMap { name, bytes in bytes.map { "\(name) \($0 >> 20) MiB" } }
    return (known + ["memory warnings \(words.nMemoryWarnings)"]).joined(separator: ", ")
  }
}
