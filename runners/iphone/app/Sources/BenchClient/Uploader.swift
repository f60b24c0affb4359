import BenchProtocol
import Foundation

/// Sends what the host lacks of one launch, line by line as it stands in the journal.
///
/// Reading and packing cost processor time as well, so each batch passes the gate as a whole.
struct Uploader: Sendable {
  let bridge: Bridge
  let gate: NetworkGate
  var mostEvents = 1000
  var mostBytes = 2 << 20
  /// What the host takes of one body; an event alone may be larger than a batch.
  var mostBodyBytes = 4 << 20

  /// What one batch came to.
  private enum Step {
    case more, upToDate
    case whole
  }

  /// Send until the host has all that the journal holds now.
  ///
  /// - Returns: whether that is the whole launch, its end included.
  /// - Throws: ``ClientError``, ``JournalError``, `CancellationError`.
  @discardableResult
  func upload(_ folder: LaunchFolder) async throws -> Bool {
    while true {
      switch try await gate.pass({ try await sendNext(folder) }) {
      case .more: continue
      case .upToDate: return false
      case .whole: return true
      }
    }
  }

  private func sendNext(_ folder: LaunchFolder) async throws -> Step {
    var sent = try folder.sent
    if sent.isWhole { return .whole }
    let (data, index) = try folder.read()
    for boot in index.boots {
      let from = (sent.ackedSeq[boot] ?? -1) + 1
      let entries = index.entries(of: boot, from: from)
      guard !entries.isEmpty else { continue }
      let batch = try batch(of: entries, folder)
      let reply = try await bridge.post(body(of: batch, data, leaseID(folder)), launchID: folder.launchID)
      // The host may say less than we believed (its database is older now): its word counts.
      guard reply.boot == boot, reply.ackedSeq != from - 1, reply.ackedSeq < index.entries.count else {
        throw ClientError.stuck(launchID: folder.launchID, boot: boot, seq: from)
      }
      sent.ackedSeq[boot] = reply.ackedSeq
      try folder.remember(sent)
      return .more
    }
    guard index.hasEnd else { return .upToDate }
    sent.isWhole = true
    try folder.remember(sent)
    return .whole
  }

  private func leaseID(_ folder: LaunchFolder) -> String? { try? folder.job().lease.id }

  private func batch(of entries: [JournalIndex.Entry], _ folder: LaunchFolder) throws -> [JournalIndex.Entry]
  {
    var nBytes = 0
    let batch = entries.prefix(mostEvents).prefix { entry in
      nBytes += entry.range.count + 1
      return nBytes <= mostBytes || nBytes == entry.range.count + 1
    }
    if let first = batch.first, first.range.count > mostBodyBytes - 1024 {
      throw ClientError.eventTooLarge(launchID: folder.launchID, boot: first.boot, seq: first.seq)
    }
    return Array(batch)
  }

  private func body(of batch: [JournalIndex.Entry], _ data: Data, _ leaseID: String?) throws -> Data {
    var body = Data(#"{"events":["#.utf8)
    for (n, entry) in batch.enumerated() {
      if n > 0 { body.append(UInt8(ascii: ",")) }
      let start = data.startIndex + entry.range.lowerBound
      body.append(data[start..<start + entry.range.count])
    }
    let lease = try leaseID.map(JSONValue.string)?.canonical() ?? Data("null".utf8)
    return body + Data(#"],"lease_id":"#.utf8) + lease + Data("}".utf8)
  }
}
