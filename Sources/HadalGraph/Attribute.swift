package import HadalCore

/// A typed constant of a node.
public enum Attribute: Sendable, Equatable {
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case ints([Int])
    case floats([Double])

    public var int: Int? { if case .int(let i) = self { i } else { nil } }
    public var float: Double? {
        switch self {
        case .float(let d): d
        case .int(let i): Double(i)
        default: nil
        }
    }
    public var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
    public var string: String? { if case .string(let s) = self { s } else { nil } }
    public var ints: [Int]? { if case .ints(let a) = self { a } else { nil } }
    public var floats: [Double]? { if case .floats(let a) = self { a } else { nil } }

    /// The attribute as an expression sees it.
    package var expressionValue: ExpressionValue {
        switch self {
        case .bool(let b): .bool(b)
        case .int(let i): .int(i)
        case .float(let d): .float(d)
        case .string(let s): .string(s)
        case .ints(let a): .array(a.map { .int($0) })
        case .floats(let a): .array(a.map { .float($0) })
        }
    }
}

extension Graph.Node {
    /// An integer attribute that the contract guarantees, or 0. A name that the contract of a stock op does not have stops a debug build.
    public func int(_ name: String) -> Int { checked(name)?.int ?? 0 }
    public func float(_ name: String) -> Double { checked(name)?.float ?? 0 }
    public func bool(_ name: String) -> Bool { checked(name)?.bool ?? false }
    public func string(_ name: String) -> String { checked(name)?.string ?? "" }

    private func checked(_ name: String) -> Attribute? {
        assert(mayHave(attribute: name), "op '\(op)' has no attribute '\(name)'")
        return attributes[name]
    }

    /// Whether code may ask for an attribute: one of the op's contract, or of an op that is not the installation's. That a node lacks it is another matter.
    package func mayHave(attribute name: String) -> Bool {
        guard let contract = try? OpCatalogue.installed().contracts[op] else { return true }
        return contract.attributes.contains { $0.name == name }
    }
}
