import BenchProtocol

print("phone, protocol \(benchProtocolVersion)")
