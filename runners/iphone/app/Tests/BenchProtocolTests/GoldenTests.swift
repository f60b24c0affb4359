import Foundation
import Testing

@testable import BenchProtocol

/// Each record of the wire, read from what Python wrote and written again byte for byte.
struct GoldenTests {
  static let files: [(file: String, type: any (Codable & Sendable).Type)] = [
    ("job", Job.self), ("workload", Workload.self), ("model_ref", ModelRef.self), ("gate", Gate.self),
    ("trace", Trace.self), ("loaded", Loaded.self), ("engine_facts", EngineFacts.self),
    ("device_snapshot", DeviceSnapshot.self), ("reading", Reading.self), ("event", Event.self),
    ("hello_request", HelloRequest.self), ("hello_reply", HelloReply.self), ("job_report", JobReport.self),
    ("pair_request", PairRequest.self), ("pair_reply", PairReply.self), ("server_time", ServerTime.self),
    ("next_jobs", NextJobs.self), ("events_request", EventsRequest.self), ("events_reply", EventsReply.self),
    ("release_request", ReleaseRequest.self), ("error_reply", ErrorReply.self),
  ]

  private func check<T: Codable>(_ type: T.Type, _ file: String) throws {
    let golden = try Golden.value(file + ".json")
    #expect(golden["type"]?.stringValue == "\(type)")
    let cases = try #require(golden["cases"]?.arrayValue)
    #expect(!cases.isEmpty)
    for one in cases {
      let name = Comment(rawValue: "\(type): \(Golden.text(one, "name"))")
      let wire = try #require(one["wire"]).canonical()
      let record = try Wire.decode(type, from: wire)
      let canonical = try Wire.canonical(record)
      #expect(String(decoding: canonical, as: UTF8.self) == Golden.text(one, "canonical"), name)
      #expect(try Wire.canonical(Wire.decode(type, from: canonical)) == canonical, name)
    }
  }

  @Test(arguments: files.indices)
  func sameBytes(index: Int) throws {
    let (file, type) = Self.files[index]
    try check(type, file)
  }

  @Test func noGoldenFileIsForgotten() throws {
    let folder = Bundle.module.bundleURL.appendingPathComponent("Golden").path
    let there = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
    #expect(there == Set(Self.files.map { $0.file + ".json" }).union(["crypto.json", "values.json"]))
  }

  @Test func eventsOfKnownTypesHaveBodies() throws {
    for one in try Golden.rows("event.json", "cases") {
      let event = try Wire.decode(Event.self, from: try #require(one["wire"]).canonical())
      if event.data.isEmpty {
        #expect(try event.body() == .done(Done()))
      } else if let body = try event.body() {
        #expect(body.type == event.type)
      } else {
        #expect(!event.type.isKnown)
      }
    }
  }

  @Test func aBodyIsReadAsItWasWritten() throws {
    let seal = Seal(nEvents: 3, eventsSHA256: "ab", boots: ["a", "b"])
    let bodies: [EventBody] = [
      .hello(
        Hello(
          device: nil, engine: EngineFacts(engine: "echo"), reading: Reading(), startedAtUTC: nil,
          appVersion: "1")),
      .starting(Starting(phase: .load)), .loaded(Loaded(loadS: 1.5, flags: [.simulated])),
      .iteration(Iteration(index: 2, isWarmup: false, trace: Trace(t0Ns: 4, dtNs: [1, 2]))),
      .reading(ReadingReport(reading: Reading(), phase: .gate, waitedS: 2, unmet: [], unknown: ["x"])),
      .done(Done(seal: seal)), .done(Done()),
      .failed(Failure(kind: .outOfMemory, message: "m", phase: .load, isSuspected: true, seal: seal)),
    ]
    for body in bodies {
      let event = try Event(boot: "b", seq: 0, tNs: 1, body: body)
      let again = try Wire.decode(Event.self, from: event.canonical())
      #expect(again == event)
      #expect(try again.body() == body)
    }
  }

  @Test(arguments: [
    (
      #"{"launch_id":"../x","model":{"model":"m","format":"f","quant":"q"},"engine":"e","workload":{"name":"w","n_prompt_tokens":1,"n_generated_tokens":1}}"#,
      "Job.launch_id"
    ),
    (
      #"{"launch_id":"r/1","model":{"model":"m","format":"f","quant":"q"},"engine":"e","workload":{"name":"w"}}"#,
      "Job.workload.name"
    ),
    (
      #"{"launch_id":"r/1","model":{"model":"m","format":"f","quant":"q","n_bytes":true},"engine":"e","workload":{"name":"w","n_prompt_tokens":1,"n_generated_tokens":1}}"#,
      "Job.model.n_bytes"
    ),
    (
      #"{"launch_id":"r/1","model":{"model":"m","format":"f","quant":"q"},"engine":"e","options":{"a":[]},"workload":{"name":"w","n_prompt_tokens":1,"n_generated_tokens":1}}"#,
      "Job.launch_id"
    ),
    (#"{"launch_id":"r/1","model":{"model":"m","format":"f"},"engine":"e"}"#, "Job.model.quant"),
  ])
  func aWrongJobNamesTheField(json: String, field: String) throws {
    let error = #expect(throws: WireError.self) { try Wire.decode(Job.self, from: Data(json.utf8)) }
    #expect(error?.field == field)
  }

  @Test(arguments: ["[]", "[3,2]", "[-1]", "[9223372036854775808]", "[1.5]", "[true]"])
  func wrongTimesAreRefused(times: String) {
    #expect(throws: WireError.self) {
      try Wire.decode(Trace.self, from: Data(#"{"t0_ns":0,"dt_ns":\#(times)}"#.utf8))
    }
  }
}
