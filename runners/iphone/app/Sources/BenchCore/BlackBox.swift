import BenchC
import BenchProtocol
import Foundation

/// What the app was doing, in a page of memory that outlives it.
///
/// The page is a mapped file: when the kernel kills the app, it keeps what was stored. Updated before each risky step
/// and ten times a second, never from inside a timed region. Safe to use from several threads.
public final class BlackBox: @unchecked Sendable {
  private let page: UnsafeMutableRawPointer
  private let lock = NSLock()
  private var now: BlackBoxRecord

  /// What the last life of the app left behind; nil when there is no box, or none that is whole.
  public static func lastWords(path: String) -> BlackBoxRecord? {
    guard let page = try? map(path) else { return nil }
    defer { munmap(page, Int(BENCH_BLACK_BOX_BYTES)) }
    var record = bench_black_box_record()
    guard bench_black_box_read(page, &record) == 0 else { return nil }
    return BlackBoxRecord(record, signal: bench_black_box_signal(page))
  }

  /// Take over the box. Read ``lastWords(path:)`` before.
  ///
  /// - Throws: ``JournalError`` when the file cannot be made or mapped.
  public init(path: String, boot: String) throws {
    page = try Self.map(path)
    now = BlackBoxRecord(boot: boot)
    bench_black_box_open(page)
    update { _ in }
  }

  deinit { munmap(page, Int(BENCH_BLACK_BOX_BYTES)) }

  /// The record as it was written last.
  public var current: BlackBoxRecord { lock.withLock { now } }

  /// Change the record and write it.
  public func update(_ change: (inout BlackBoxRecord) -> Void) {
    lock.withLock {
      change(&now)
      now.heartbeatNs = Int(bench_now_ns())
      var record = now.inC
      bench_black_box_write(page, &record)
    }
  }

  /// Note a deadly signal in the box before the app dies of it. One box a process.
  public func watchSignals() { bench_black_box_watch_signals(page) }

  private static func map(_ path: String) throws -> UnsafeMutableRawPointer {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw JournalError.system(call: "open", path: path, code: errno) }
    defer { close(descriptor) }
    // Written and not only made longer: a hole in the file would need disk space at the first store, and a full disk
    // would then be a SIGBUS.
    let size = lseek(descriptor, 0, SEEK_END)
    if size < BENCH_BLACK_BOX_BYTES {
      let zeros = [UInt8](repeating: 0, count: Int(BENCH_BLACK_BOX_BYTES))
      guard pwrite(descriptor, zeros, zeros.count, 0) == zeros.count else {
        throw JournalError.system(call: "write", path: path, code: errno)
      }
    }
    let mapped = mmap(nil, Int(BENCH_BLACK_BOX_BYTES), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else {
      throw JournalError.system(call: "mmap", path: path, code: errno)
    }
    return mapped
  }
}
