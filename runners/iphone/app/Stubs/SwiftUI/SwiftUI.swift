// Apple, SwiftUI documentation, developer.apple.com/documentation/swiftui, iOS 17; read 2026-11-26.
//
// Only what App/ uses, in our own words. Views, apps and scenes are of the main actor.

@_exported import Foundation
@_exported import Observation

@MainActor @preconcurrency public protocol View {
  associatedtype Body: View
  @ViewBuilder var body: Body { get }
}

@MainActor @preconcurrency public protocol Scene {
  associatedtype Body: Scene
  @SceneBuilder var body: Body { get }
}

@MainActor @preconcurrency public protocol App {
  associatedtype Body: Scene
  @SceneBuilder var body: Body { get }
  init()
}

extension App {
  public static func main() { fatalError() }
}

extension View where Body == Never {
  public var body: Never { fatalError() }
}

extension Scene where Body == Never {
  public var body: Never { fatalError() }
}

extension Never: View, Scene {
  public typealias Body = Never
  public var body: Never { return fatalError() }
}

public struct SomeView: View {
  public typealias Body = Never
}

@resultBuilder public enum ViewBuilder {
  public static func buildBlock<each V: View>(_ views: repeat each V) -> SomeView { fatalError() }
  public static func buildExpression<V: View>(_ view: V) -> V { view }
  public static func buildOptional(_ view: SomeView?) -> SomeView { fatalError() }
  public static func buildEither<V: View>(first: V) -> SomeView { fatalError() }
  public static func buildEither<V: View>(second: V) -> SomeView { fatalError() }
}

@resultBuilder public enum SceneBuilder {
  public static func buildBlock<S: Scene>(_ scene: S) -> S { scene }
}

@propertyWrapper public struct State<Value> {
  public init(wrappedValue: Value) { fatalError() }
  public var wrappedValue: Value {
    get { fatalError() }
    nonmutating set { fatalError() }
  }
  public var projectedValue: Binding<Value> { fatalError() }
}

@propertyWrapper public struct Binding<Value> {
  public init(get: @escaping () -> Value, set: @escaping (Value) -> Void) { fatalError() }
  public var wrappedValue: Value {
    get { fatalError() }
    nonmutating set { fatalError() }
  }
}

public struct EnvironmentValues {
  public var scenePhase: ScenePhase { fatalError() }
}

@propertyWrapper public struct Environment<Value> {
  public init(_ path: KeyPath<EnvironmentValues, Value>) { fatalError() }
  public var wrappedValue: Value { fatalError() }
}

public enum ScenePhase: Sendable {
  case background, inactive, active
}

public struct WindowGroup<Content: View>: Scene {
  public init(@ViewBuilder content: () -> Content) { fatalError() }
  public typealias Body = Never
}

extension Scene {
  public func onChange<V: Equatable>(of value: V, _ action: @escaping (V, V) -> Void) -> some Scene {
    fatalError() as Never
  }
}

public struct Color: Sendable {
  public static let red = Color()
  public static let green = Color()
}

public protocol ShapeStyle: Sendable {}
extension Color: ShapeStyle {}
extension ShapeStyle where Self == Color {
  public static var red: Color { fatalError() }
  public static var green: Color { fatalError() }
}

extension View {
  public func padding() -> some View { SomeView() }
  public func disabled(_ isDisabled: Bool) -> some View { SomeView() }
  public func foregroundStyle<S: ShapeStyle>(_ style: S) -> some View { SomeView() }
  public func navigationTitle(_ title: String) -> some View { SomeView() }
  public func onOpenURL(perform action: @escaping (URL) -> Void) -> some View { SomeView() }
  public func onChange<V: Equatable>(of value: V, _ action: @escaping (V, V) -> Void) -> some View {
    SomeView()
  }
  public func sheet<Content: View>(
    isPresented: Binding<Bool>, onDismiss: (() -> Void)? = nil, @ViewBuilder content: @escaping () -> Content
  ) -> some View { SomeView() }
  public func task(_ action: @escaping @Sendable @MainActor () async -> Void) -> some View { SomeView() }
}

public struct Text: View {
  public init(_ text: String) { fatalError() }
  public typealias Body = Never
}

public struct TextField: View {
  public init(_ title: String, text: Binding<String>) { fatalError() }
  public typealias Body = Never
}

public struct Button: View {
  public init(_ title: String, action: @escaping @MainActor () -> Void) { fatalError() }
  public typealias Body = Never
}

public struct NavigationLink<Destination: View>: View {
  public init(_ title: String, @ViewBuilder destination: () -> Destination) { fatalError() }
  public typealias Body = Never
}

public struct NavigationStack<Content: View>: View {
  public init(@ViewBuilder root: () -> Content) { fatalError() }
  public typealias Body = Never
}

public struct List<Content: View>: View {
  public init(@ViewBuilder content: () -> Content) { fatalError() }
  public typealias Body = Never
}

public struct Section<Content: View>: View {
  public init(_ title: String, @ViewBuilder content: () -> Content) { fatalError() }
  public typealias Body = Never
}

public struct ForEach<Data: RandomAccessCollection, Content: View>: View where Data.Element: Identifiable {
  public init(_ data: Data, @ViewBuilder content: @escaping (Data.Element) -> Content) { fatalError() }
  public typealias Body = Never
}
