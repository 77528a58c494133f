import HadalCore

/// Python's `str` operations on text.
enum StringMethods {
    // MARK: Stripping and splitting

    /// - Parameter characters: The characters to remove; nil for white space.
    static func strip(_ text: String, _ characters: String?, leading: Bool, trailing: Bool) -> String {
        let scalars = text.unicodeScalars
        let set = characters.map { Set($0.unicodeScalars) }
        func drops(_ scalar: Unicode.Scalar) -> Bool { set.map { $0.contains(scalar) } ?? PythonText.isSpace(scalar) }
        var start = scalars.startIndex
        var end = scalars.endIndex
        if leading { while start < end, drops(scalars[start]) { start = scalars.index(after: start) } }
        if trailing {
            while start < end {
                let before = scalars.index(before: end)
                guard drops(scalars[before]) else { break }
                end = before
            }
        }
        return start == scalars.startIndex && end == scalars.endIndex ? text : String(scalars[start..<end])
    }

    /// `split()` at runs of white space.
    static func splitWords(_ text: String, limit: Int?) -> [String] {
        var words: [String] = []
        let scalars = text.unicodeScalars
        var at = scalars.startIndex
        while true {
            while at < scalars.endIndex, PythonText.isSpace(scalars[at]) { at = scalars.index(after: at) }
            guard at < scalars.endIndex else { return words }
            if let limit, words.count >= limit {
                words.append(String(scalars[at...]))
                return words
            }
            let start = at
            while at < scalars.endIndex, !PythonText.isSpace(scalars[at]) { at = scalars.index(after: at) }
            words.append(String(scalars[start..<at]))
        }
    }

    static func splitWordsFromEnd(_ text: String, limit: Int) -> [String] {
        var words: [String] = []
        let scalars = text.unicodeScalars
        var end = scalars.endIndex
        while true {
            while end > scalars.startIndex, PythonText.isSpace(scalars[scalars.index(before: end)]) { end = scalars.index(before: end) }
            guard end > scalars.startIndex else { break }
            if words.count >= limit {
                words.append(String(scalars[..<end]))
                break
            }
            let stop = end
            while end > scalars.startIndex, !PythonText.isSpace(scalars[scalars.index(before: end)]) { end = scalars.index(before: end) }
            words.append(String(scalars[end..<stop]))
        }
        return words.reversed()
    }

    /// - Parameter limit: The most splits to make; nil for no limit.
    static func split(_ text: String, at separator: String, limit: Int?) -> [String] {
        let (bytes, part) = (Array(text.utf8), Array(separator.utf8))
        var pieces: [String] = []
        var at = 0
        while limit.map({ pieces.count < $0 }) ?? true, let hit = TextSearch.first(of: part, in: bytes, from: at) {
            pieces.append(TextSearch.string(bytes[at..<hit]))
            at = hit + part.count
        }
        pieces.append(TextSearch.string(bytes[at...]))
        return pieces
    }

    static func splitFromEnd(_ text: String, at separator: String, limit: Int) -> [String] {
        // Forward through both reversed, so that the search stays linear.
        let (bytes, part) = ([UInt8](text.utf8.reversed()), [UInt8](separator.utf8.reversed()))
        var pieces: [String] = []
        var at = 0
        while pieces.count < limit, let hit = TextSearch.first(of: part, in: bytes, from: at) {
            pieces.append(String(decoding: bytes[at..<hit].reversed(), as: UTF8.self))
            at = hit + part.count
        }
        pieces.append(String(decoding: bytes[at...].reversed(), as: UTF8.self))
        return pieces.reversed()
    }

    static func splitLines(_ text: String, keepEnds: Bool = false) -> [String] {
        var lines: [String] = []
        let scalars = text.unicodeScalars
        var start = scalars.startIndex
        var at = start
        while at < scalars.endIndex {
            guard PythonText.isLineEnd(scalars[at]) else {
                at = scalars.index(after: at)
                continue
            }
            let stop = at
            let isReturn = scalars[at] == "\r"
            at = scalars.index(after: at)
            if isReturn, at < scalars.endIndex, scalars[at] == "\n" { at = scalars.index(after: at) }
            lines.append(String(scalars[start..<(keepEnds ? at : stop)]))
            start = at
        }
        if start < scalars.endIndex { lines.append(String(scalars[start...])) }
        return lines
    }

