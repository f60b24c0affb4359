import BenchC
import BenchProbes
import BenchProtocol
import BenchRuntimes
import Foundation

/// A thread of low priority beside a launch: ten times a second it looks at memory and writes the black box, once a
/// second it looks at the heat. It ends a launch that hangs, grows too hot or leaves the screen.
///
/// A thread and no task: an engine that blocks every thread of Swift's pool must still be noticed.
final class Watch: @unchecked Sendable {
  /// Seconds between two looks.
  static let periodS = 0.1

  private let probe: any DeviceProbe
  private let box: BlackBox
  private let counter: TokenCounter
  private let control: LaunchControl
  private let timeoutNs: Int64
  private let graceS: Double
  private let onStuck: @Sendable (RunFailure) -> Void

  private let lock = NSLock()
  private var peaks: Peaks
  private var hottest: ThermalState?
  private var deadlineNs: Int64?
  private var isOver = false

  /// - Parameter onStuck: called on the watch's thread when the runtime does not come back; the process has to end.
  init(
    probe: any DeviceProbe, box: BlackBox, counter: TokenCounter, control: LaunchControl, timeoutS: Double,
    graceS: Double,
    onStuck: @escaping @Sendable (RunFailure) -> Void
  ) {
    self.probe = probe
    self.box = box
    self.counter = counter
    self.control = control
    self.onStuck = onStuck
    self.graceS = graceS
    timeoutNs = Int64(min(timeoutS, 1e8) * 1e9)
    peaks = Peaks(probe.memory())
  }

  /// Start the thread.
  func start() {
    let thread = Thread { [self] in look() }
    thread.name = "watch"
    thread.qualityOfService = .utility
    thread.start()
  }

  /// End the thread, at its next look.
  func stop() { lock.withLock { isOver = true } }

  /// A risky step begins: it may be silent until the time-out.
  func begin() {
    lock.withLock {
      hottest = nil
      deadlineNs = bench_now_ns() + timeoutNs
    }
  }

  /// The step is over. Returns the worst heat that was seen in it.
  func end() -> ThermalState? {
    lock.withLock {
      deadlineNs = nil
      return hottest
    }
  }

  /// Peaks so far, this moment included.
  func currentPeaks() -> Peaks {
    let now = probe.memory()
    return lock.withLock {
      peaks.note(now)
      return peaks
    }
  }

  private func look() {
    var round = 0
    while !lock.withLock({ isOver }) {
      let memory = probe.memory()
      lock.withLock { peaks.note(memory) }
      if round % 10 == 0, let thermal = probe.thermalState() { note(thermal) }
      record(memory)
      judge()
      round += 1
      Thread.sleep(forTimeInterval: Self.periodS)
    }
  }

  private func note(_ thermal: ThermalState) {
    lock.withLock {
      if thermal.rawValue > hottest?.rawValue ?? -1 { hottest = thermal }
    }
    box.update { $0.thermal = thermal.rawValue }
    if thermal == .critical {
      control.stop(
        RunFailure(
          .thermalAborted, "the phone grew critically hot",
          remedy: "let it cool down; take it out of its case"))
    }
  }

  private func record(_ memory: MemoryNow) {
    let nTokens = Int(counter.value)
    box.update { record in
      record.nTokens = nTokens
      record.footprintBytes = memory.chargedBytes
      record.peakFootprintBytes = memory.peakFootprintBytes ?? memory.peakRssBytes
      record.availableBytes = memory.availableBytes
    }
  }

  private func judge() {
    if box.current.scene == .background {
      control.stop(
        RunFailure(
          .backgrounded, "the app left the screen while it measured",
          remedy: "keep the app in front and the screen on while it measures"))
    }
    guard let deadlineNs = lock.withLock({ deadlineNs }) else { return }
    let lateNs = bench_now_ns() - deadlineNs
    guard lateNs > 0 else { return }
    let silent = RunFailure(
      .timedOut, "the engine gave no sign for \(timeoutNs / 1_000_000_000) s",
      remedy: "allow more: --timeout 3600s")
    control.stop(silent)
    if Double(lateNs) / 1e9 > graceS {
      stop()
      onStuck(control.stopReason ?? silent)
    }
  }
}
