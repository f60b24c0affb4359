// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// What fields mean is said once, in runners/contract.py and docs/contract.md.

/// Why a launch gave no result; exactly one a failed launch (meanings: `runners/errors.py`).
public enum FailureKind: WireWord {
  case unavailable, unsupported, modelMissing, modelInvalid, modelTooLarge, outOfMemory, crashed,
    aborted, timedOut, backendMismatch, deviceLost, backgrounded, thermalAborted, serverError,
    protocolError, cancelled
  case unknown(String)

  public static var words: [(word: String, value: Self)] {
    [
      ("unavailable", .unavailable),
      ("unsupported", .unsupported),
      ("model_missing", .modelMissing),
      ("model_invalid", .modelInvalid),
      ("model_too_large", .modelTooLarge),
      ("out_of_memory", .outOfMemory),
      ("crashed", .crashed),
      ("aborted", .aborted),
      ("timed_out", .timedOut),
      ("backend_mismatch", .backendMismatch),
      ("device_lost", .deviceLost),
      ("backgrounded", .backgrounded),
      ("thermal_aborted", .thermalAborted),
      ("server_error", .serverError),
      ("protocol_error", .protocolError),
      ("cancelled", .cancelled),
    ]
  }

  public var unknownWord: String? { if case .unknown(let word) = self { word } else { nil } }
}
