import Foundation

/// The differences between the systems, in one place.
enum Platform {
  /// Kind of device on the wire; whatever is not Apple's only plays a phone.
  static var kind: String {
    #if os(iOS)
      "iphone"
    #elseif os(macOS)
      "mac"
    #else
      "simulated"
    #endif
  }

  static var osName: String {
    #if os(iOS)
      "iOS"
    #elseif os(macOS)
      "macOS"
    #else
      "Linux"
    #endif
  }

  /// `arm64`, `x86_64`.
  static var architecture: String {
    #if arch(arm64)
      "arm64"
    #else
      machine
    #endif
  }

  /// Apple's name of the model, such as `iPhone15,2`; nil where there is none.
  static var productType: String? {
    #if os(iOS)
      machine
    #elseif os(macOS)
      text(ofSystem: "hw.model")
    #else
      nil
    #endif
  }

  static var osBuild: String? {
    #if canImport(Darwin)
      text(ofSystem: "kern.osversion")
    #else
      nil
    #endif
  }

  static var thermalState: ThermalState? {
    #if canImport(Darwin)
      switch ProcessInfo.processInfo.thermalState {
      case .nominal: .nominal
      case .fair: .fair
      case .serious: .serious
      case .critical: .critical
      @unknown default: nil
      }
    #else
      nil
    #endif
  }

  static var isLowPower: Bool? {
    #if canImport(Darwin)
      ProcessInfo.processInfo.isLowPowerModeEnabled
    #else
      nil
    #endif
  }

  /// What `getrusage` calls this process; the two C libraries give the constant different types.
  static var ourselves: Int32 {
    #if canImport(Darwin)
      RUSAGE_SELF
    #else
      Int32(RUSAGE_SELF.rawValue)
    #endif
  }

  /// `machine` of `uname`: a product type on an iPhone, an architecture elsewhere.
  private static var machine: String {
    var names = utsname()
    uname(&names)
    return withUnsafeBytes(of: &names.machine) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  #if canImport(Darwin)
    private static func text(ofSystem name: String) -> String? {
      var size = 0
      guard sysctlbyname(name, nil, &size, nil, 0) == 0, size > 0 else { return nil }
      var bytes = [UInt8](repeating: 0, count: size)
      guard sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return nil }
      return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  #endif
}
