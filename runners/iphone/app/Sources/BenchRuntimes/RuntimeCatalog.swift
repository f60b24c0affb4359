/// The runtimes this build has: one line each; the rest of the app knows none of them by name.
public enum RuntimeCatalog {
  /// Every runtime whose framework the build could import.
  public static let all: [any LLMRuntime.Type] = {
    var found: [any LLMRuntime.Type] = []
    #if canImport(MLCSwift)
      found.append(MLCRuntime.self)
    #endif
    #if canImport(CoreML)
      if #available(iOS 18.0, macOS 15.0, *) { found.append(CoreMLRuntime.self) }
    #endif
    found.append(EchoRuntime.self)
    return found
  }()

  /// The runtime of this name.
  ///
  /// - Throws: ``RunFailure`` of kind `unavailable` naming those that are there.
  public static func named(_ engine: String) throws -> any LLMRuntime.Type {
    guard let runtime = all.first(where: { $0.description.engine == engine }) else {
      let names = all.map { $0.description.engine }.joined(separator: ", ")
      throw RunFailure(
        .unavailable, "this build of the app has no engine \(engine)", remedy: "it has: \(names)")
    }
    return runtime
  }
}
