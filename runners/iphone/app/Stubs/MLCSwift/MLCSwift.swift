// mlc-ai/mlc-llm, ios/MLCSwift, commit 79d603f085f50500e9509fa01785ffa7ecfaaa93 (2026-07-23); read 2026-11-26.
//
// Only what the adapter calls, in our own words. Upstream's language mode is Swift 5. MLCEngine and what hangs on it
// are plain classes there, not Sendable, and none of its calls throws.

import Foundation

public class MLCEngine {
  public class Chat {
    public let completions: Completions
    init() { fatalError() }
  }

  public class Completions {
    init() { fatalError() }

    public func create(
      messages: [ChatCompletionMessage], model: String? = nil, frequency_penalty: Float? = nil,
      presence_penalty: Float? = nil, logprobs: Bool = false, top_logprobs: Int = 0,
      logit_bias: [Int: Float]? = nil,
      max_tokens: Int? = nil, n: Int = 1, seed: Int? = nil, stop: [String]? = nil, stream: Bool = true,
      stream_options: StreamOptions? = nil, temperature: Float? = nil, top_p: Float? = nil
    ) async -> AsyncStream<ChatCompletionStreamResponse> { fatalError() }
  }

  public let chat: Chat
  public init() { fatalError() }
  public func reload(modelPath: String, modelLib: String) async { fatalError() }
  public func reset() async { fatalError() }
  public func unload() async { fatalError() }
}

public enum ChatCompletionRole: String, Codable {
  case system, user, assistant, tool
}

public enum ChatCompletionMessageContent: Codable {
  case text(String)
  case parts([[String: String]])
  public func asText() -> String { fatalError() }
}

public struct ChatCompletionMessage: Codable {
  public var role: ChatCompletionRole
  public var content: ChatCompletionMessageContent?
  public init(role: ChatCompletionRole, content: [[String: String]]? = nil, name: String? = nil) {
    fatalError()
  }
  public init(role: ChatCompletionRole, content: String, name: String? = nil) { fatalError() }
}

public struct ChatCompletionStreamResponseChoice: Codable {
  public var finish_reason: String?
  public var index: Int
  public var delta: ChatCompletionMessage
}

public struct CompletionUsageExtra: Codable {
  public var prefill_tokens_per_s: Float?
  public var decode_tokens_per_s: Float?
  public var num_prefill_tokens: Int?
}

public struct CompletionUsage: Codable {
  public var prompt_tokens: Int
  public var completion_tokens: Int
  public var total_tokens: Int
  public var extra: CompletionUsageExtra?
}

public struct ChatCompletionStreamResponse: Codable {
  public var id: String
  public var choices: [ChatCompletionStreamResponseChoice]
  public var usage: CompletionUsage?
}

public struct StreamOptions: Codable {
  public var include_usage: Bool
  public init(include_usage: Bool) { fatalError() }
}
