import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An expression over numbers, evaluated for many elements at once in double precision.
///
/// Arithmetic is that of IEEE 754: nothing fails, a division by zero gives an infinity, and the root of a negative number no number. Truth is 1 or 0.
/// What depends on attributes alone is calculated once. Source of the functions: the C library.
struct ElementProgram: Sendable {
    /// Elements that are evaluated together.
    static let block = 256

    private indirect enum Node: Sendable {
        case constant(Double)
        /// Values that differ from element to element, by number.
        case variable(Int)
        case unary(@Sendable (Double) -> Double, Node)
        case binary(@Sendable (Double, Double) -> Double, Node, Node)
        case choice(Node, Node, Node)
    }

    private let root: Node

    /// - Parameters:
    ///   - constants: what names stand for that are the same for all elements; nil for a name that is not there.
    ///   - variables: numbers of the names that are not.
    init(_ expression: Expression, constants: @escaping (String) -> ExpressionValue?, variables: [String: Int]) throws {
        root = try Builder(text: expression.text, constants: constants, variables: variables).number(expression.root)
    }

    /// Evaluates `count` elements, at most `block`.
    ///
    /// - Parameter values: a block of values for each variable.
    func evaluate(_ count: Int, _ values: [[Double]], into out: inout [Double]) { Self.evaluate(root, count, values, &out) }

    private static func evaluate(_ node: Node, _ count: Int, _ values: [[Double]], _ out: inout [Double]) {
        switch node {
        case .constant(let value): for i in 0..<count { out[i] = value }
        case .variable(let index): for i in 0..<count { out[i] = values[index][i] }
        case .unary(let function, let a):
            evaluate(a, count, values, &out)
            for i in 0..<count { out[i] = function(out[i]) }
        case .binary(let function, let a, let b):
            var other = [Double](repeating: 0, count: block)
            evaluate(a, count, values, &out)
            evaluate(b, count, values, &other)
            for i in 0..<count { out[i] = function(out[i], other[i]) }
        case .choice(let condition, let yes, let no):
            var (truth, other) = ([Double](repeating: 0, count: block), [Double](repeating: 0, count: block))
            evaluate(condition, count, values, &truth)
            evaluate(yes, count, values, &out)
            evaluate(no, count, values, &other)
            for i in 0..<count where truth[i] == 0 { out[i] = other[i] }
        }
    }

    /// Turns the syntax tree into numbers.
    private struct Builder {
        let text: String
        let constants: (String) -> ExpressionValue?
        let variables: [String: Int]

        private func fail(_ message: String) -> HadalError { HadalError(.malformed, "\(message) in expression \"\(text)\"") }

        /// The value of a part that is the same for all elements; nil for one that is not.
        private func constant(_ node: Expression.Node) -> ExpressionValue? {
            switch node {
            case .literal(let value): value
            case .name(let name): variables[name] == nil ? constants(name) : nil
            case .has(let name): .bool(variables[name] != nil || constants(name).map { !$0.isNull } ?? false)
            case .index(let base, let index):
                constant(base)?.array.flatMap { items in constant(index)?.int.flatMap { items.indices.contains($0) ? items[$0] : nil } }
            default: nil
            }
        }

        func number(_ node: Expression.Node) throws -> Node {
            if let value = constant(node) {
                switch value {
                case .bool(let b): return .constant(b ? 1 : 0)
                case .int(let i): return .constant(Double(i))
                case .float(let d): return .constant(d)
                default: throw fail("\(value) is not a number")
                }
            }
            switch node {
            case .name(let name):
                guard let index = variables[name] else { throw fail("'\(name)' is not there") }
                return .variable(index)
            case .unary("-", let a): return apply({ -$0 }, try number(a))
            case .unary(_, let a): return apply({ $0 == 0 ? 1 : 0 }, try number(a))
            case .binary(let op, let a, let b): return try binary(op, a, b)
            case .conditional(let condition, let yes, let no):
                // What is not chosen may name an input that is absent.
                let choice = try number(condition)
                if case .constant(let truth) = choice { return try number(truth != 0 ? yes : no) }
                return .choice(choice, try number(yes), try number(no))
            case .call(let name, let arguments): return try call(name, arguments)
            default: throw fail("only numbers, attributes and inputs can be calculated with")
            }
        }

