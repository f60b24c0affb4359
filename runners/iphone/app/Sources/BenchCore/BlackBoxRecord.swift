import BenchC
import BenchProtocol

/// What the black box says; nil = unknown.
public struct BlackBoxRecord: Hashable, Sendable {
  /// Whether the app can be seen.
  public enum Scene: Int8, Sendable {
    case active = 0
    case inactive, background
  }

  public var boot: String
  /// The launch that runs; empty = none.
  public var launchID = ""
  /// The step that began last; nil = none yet, or the launch has its end.
  public var phase: Phase?
  public var index = 0
  /// Delivered in the generation that goes on.
  public var nTokens = 0
  public var footprintBytes: Int?
  public var peakFootprintBytes: Int?
  public var availableBytes: Int?
  public var thermal: Int8 = -1
  public var scene: Scene?
  /// Set when a person ends the app.
  public var isStopping = false
  public var isTraced = false
  public var nMemoryWarnings = 0
  /// Set when an event could not be written.
  public var hasJournalFailed = false
  /// On the monotonic clock, which begins anew when the device does.
  public var heartbeatNs = 0
  /// The deadly signal that the app heard; nil = none, as when the kernel kills it.
  public var signal: Int?

  public init(boot: String) { self.boot = boot }
}

extension BlackBoxRecord {
  private static let phases: [Phase?] = [nil, .gate, .load, .warmup, .iteration]

  init(_ record: bench_black_box_record, signal: Int32) {
    func known(_ bytes: Int64) -> Int? { bytes < 0 ? nil : Int(bytes) }
    boot = Self.text(record.boot)
    launchID = Self.text(record.launch_id)
    let code = Int(record.phase)
    phase = Self.phases.indices.contains(code) ? Self.phases[code] : nil
    index = Int(record.index)
    nTokens = Int(record.n_tokens)
    footprintBytes = known(record.footprint)
    peakFootprintBytes = known(record.peak_footprint)
    availableBytes = known(record.available)
    thermal = record.thermal
    scene = Scene(rawValue: record.scene)
    isStopping = record.is_stopping != 0
    isTraced = record.is_traced != 0
    nMemoryWarnings = Int(record.n_memory_warnings)
    hasJournalFailed = record.has_journal_failed != 0
    heartbeatNs = Int(record.heartbeat_ns)
    self.signal = signal == 0 ? nil : Int(signal)
  }

  var inC: bench_black_box_record {
    var record = bench_black_box_record()
    Self.put(boot, into: &record.boot)
    Self.put(launchID, into: &record.launch_id)
    record.phase = Int8(Self.phases.firstIndex(of: phase) ?? 0)
    record.index = Int32(clamping: index)
    record.n_tokens = Int64(nTokens)
    record.footprint = Int64(footprintBytes ?? -1)
    record.peak_footprint = Int64(peakFootprintBytes ?? -1)
    record.available = Int64(availableBytes ?? -1)
    record.thermal = thermal
    record.scene = scene?.rawValue ?? -1
    record.is_stopping = isStopping ? 1 : 0
    record.is_traced = isTraced ? 1 : 0
    record.n_memory_warnings = Int8(clamping: nMemoryWarnings)
    record.has_journal_failed = hasJournalFailed ? 1 : 0
    record.heartbeat_ns = Int64(heartbeatNs)
    return record
  }

  private static func text<T>(_ field: T) -> String {
    withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static func put<T>(_ text: String, into field: inout T) {
    withUnsafeMutableBytes(of: &field) { $0.copyBytes(from: text.utf8.prefix($0.count - 1)) }
  }
}
