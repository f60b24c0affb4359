import BenchProtocol
import Foundation
import Testing

@testable import BenchClient

struct PairTests {
  @Test func bothSidesHoldTheSameKey() async throws {
    let host = try TestHost()
    let phone = try Phone()
    let pairing = try await phone.home.pair(with: host.link, name: "Zoë 📱")
    let (kept, key) = try phone.home.pairing()
    #expect(kept == pairing)
    #expect(key == host.now(\.key))
    #expect(pairing.deviceID == host.now(\.deviceID))
    #expect(pairing.hostID == host.hostID && pairing.address == host.address)
    for name in ["pairing.json", "keys/\(host.hostID)"] {
      let mode = try FileManager.default.attributesOfItem(atPath: phone.home.path + "/" + name)[
        .posixPermissions]
      #expect(mode as? Int == 0o600, Comment(rawValue: name))
    }
  }

  @Test func theSecretIsNotSent() async throws {
    let bodies = Log<Data>()
    let server = try LoopbackServer {
      bodies.add($0.body)
      return nil
    }
    defer { server.stop() }
    let secret = (0..<16).map { UInt8($0 + 200) }
    let link = PairingLink(host: "127.0.0.1", port: server.port, secret: secret, hostID: "h")
    await #expect(throws: ClientError.self) { try await Phone().home.pair(with: link, name: "n") }
    let sent = try #require(bodies.all.first)
    #expect(!String(decoding: sent, as: UTF8.self).contains(Hex.encode(secret)))
    #expect(sent.range(of: Data(secret)) == nil)
  }

  @Test func aHostWithoutTheSecretIsNotBelieved() async throws {
    let host = try TestHost()
    let phone = try Phone()
    var link = host.link
    link.secret[0] ^= 1
    await #expect(throws: ClientError.refused(status: 403, code: "wrong_proof", message: "no: wrong_proof")) {
      try await phone.home.pair(with: link, name: "n")
    }
    let reply = PairReply(
      deviceID: "d", hostID: host.hostID, proof: String(repeating: "0", count: 64), serverTimeMs: 0,
      pollWaitS: 1)
    let body = try Wire.canonical(reply)
    host.now { $0.faults.append(("/v1/pair", LoopbackServer.Reply(status: 200, body: body))) }
    await #expect(throws: ClientError.hostNotProven) { try await phone.home.pair(with: host.link, name: "n") }
    #expect(throws: ClientError.notPaired(home: phone.home.path)) { try phone.home.pairing() }
  }

  @Test func unpairedSaysHowToPair() async throws {
    let host = try TestHost()
    let phone = try await Phone.paired(with: host)
    try phone.home.unpair()
    let error = #expect(throws: ClientError.self) { try phone.courier() }
    #expect(error?.description.contains("phone pair LINK") == true)
    #expect(!FileManager.default.fileExists(atPath: phone.home.path + "/keys/\(host.hostID)"))
  }

  @Test func oneProcessAHome() throws {
    let phone = try Phone()
    var lock: HomeLock? = try phone.home.lock()
    #expect(throws: ClientError.homeInUse(home: phone.home.path)) { try phone.home.lock() }
    #expect(lock != nil)
    lock = nil
    _ = try phone.home.lock()
  }
}
