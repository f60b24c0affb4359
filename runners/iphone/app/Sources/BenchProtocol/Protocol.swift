/// Number of the wire this package speaks; sent with every request in `X-Bench-Protocol`.
public let benchProtocolVersion = 1

/// Number of the pairing link this package reads.
public let benchLinkVersion = 1
