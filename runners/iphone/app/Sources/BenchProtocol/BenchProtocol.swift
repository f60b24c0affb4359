/// Protocol number of the wire, sent in `X-Bench-Protocol`.
public let benchProtocolVersion = 1
