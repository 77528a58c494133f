/// A pattern for the names of tensors, nodes and the like. `*` stands for any characters, none included; names are compared byte by byte.
package struct Glob: Sendable, Hashable {
    /// What a pattern may have beside `*`.
    package struct Syntax: OptionSet, Sendable, Hashable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }
        /// `?` stands for one byte.
        package static let anyOne = Syntax(rawValue: 1)
        /// `3-7`, between dots, stands for any number from 3 to 7, alone between dots: `blk.3-7.*`.
        package static let ranges = Syntax(rawValue: 2)
    }

    private enum Token: Sendable, Hashable {
        case byte(UInt8)
        case anyOne
        case anyRun
        case number(NumberRange)
    }

    /// As it was written.
    package let text: String
    private let tokens: [Token]

    package init(_ text: String, _ syntax: Syntax = []) {
        self.text = text
        var tokens: [Token] = []
        for (index, part) in text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).enumerated() {
            if index > 0 { tokens.append(.byte(UInt8(ascii: "."))) }
            if syntax.contains(.ranges), let range = Self.range(part) {
                tokens.append(.number(range))
                continue
            }
            for byte in part {
                switch byte {
                case UInt8(ascii: "*"): tokens.append(.anyRun)
                case UInt8(ascii: "?") where syntax.contains(.anyOne): tokens.append(.anyOne)
                default: tokens.append(.byte(byte))
                }
            }
        }
        self.tokens = tokens
    }

    /// A range with both ends that holds a number.
    private static func range(_ part: Substring.UTF8View) -> NumberRange? {
        guard part.contains(UInt8(ascii: "-")), let range = NumberRange(Substring(part)), let last = range.last, range.first <= last else {
            return nil
        }
        return range
    }

    /// Whether the whole name is like the pattern. Takes time proportional to the product of the lengths at worst.
    package func matches(_ name: some StringProtocol) -> Bool {
        var name = String(name)
        return name.withUTF8 { matches($0) }
    }

    /// Stars take as little as they can. One that has been passed is never gone back to: a later start never ends earlier.
    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var (token, at) = (0, 0)
        var star: (token: Int, at: Int)?
        while at < name.count {
            if token < tokens.count, tokens[token] == .anyRun {
                star = (token, at)
                token += 1
            } else if token < tokens.count, let end = Self.end(of: tokens[token], name, at) {
                token += 1
                at = end
            } else if let last = star {
                star = (last.token, last.at + 1)
                (token, at) = (last.token + 1, last.at + 1)
            } else {
                return false
            }
        }
        return tokens[token...].allSatisfy { $0 == .anyRun }
    }

    /// Where a token ends that begins at `at`; nil where the name is not like it.
    private static func end(of token: Token, _ name: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int? {
        switch token {
        case .byte(let byte): return name[at] == byte ? at + 1 : nil
        case .anyOne: return at + 1
        case .anyRun: return nil
        case .number(let range):
            let end = name[at...].firstIndex(of: UInt8(ascii: ".")) ?? name.count
            guard let number = Int(String(decoding: name[at..<end], as: UTF8.self)), range.contains(number) else { return nil }
            return end
        }
    }
}
