import BenchProbes
import BenchProtocol

/// The highest memory of one launch, from looks and from the system's own peak.
///
/// The system's peak is exact and covers the whole life of the process, so an earlier launch may have set it: it counts
/// only when it rose during this launch. Otherwise the highest look counts.
struct Peaks: Sendable {
  private let atStart: MemoryNow
  private var highest: MemoryNow

  init(_ atStart: MemoryNow) {
    self.atStart = atStart
    highest = atStart
  }

  mutating func note(_ now: MemoryNow) {
    highest.footprintBytes = Self.larger(highest.footprintBytes, now.footprintBytes)
    highest.rssBytes = Self.larger(highest.rssBytes, now.rssBytes)
    highest.anonBytes = Self.larger(highest.anonBytes, now.anonBytes)
    highest.fileBytes = Self.larger(highest.fileBytes, now.fileBytes)
    highest.peakFootprintBytes = Self.larger(highest.peakFootprintBytes, now.peakFootprintBytes)
    highest.peakRssBytes = Self.larger(highest.peakRssBytes, now.peakRssBytes)
  }

  /// The reading with the peaks of the launch in place of the system's own.
  func put(into reading: inout Reading) {
    reading.peakFootprintBytes = Self.peak(
      start: atStart.peakFootprintBytes, end: highest.peakFootprintBytes, seen: highest.footprintBytes)
    reading.peakRssBytes = Self.peak(
      start: atStart.peakRssBytes, end: highest.peakRssBytes, seen: highest.rssBytes)
    reading.peakAnonBytes = highest.anonBytes
    reading.peakFileBytes = highest.fileBytes
  }

  /// The system's peak where this launch set it, else the highest look.
  static func peak(start: Int?, end: Int?, seen: Int?) -> Int? {
    guard let end, end > start ?? 0 else { return seen }
    return larger(end, seen)
  }

  private static func larger(_ a: Int?, _ b: Int?) -> Int? {
    guard let a else { return b }
    return b.map { max(a, $0) } ?? a
  }
}

/// What a launch says of memory and effort: its own, never that of an earlier launch of the same process.
///
/// The host takes the highest reading of a launch for its peak, so this holds for every reading and not for the last
/// one alone.
struct LaunchReadings: Sendable {
  let probe: any DeviceProbe
  let watch: Watch
  /// As the launch began.
  let atStart: Reading

  /// The device and the launch, now.
  func now() -> Reading {
    var reading = probe.reading()
    watch.currentPeaks().put(into: &reading)
    reading.countFrom(atStart)
    return reading
  }
}

extension Reading {
  /// The device without what the process did before the launch began.
  var beforeLaunch: Reading {
    var reading = self
    reading.peakRssBytes = nil
    reading.peakAnonBytes = nil
    reading.peakFileBytes = nil
    reading.peakFootprintBytes = nil
    reading.cpuUserS = nil
    reading.cpuSystemS = nil
    reading.nMinorFaults = nil
    reading.nMajorFaults = nil
    reading.nVoluntarySwitches = nil
    reading.nInvoluntarySwitches = nil
    return reading
  }

  /// What the system accounted to the process since an earlier reading, in place of the sums since its start.
  mutating func countFrom(_ earlier: Reading) {
    func since<T: AdditiveArithmetic>(_ now: T?, _ then: T?) -> T? {
      now.flatMap { n in then.map { n - $0 } }
    }
    cpuUserS = since(cpuUserS, earlier.cpuUserS)
    cpuSystemS = since(cpuSystemS, earlier.cpuSystemS)
    nMinorFaults = since(nMinorFaults, earlier.nMinorFaults)
    nMajorFaults = since(nMajorFaults, earlier.nMajorFaults)
    nVoluntarySwitches = since(nVoluntarySwitches, earlier.nVoluntarySwitches)
    nInvoluntarySwitches = since(nInvoluntarySwitches, earlier.nInvoluntarySwitches)
  }
}
