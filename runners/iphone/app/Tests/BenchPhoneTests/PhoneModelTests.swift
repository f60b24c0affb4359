import BenchClient
import BenchCore
import BenchProbes
import BenchProtocol
import Foundation
import Testing

@testable import BenchPhone

/// A home in a folder of its own, taken away with it.
private final class Scratch: Sendable {
  let path = NSTemporaryDirectory() + "phone-\(Identifier.newBoot())"

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func home() throws -> Home { try Home(path: path) }
}

@MainActor @Suite struct PhoneModelTests {
  private let scratch = Scratch()

  private func model() throws -> PhoneModel {
    PhoneModel(home: try scratch.home(), probe: SystemProbe(), onStuck: {})
  }

  @Test func aNewPhoneIsNotPairedAndSaysSoWhenItIsStarted() async throws {
    let model = try model()
    #expect(model.hostID == nil && model.status == "Not paired")
    model.start()
    await model.wait()
    #expect(!model.isRunning && model.fault?.contains("phibench bridge pair") == true)
  }

  @Test func aWrongLinkIsAFaultAndNoPairing() async throws {
    let model = try model()
    await model.pair("https://example.org", name: "phone")
    #expect(model.hostID == nil && model.fault?.contains("pairing link") == true)
  }

  @Test func anOpenedLinkWaitsForAPersonAndNamesItsHost() async throws {
    let link = "phibench://pair?v=1&h=127.0.0.1&p=9&s=\(String(repeating: "a", count: 32))&id=host-1"
    let model = try model()
    model.offer(link)
    #expect(model.offeredLink == link && model.hostID == nil && model.status == "Not paired")
    #expect(model.fault == nil, "nobody was asked")
    #expect(PhoneModel.pairLabel(link) == "Pair with 127.0.0.1:9")
    #expect(PhoneModel.pairLabel("https://example.org") == "Pair")
  }

  @Test func aLinkThatDidNotPairIsStillOffered() async throws {
    let model = try model()
    model.offer("phibench://pair?v=2")
    await model.pair("phibench://pair?v=2", name: "phone")
    #expect(model.offeredLink == "phibench://pair?v=2" && model.fault != nil)
  }

  @Test func theAppPairsByATapOnly() throws {
    let app = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../App").standardizedFileURL
    let callers = try FileManager.default.contentsOfDirectory(atPath: app.path).filter {
      try String(contentsOf: app.appendingPathComponent($0), encoding: .utf8).contains(".pair(")
    }
    #expect(callers == ["PairView.swift"])
  }

  @Test func whatTheLastLifeLeftIsShown() async throws {
    let job = Job(
      launchID: "r/1", model: ModelRef(model: "m", format: "none", quant: "none"), engine: "echo",
      workload: Workload(name: "w", nPromptTokens: 1, nGeneratedTokens: 1))
    let folder = try scratch.home().outbox.take(LeasedJob(job: job, lease: Lease(id: "l", ttlS: 900)))
    try folder.journal(boot: "dead").append(.starting(Starting(phase: .load)))
    let model = try model()
    model.start()
    await model.wait()
    while model.launches.isEmpty { await Task.yield() }
    #expect(model.launches.map(\.id) == ["r/1"] && model.launches.first?.isDone == false)
  }

  @Test func twoSessionsDoNotShareAHome() throws {
    let first = try PhoneSession(home: try scratch.home(), probe: SystemProbe(), tell: { _ in }, onStuck: {})
    defer { withExtendedLifetime(first) {} }
    #expect(throws: ClientError.self) {
      try PhoneSession(home: try scratch.home(), probe: SystemProbe(), tell: { _ in }, onStuck: {})
    }
  }
}
