import Testing
@testable import BenchClient
