import Testing
@testable import BenchRuntimes
