import HadalCore

/// How a tool call, or one of its parameters, is written: literal text with places for its parts.
///
/// White space in a pattern stands for any amount of it, none included.
package struct ToolCallPattern: Sendable {
    package enum Element: Sendable, Equatable {
        case literal([UInt8])
        case space
        /// A word without white space, quotes or brackets.
        case word(Capture)
        /// Everything up to the literal that follows.
        case text(Capture)
        /// A JSON object, or a string that holds one.
        case arguments
        /// A JSON object that has the call's name and arguments, or an array of such.
        case calls
        /// A JSON object whose only key is the call's name and has the arguments, or an array of such.
        case named
        /// An object with bare keys and strings in the format's marks.
        case object
        /// Calls in Python's syntax, or a list of them.
        case python
        /// The arguments of a call in Python's syntax, the closing parenthesis included.
        case keywords
        /// Any number of parameters, in any of the format's patterns for them.
        case parameters
        /// Any number of parameters as elements that have their names, each tag after the format's mark.
        case elements

        var isLiteral: Bool { if case .literal = self { true } else { self == .space } }
    }

    package enum Capture: String, Sendable { case name, id, kind, index, key, value, string }

    package let elements: [Element]

    /// The text that starts a call; empty where a place does.
    var trigger: [UInt8] { if case .literal(let bytes)? = elements.first { bytes } else { [] } }

    /// All literal texts.
    package var literals: [String] {
        elements.compactMap { if case .literal(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil } }
    }

    /// - Parameter isBare: the pattern may start with a place.
    /// - Throws: what is wrong in a sentence without a subject, for the caller to place.
    init(_ text: String, isBare: Bool = false) throws(ToolCallPatternFault) {
        var elements: [Element] = []
        var literal: [UInt8] = []
        func flushed() -> [Element] { literal.isEmpty ? [] : [.literal(literal)] }
        let bytes = Array(text.utf8)
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "{"):
                guard let end = bytes[at...].firstIndex(of: UInt8(ascii: "}")) else { throw .init(text: "'{' has no '}'") }
                let name = String(decoding: bytes[(at + 1)..<end], as: UTF8.self)
                elements += flushed()
                literal = []
                elements.append(try Self.place(name))
                at = end + 1
            case 0x20, 0x09, 0x0A, 0x0D:
                elements += flushed()
                literal = []
                if elements.last != .space { elements.append(.space) }
                at += 1
            default:
                literal.append(bytes[at])
                at += 1
            }
        }
        self.elements = elements + flushed()
        if !isBare {
            guard case .literal? = self.elements.first else { throw .init(text: "a pattern starts with literal text") }
        }
        for (index, element) in self.elements.enumerated() {
            guard case .text = element else { continue }
            guard case .literal? = self.elements[(index + 1)...].first(where: { $0 != .space }) else {
                throw .init(text: "literal text must follow a place for any text")
            }
        }
    }

    private static func place(_ name: String) throws(ToolCallPatternFault) -> Element {
        switch name {
        case "arguments": return .arguments
        case "calls": return .calls
        case "named": return .named
        case "object": return .object
        case "python": return .python
        case "keywords": return .keywords
        case "elements": return .elements
        case "parameters": return .parameters
        default:
            guard let capture = Capture(rawValue: name) else { throw .init(text: "unknown place '{\(name)}'") }
            switch capture {
            case .key, .value, .string: return .text(capture)
            case .name, .id, .kind, .index: return .word(capture)
            }
        }
    }
}

/// What is wrong with a pattern.
struct ToolCallPatternFault: Error { let text: String }
