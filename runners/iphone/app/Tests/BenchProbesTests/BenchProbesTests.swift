import Testing
@testable import BenchProbes
