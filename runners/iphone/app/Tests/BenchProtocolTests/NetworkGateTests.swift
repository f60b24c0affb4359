import Foundation
import Testing

@testable import BenchProtocol

struct NetworkGateTests {
  @Test func closingWaitsForWhatIsUnderWay() async throws {
    let gate = NetworkGate()
    let order = Order()
    let (started, start) = AsyncStream.makeStream(of: Void.self)
    let (finish, end) = AsyncStream.makeStream(of: Void.self)
    let request = Task {
      try await gate.pass {
        start.finish()
        for await _ in finish {}
        order.add("request")
      }
    }
    for await _ in started {}
    let closing = Task {
      await gate.close()
      order.add("closed")
    }
    await Task.yield()
    end.finish()
    try await request.value
    await closing.value
    #expect(order.all == ["request", "closed"])
  }

  @Test func nothingBeginsWhileItIsClosed() async throws {
    let gate = NetworkGate()
    let order = Order()
    await gate.close()
    let requests = (0..<3).map { _ in Task { try await gate.pass { order.add("request") } } }
    for _ in 0..<100 { await Task.yield() }
    order.add("open")
    await gate.open()
    for request in requests { try await request.value }
    #expect(order.all == ["open", "request", "request", "request"])
  }

  @Test func whoWaitsCanBeCancelled() async throws {
    let gate = NetworkGate()
    await gate.close()
    let request = Task { try await gate.pass { Issue.record("sent while the gate was closed") } }
    request.cancel()
    await #expect(throws: CancellationError.self) { try await request.value }
  }

  @Test func anErrorLeavesTheGateUsable() async throws {
    let gate = NetworkGate()
    await #expect(throws: WireError.self) { try await gate.pass { throw WireError("a", "b") } }
    await gate.close()
    await gate.open()
    #expect(try await gate.pass { 3 } == 3)
  }
}

/// What happened, in order, from any task.
final class Order: @unchecked Sendable {
  private let lock = NSLock()
  private var names: [String] = []

  func add(_ name: String) { lock.withLock { names.append(name) } }
  var all: [String] { lock.withLock { names } }
}
