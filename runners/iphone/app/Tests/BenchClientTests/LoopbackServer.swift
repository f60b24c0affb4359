import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A small HTTP server on loopback, one thread a connection, so that the client's real transport is what is tested.
final class LoopbackServer: @unchecked Sendable {
  struct Request {
    var method: String
    var target: String
    var headers: [String: String]
    var body: Data
  }

  struct Reply {
    var status: Int
    var headers: [String: String] = [:]
    var body = Data()
  }

  let port: Int
  private let descriptor: Int32
  private let handle: @Sendable (Request) -> Reply?

  /// `handle` gives nil to hang up without an answer.
  init(_ handle: @escaping @Sendable (Request) -> Reply?) throws {
    self.handle = handle
    #if canImport(Darwin)
      let kind = SOCK_STREAM
    #else
      let kind = Int32(SOCK_STREAM.rawValue)
    #endif
    descriptor = socket(AF_INET, kind, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 16) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard descriptor >= 0, isBound else { throw POSIXError(.EADDRNOTAVAIL) }
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread { [self] in acceptAll() }.start()
  }

  /// Ends the thread that accepts.
  func stop() {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  private func acceptAll() {
    while true {
      let connection = accept(descriptor, nil, nil)
      guard connection >= 0 else { return }
      Thread { [self] in serve(connection) }.start()
    }
  }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    var input = Data()
    guard let head = readHead(connection, &input), let request = parse(head, connection, &input),
      let reply = handle(request)
    else { return }
    var text = "HTTP/1.1 \(reply.status) X\r\nConnection: close\r\n"
    if reply.status != 204 { text += "Content-Length: \(reply.body.count)\r\n" }
    for (name, value) in reply.headers { text += "\(name): \(value)\r\n" }
    var output = Data((text + "\r\n").utf8)
    output.append(reply.body)
    output.withUnsafeBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        let n = send(
          connection, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, noSignal)
        if n <= 0 { return }
        sent += n
      }
    }
  }

  private func more(_ connection: Int32, _ input: inout Data) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let n = recv(connection, &chunk, chunk.count, 0)
    if n > 0 { input.append(contentsOf: chunk[..<n]) }
    return n > 0
  }

  private func readHead(_ connection: Int32, _ input: inout Data) -> String? {
    while true {
      if let end = input.range(of: Data("\r\n\r\n".utf8)) {
        let head = String(decoding: input[..<end.lowerBound], as: UTF8.self)
        input = Data(input[end.upperBound...])
        return head
      }
      guard more(connection, &input) else { return nil }
    }
  }

  private func parse(_ head: String, _ connection: Int32, _ input: inout Data) -> Request? {
    let lines = head.components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    let headers = lines.dropFirst().reduce(into: [String: String]()) { headers, line in
      guard let colon = line.firstIndex(of: ":") else { return }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
        in: .whitespaces)
    }
    let length = Int(headers["content-length"] ?? "0") ?? 0
    while input.count < length { guard more(connection, &input) else { return nil } }
    return Request(method: words[0], target: words[1], headers: headers, body: input)
  }
}

#if canImport(Darwin)
  private let noSignal = Int32(0)
#else
  private let noSignal = Int32(MSG_NOSIGNAL)
#endif