        private func apply(_ function: @escaping @Sendable (Double) -> Double, _ a: Node) -> Node {
            if case .constant(let value) = a { return .constant(function(value)) }
            return .unary(function, a)
        }

        private func apply(_ function: @escaping @Sendable (Double, Double) -> Double, _ a: Node, _ b: Node) -> Node {
            if case .constant(let x) = a, case .constant(let y) = b { return .constant(function(x, y)) }
            return .binary(function, a, b)
        }

        private func binary(_ op: String, _ a: Expression.Node, _ b: Expression.Node) throws -> Node {
            if op == "==" || op == "!=", let x = constant(a), let y = constant(b), x.double == nil || y.double == nil {
                return .constant((x == y) == (op == "==") ? 1 : 0)
            }
            let (x, y) = (try number(a), try number(b))
            switch op {
            case "+": return apply({ $0 + $1 }, x, y)
            case "-": return apply({ $0 - $1 }, x, y)
            case "*": return apply({ $0 * $1 }, x, y)
            case "/": return apply({ $0 / $1 }, x, y)
            case "//": return apply({ ($0 / $1).rounded(.down) }, x, y)
            case "%": return apply({ $0 - $1 * ($0 / $1).rounded(.down) }, x, y)
            case "==": return apply({ $0 == $1 ? 1 : 0 }, x, y)
            case "!=": return apply({ $0 != $1 ? 1 : 0 }, x, y)
            case "<": return apply({ $0 < $1 ? 1 : 0 }, x, y)
            case "<=": return apply({ $0 <= $1 ? 1 : 0 }, x, y)
            case ">": return apply({ $0 > $1 ? 1 : 0 }, x, y)
            case ">=": return apply({ $0 >= $1 ? 1 : 0 }, x, y)
            case "&&": return apply({ $0 != 0 && $1 != 0 ? 1 : 0 }, x, y)
            case "||": return apply({ $0 != 0 || $1 != 0 ? 1 : 0 }, x, y)
            default: throw fail("'\(op)' cannot be applied to elements")
            }
        }

        private func call(_ name: String, _ arguments: [Expression.Node]) throws -> Node {
            let numbers = try arguments.map { try number($0) }
            // The parser has counted the arguments.
            switch name {
            case "min": return numbers.dropFirst().reduce(numbers[0]) { apply({ $1 < $0 || $1.isNaN ? $1 : $0 }, $0, $1) }
            case "max": return numbers.dropFirst().reduce(numbers[0]) { apply({ $1 > $0 || $1.isNaN ? $1 : $0 }, $0, $1) }
            case "pow": return apply({ pow($0, $1) }, numbers[0], numbers[1])
            case "floor": return apply({ $0.rounded(.down) }, numbers[0])
            case "ceil": return apply({ $0.rounded(.up) }, numbers[0])
            case "round": return apply({ $0.rounded() }, numbers[0])
            case "int": return apply({ $0.rounded(.towardZero) }, numbers[0])
            case "abs": return apply({ abs($0) }, numbers[0])
            case "sqrt": return apply({ $0.squareRoot() }, numbers[0])
            case "log": return apply({ log($0) }, numbers[0])
            case "exp": return apply({ exp($0) }, numbers[0])
            case "tanh": return apply({ tanh($0) }, numbers[0])
            case "erf": return apply({ erf($0) }, numbers[0])
            case "sin": return apply({ sin($0) }, numbers[0])
            case "cos": return apply({ cos($0) }, numbers[0])
            default: throw fail("'\(name)' cannot be applied to elements")
            }
        }
    }
}
