import Testing
@testable import BenchProtocol
