// Apple, Core ML documentation, developer.apple.com/documentation/coreml, iOS 18; read 2026-11-26.
//
// Only what the adapter calls, in our own words. Its own interface is built in Swift 5 mode. MLModel, the feature
// values and the compute plan are not Sendable there; MLState is. `autoreleasepool` belongs to Apple's Foundation and
// stands here because the one on Linux lacks it. Availability is not checked on Linux at all.

import Foundation

public func autoreleasepool<Result>(invoking body: () throws -> Result) rethrows -> Result { try body() }

public enum MLComputeUnits: Int {
  case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine
}

open class MLModelConfiguration: NSObject {
  open var computeUnits: MLComputeUnits = .all
}

open class MLModel: NSObject {
  public init(contentsOf url: URL, configuration: MLModelConfiguration) throws { fatalError() }
  open var modelDescription: MLModelDescription { fatalError() }
  public static func compileModel(at url: URL) async throws -> URL { fatalError() }
  public func makeState() -> MLState { fatalError() }
  public func prediction(from input: any MLFeatureProvider, using state: MLState) throws
    -> any MLFeatureProvider
  {
    fatalError()
  }
}

public final class MLState: NSObject, @unchecked Sendable {}

open class MLModelDescription: NSObject {
  open var stateDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

open class MLFeatureDescription: NSObject {
  open var stateConstraint: MLStateConstraint? { fatalError() }
}

open class MLStateConstraint: NSObject {
  public var bufferShape: [Int] { fatalError() }
}

public protocol MLFeatureProvider {
  func featureValue(for featureName: String) -> MLFeatureValue?
}

open class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
  public init(dictionary: [String: Any]) throws { fatalError() }
  public func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}

public protocol MLShapedArrayScalar {}
extension Int32: MLShapedArrayScalar {}
extension Float16: MLShapedArrayScalar {}

public struct MLShapedArray<Scalar: MLShapedArrayScalar> {
  public init<S: Sequence>(scalars: S, shape: [Int]) where S.Element == Scalar { fatalError() }
  public func withUnsafeShapedBufferPointer<R>(
    _ body: (_ ptr: UnsafeBufferPointer<Scalar>, _ shape: [Int], _ strides: [Int]) throws -> R
  ) rethrows -> R { fatalError() }
}

open class MLFeatureValue: NSObject {
  public convenience init<Scalar: MLShapedArrayScalar>(shapedArray: MLShapedArray<Scalar>) { fatalError() }
  public func shapedArrayValue<Scalar: MLShapedArrayScalar>(of type: Scalar.Type) -> MLShapedArray<Scalar>? {
    fatalError()
  }
}

public final class MLComputePlan {
  public struct DeviceUsage {
    public var preferred: MLComputeDevice { fatalError() }
  }
  public static func load(contentsOf url: URL, configuration: MLModelConfiguration) async throws
    -> MLComputePlan
  {
    fatalError()
  }
  public var modelStructure: MLModelStructure { fatalError() }
  public func deviceUsage(for operation: MLModelStructure.Program.Operation) -> DeviceUsage? { fatalError() }
}

public enum MLModelStructure {
  public struct Program {
    public struct Operation {}
    public struct Block { public var operations: [Operation] { fatalError() } }
    public struct Function { public var block: Block { fatalError() } }
    public var functions: [String: Function] { fatalError() }
  }
  case program(Program)
  case unsupported
}

public final class MLCPUComputeDevice {}
public final class MLGPUComputeDevice {}
public final class MLNeuralEngineComputeDevice {}

public enum MLComputeDevice {
  case cpu(MLCPUComputeDevice)
  case gpu(MLGPUComputeDevice)
  case neuralEngine(MLNeuralEngineComputeDevice)
}
