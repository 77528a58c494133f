/// Bounds that keep reading a description and building a graph finite and small.
enum Limits {
    static let descriptionBytes = 4 << 20
    static let extendsDepth = 16
    static let blockDepth = 32
    static let repeatDepth = 8
    static let nodes = 100_000
    /// Statements looked at while a graph is built, those whose `when` is false included.
    static let steps = 400_000
    static let arrayLength = 100_000
    static let parameterDepth = 48
    static let sourceParts = 4096
    static let rotaryDimensions = 65_536
    /// Width, context length, vocabulary.
    static let extent = 1 << 31
    static let stateExtent = 1 << 24
    static let warnings = 1000
}
