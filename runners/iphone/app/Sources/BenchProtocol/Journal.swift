import BenchC
import Foundation

/// The record of one launch on the phone: append-only, one `write` an event, and the truth that every transport copies.
///
/// An event is written before the risky step it announces. The bytes are the kernel's as soon as `append` returns, so a
/// kill loses none; only the end is forced to the disk. Safe to use from several tasks.
public final class Journal: @unchecked Sendable {
  /// File of the launch.
  public let path: String
  /// The life of the app that writes.
  public let boot: String

  private let lock = NSLock()
  private let descriptor: Int32
  private let clock: @Sendable () -> Int
  private var index: JournalIndex
  private var nextSeq: Int
  private var listener: (@Sendable () -> Void)?

  /// Open or create; a last line that was cut is taken off first, or the next event would be glued to it.
  ///
  /// - Throws: ``JournalError``.
  public init(
    path: String, boot: String, clock: @escaping @Sendable () -> Int = { Int(bench_now_ns()) }
  ) throws {
    let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw JournalError.last("open", path) }
    do {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw JournalError.busy(path: path) }
      let data = try FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).readToEnd()
      index = try JournalIndex(of: data ?? Data(), path: path)
      guard ftruncate(descriptor, off_t(index.nWholeBytes)) == 0 else {
        throw JournalError.last("ftruncate", path)
      }
    } catch {
      close(descriptor)
      throw error
    }
    self.path = path
    self.boot = boot
    self.descriptor = descriptor
    self.clock = clock
    nextSeq = (index.entries.last { $0.boot == boot }?.seq ?? -1) + 1
  }

  deinit { close(descriptor) }

  /// Events so far, over all boots.
  public var nEvents: Int { lock.withLock { index.entries.count } }

  /// Whether the launch has its `done` or `failed`.
  public var hasEnd: Bool { lock.withLock { index.hasEnd } }

  /// Calls back after each event, on the thread that wrote it: whoever uploads listens here.
  public func onAppend(_ listener: (@Sendable () -> Void)?) {
    lock.withLock { self.listener = listener }
  }

  /// Write one event. A `done` or `failed` is sealed and forced to the disk.
  ///
  /// - Throws: ``JournalError``; then nothing of the event is in the file and its number is free again.
  @discardableResult
  public func append(_ body: EventBody) throws -> Event {
    let (event, listener) = try lock.withLock { (try write(body), self.listener) }
    listener?()
    return event
  }

  private func write(_ body: EventBody) throws -> Event {
    guard !index.hasEnd else { throw JournalError.ended(path: path) }
    let event = try Event(boot: boot, seq: nextSeq, tNs: clock(), body: sealed(body))
    let line = try event.canonical() + [UInt8(ascii: "\n")]
    let wrote = line.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
    guard wrote == line.count else { throw takeBack(wrote, of: line.count) }
    let start = index.nWholeBytes
    index.entries.append(
      .init(boot: boot, seq: nextSeq, type: event.type, range: start..<start + line.count - 1))
    index.nWholeBytes += line.count
    index.hash.update(line)
    nextSeq += 1
    if event.type.isLast { try force() }
    return event
  }

  private func sealed(_ body: EventBody) -> EventBody {
    switch body {
    case .done: return .done(Done(seal: seal))
    case .failed(var failure):
      failure.seal = seal
      return .failed(failure)
    default: return body
    }
  }

  private var seal: Seal {
    let boots = index.boots.contains(boot) ? index.boots : index.boots + [boot]
    return Seal(
      nEvents: index.entries.count + 1, eventsSHA256: index.hash.hexDigest,
      boots: boots.count > 1 ? boots : nil)
  }

  private func takeBack(_ wrote: Int, of wanted: Int) -> JournalError {
    let error =
      wrote < 0
      ? JournalError.last("write", path)
      : JournalError.shortWrite(path: path, wrote: wrote, wanted: wanted)
    _ = ftruncate(descriptor, off_t(index.nWholeBytes))
    return error
  }

  private func force() throws {
    #if canImport(Darwin)
      // fsync on Apple's systems stops at the drive's cache.
      if fcntl(descriptor, F_FULLFSYNC) == 0 { return }
    #endif
    guard fsync(descriptor) == 0 else { throw JournalError.last("fsync", path) }
  }
}
