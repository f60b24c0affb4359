import Foundation

/// The journal of a launch could not be written or read.
public enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No space, or more than the file may hold. What was written of the event is taken back.
  case diskFull(path: String)
  /// The system took only a part of an event. It is taken back and not tried again.
  case shortWrite(path: String, wrote: Int, wanted: Int)
  /// The launch has its `done` or `failed`; nothing comes after it.
  case ended(path: String)
  /// Another process, or another part of this one, writes it.
  case busy(path: String)
  /// A line in the middle is no event.
  case damaged(path: String, line: Int, reason: String)
  /// A system call failed.
  case system(call: String, path: String, code: Int32)

  /// What happened, where, and what to try.
  public var description: String {
    switch self {
    case .diskFull(let path): "\(path): no space is left; free some and start the launch again"
    case .shortWrite(let path, let wrote, let wanted):
      "\(path): only \(wrote) of \(wanted) bytes were taken; is the disk nearly full?"
    case .ended(let path): "\(path): this launch has ended, nothing can follow"
    case .busy(let path): "\(path): another process has it open; end that one first"
    case .damaged(let path, let line, let reason): "\(path), line \(line): no event (\(reason))"
    case .system(let call, let path, let code):
      "\(path): \(call) failed: \(String(cString: strerror(code)))"
    }
  }

  static func last(_ call: String, _ path: String) -> JournalError {
    let code = errno
    return [ENOSPC, EFBIG, EDQUOT].contains(code)
      ? .diskFull(path: path) : .system(call: call, path: path, code: code)
  }
}
