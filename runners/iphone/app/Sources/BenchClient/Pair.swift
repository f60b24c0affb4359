import BenchProtocol
import Foundation

extension Home {
  /// Pair with the host of a link: both sides show that they know its secret, which is never sent.
  ///
  /// Each pairing makes a new device id, so that a revoked one never comes back.
  ///
  /// - Parameter name: under which the host shows this phone.
  /// - Throws: ``ClientError``; then nothing is kept.
  public func pair(
    with link: PairingLink, name: String, transport: any Transport = URLSessionTransport()
  ) async throws -> Pairing {
    let address = HostAddress(host: link.host, port: link.port)
    let deviceID = Identifier.random(nBytes: 16)
    let nonce = Identifier.random(nBytes: 16)
    let key = PairingProof.key(
      secret: link.secret, hostID: link.hostID, deviceID: deviceID, nonce: nonce)
    let proof = PairingProof.ofPhone(
      key: key, hostID: link.hostID, deviceID: deviceID, nonce: nonce, name: name)
    let body = try Wire.canonical(
      PairRequest(deviceID: deviceID, name: name, nonce: nonce, proof: proof))
    let http = try await Refusals.send(
      HTTPRequest(
        method: "POST", target: "/v1/pair", headers: Refusals.plainHeaders, body: body, timeoutS: 15),
      to: address, by: transport)
    guard http.status == 200 else { throw Refusals.error(in: http, from: address, isGenuine: false) }
    guard let reply = try? Wire.decode(PairReply.self, from: http.body),
      reply.hostID == link.hostID, reply.deviceID == deviceID
    else { throw ClientError.hostNotProven }
    let wanted = PairingProof.ofHost(
      key: key, hostID: link.hostID, deviceID: deviceID, nonce: nonce, name: name)
    guard Crypto.areEqual(Array(reply.proof.utf8), Array(wanted.utf8)) else {
      throw ClientError.hostNotProven
    }
    let pairing = Pairing(
      deviceID: deviceID, name: name, hostID: link.hostID, address: address, pollWaitS: reply.pollWaitS)
    try keep(pairing, key: key)
    return pairing
  }
}
