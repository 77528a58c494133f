/// Breaks a line at white space, and at hyphens inside words, into lines of a width.
enum WordWrap {
    static func wrap(_ text: String, width: Int, breaksWords: Bool, breaksHyphens: Bool) -> [String] {
        var chunks = chunks(of: text, breaksHyphens)
        chunks.reverse()
        var lines: [String] = []
        while !chunks.isEmpty {
            var line: [[Unicode.Scalar]] = []
            var length = 0
            if !lines.isEmpty, let last = chunks.last, isSpace(last) { chunks.removeLast() }
            while let chunk = chunks.last, length + chunk.count <= width {
                line.append(chunk)
                length += chunk.count
                chunks.removeLast()
            }
            if let chunk = chunks.last, chunk.count > width {
                if breaksWords {
                    var room = max(1, width - length)
                    if breaksHyphens, chunk.count > room,
                        let hyphen = chunk[..<room].lastIndex(of: "-"), hyphen > 0, chunk[..<hyphen].contains(where: { $0 != "-" })
                    {
                        room = hyphen + 1
                    }
                    line.append(Array(chunk[..<room]))
                    chunks[chunks.count - 1] = Array(chunk[room...])
                } else if line.isEmpty {
                    line.append(chunks.removeLast())
                }
            }
            if let last = line.last, isSpace(last) { line.removeLast() }
            if !line.isEmpty {
                var view = String.UnicodeScalarView()
                for chunk in line { view.append(contentsOf: chunk) }
                lines.append(String(view))
            }
        }
        return lines
    }

    private static func isSpace(_ chunk: [Unicode.Scalar]) -> Bool { chunk.allSatisfy(PythonText.isSpace) }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isAlphabetic }

    private static func chunks(of text: String, _ breaksHyphens: Bool) -> [[Unicode.Scalar]] {
        var chunks: [[Unicode.Scalar]] = []
        let scalars = Array(text.unicodeScalars)
        var start = 0
        for at in scalars.indices {
            let next = at + 1
            guard next < scalars.count else { break }
            var splits = PythonText.isSpace(scalars[at]) != PythonText.isSpace(scalars[next])
            if breaksHyphens, scalars[at] == "-", at >= start + 2, next + 1 < scalars.count {
                splits =
                    splits
                    || (isLetter(scalars[at - 1]) && isLetter(scalars[at - 2]) && isLetter(scalars[next]) && isLetter(scalars[next + 1]))
            }
            if splits {
                chunks.append(Array(scalars[start..<next]))
                start = next
            }
        }
        if start < scalars.count { chunks.append(Array(scalars[start...])) }
        return chunks
    }
}