    static func replace(_ text: String, _ old: String, _ new: String, limit: Int?, _ run: TemplateRun) throws -> String {
        let (bytes, part, substitute) = (Array(text.utf8), Array(old.utf8), Array(new.utf8))
        try run.charge(bytes: bytes.count)
        var out: [UInt8] = []
        var count = 0
        var at = 0
        func mayReplace() -> Bool { limit.map { count < $0 } ?? true }
        if part.isEmpty {
            // Between all code points, and at both ends.
            while mayReplace() {
                out += substitute
                count += 1
                guard at < bytes.count else { break }
                repeat {
                    out.append(bytes[at])
                    at += 1
                } while at < bytes.count && bytes[at] & 0xC0 == 0x80
                try run.check(bytes: out.count)
            }
        } else {
            while mayReplace(), let hit = TextSearch.first(of: part, in: bytes, from: at) {
                out += bytes[at..<hit]
                out += substitute
                at = hit + part.count
                count += 1
                try run.check(bytes: out.count)
            }
        }
        out += bytes[min(at, bytes.count)...]
        try run.charge(bytes: out.count)
        return String(decoding: out, as: UTF8.self)
    }

    // MARK: Case

    static func lower(_ text: String) -> String {
        if PythonText.isASCII(text) { return text.lowercased() }
        var out = String.UnicodeScalarView()
        let scalars = Array(text.unicodeScalars)
        for (i, scalar) in scalars.enumerated() {
            if scalar == "\u{3A3}" {
                out.append(isFinalSigma(scalars, i) ? "\u{3C2}" : "\u{3C3}")
            } else {
                out.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return String(out)
    }

    private static func isFinalSigma(_ scalars: [Unicode.Scalar], _ at: Int) -> Bool {
        var before = at - 1
        while before >= 0, scalars[before].properties.isCaseIgnorable { before -= 1 }
        guard before >= 0, scalars[before].properties.isCased else { return false }
        var after = at + 1
        while after < scalars.count, scalars[after].properties.isCaseIgnorable { after += 1 }
        return after >= scalars.count || !scalars[after].properties.isCased
    }

    static func upper(_ text: String) -> String {
        if PythonText.isASCII(text) { return text.uppercased() }
        return text.unicodeScalars.reduce(into: "") { $0 += $1.properties.uppercaseMapping }
    }

    static func capitalize(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping
            + String(lower(text).unicodeScalars.dropFirst(first.properties.lowercaseMapping.unicodeScalars.count))
    }

    /// `str.title`, which takes every run of cased letters for a word.
    static func title(_ text: String) -> String {
        var out = ""
        var inWord = false
        for scalar in text.unicodeScalars {
            out += inWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            inWord = scalar.properties.isCased
        }
        return out
    }

    static func swapCase(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") {
            $0 +=
                $1.properties.isUppercase
                ? $1.properties.lowercaseMapping : $1.properties.isLowercase ? $1.properties.uppercaseMapping : String($1)
        }
    }

    static func isLower(_ text: String) -> Bool {
        var cased = false
        for p in text.unicodeScalars.lazy.map(\.properties) {
            if p.isUppercase || p.generalCategory == .titlecaseLetter { return false }
            if p.isLowercase { cased = true }
        }
        return cased
    }

    static func isUpper(_ text: String) -> Bool {
        var cased = false
        for p in text.unicodeScalars.lazy.map(\.properties) {
            if p.isLowercase || p.generalCategory == .titlecaseLetter { return false }
            if p.isUppercase { cased = true }
        }
        return cased
    }

    static func isTitle(_ text: String) -> Bool {
        var cased = false
        var previousCased = false
        for p in text.unicodeScalars.lazy.map(\.properties) {
            if p.isUppercase || p.generalCategory == .titlecaseLetter {
                if previousCased { return false }
                previousCased = true
                cased = true
            } else if p.isLowercase {
                if !previousCased { return false }
                cased = true
            } else {
                previousCased = false
            }
        }
        return cased
    }

    // MARK: Padding

    enum Alignment { case left, right, center }

    static func pad(_ text: String, to width: Int, with fill: String, _ alignment: Alignment, _ run: TemplateRun) throws -> String {
        let count = PythonText.length(text)
        guard width > count else { return text }
        try run.charge(bytes: width)
        let missing = width - count
        switch alignment {
        case .left: return text + String(repeating: fill, count: missing)
        case .right: return String(repeating: fill, count: missing) + text
        case .center:
            // Python puts the odd one to the left only where the width is odd.
            let left = missing / 2 + (missing & width & 1)
            return String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left)
        }
    }
}
