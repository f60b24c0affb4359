import BenchProtocol
import Foundation

/// What the bridge's refusals mean for the phone.
enum Refusals {
  static let plainHeaders = [
    Signing.protocolHeader: String(benchProtocolVersion), "Content-Type": "application/json",
  ]

  /// - Throws: ``ClientError/unreachable(_:reason:)``, `CancellationError`.
  static func send(_ request: HTTPRequest, to address: HostAddress, by transport: any Transport)
    async throws -> HTTPReply
  {
    do {
      return try await transport.send(request, to: address)
    } catch let error as TransportError {
      throw ClientError.unreachable(address, reason: error.reason)
    }
  }

  /// The refusal in a reply that is no success.
  ///
  /// What is refused before the host knows who asks cannot be signed; what is said of a launch must be, or a stranger
  /// could make the phone put its journals aside.
  static func error(in reply: HTTPReply, from address: HostAddress, isGenuine: Bool) -> ClientError {
    guard let body = try? Wire.decode(ErrorReply.self, from: reply.body) else {
      return .unexpected(address, status: reply.status)
    }
    let message = body.error.message
    switch (reply.status, body.error.code) {
    case (403, "revoked"): return .revoked(isProven: isGenuine)
    case (401, "unknown_device"): return .unknownDevice
    case (401, "wrong_signature"): return .wrongKey
    case (426, _): return .otherProtocol(message)
    case (429, _), (503, _): return .busy(message, retryAfterS: retryAfterS(reply))
    case (404, "unknown_launch") where isGenuine: return .unknownLaunch(message)
    default: return .refused(status: reply.status, code: body.error.code, message: message)
    }
  }

  private static func retryAfterS(_ reply: HTTPReply) -> Double {
    let seconds = reply.headers["retry-after"].flatMap(Double.init) ?? 0
    return seconds.isFinite && seconds > 0 ? seconds : 0
  }
}
