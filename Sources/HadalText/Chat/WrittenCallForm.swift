import HadalCore

/// How one model writes calls of tools itself: a form of the list, and what its template shows of what the form leaves open.
package struct WrittenCallForm: Sendable {
    package let format: ToolCallFormat
    package let pattern: ToolCallPattern
    /// Nothing but its place marks a call.
    package let isBare: Bool
    /// Texts around a group of calls; empty: none.
    package private(set) var begin: [UInt8] = []
    package private(set) var end: [UInt8] = []
    /// The calls of one pattern are items of a list.
    package private(set) var isList = false
    /// The keys of a call that is a JSON object.
    package private(set) var nameKey = "name"
    package private(set) var argumentsKey = "arguments"

    /// The first pattern of the first form.
    package init?(_ formats: [ToolCallFormat]) {
        guard let format = formats.first(where: { !$0.calls.isEmpty || !$0.bare.isEmpty }) else { return nil }
        self.init(format, at: 0)
    }

    /// A pattern by its place among those of marked calls, and then of bare ones.
    init?(_ format: ToolCallFormat, at index: Int) {
        let patterns = format.calls + format.bare
        guard patterns.indices.contains(index) else { return nil }
        self.format = format
        pattern = patterns[index]
        isBare = index >= format.calls.count
        if let first = format.begin.first { begin = first }
        if !begin.isEmpty, let first = format.end.first { end = first }
    }

    /// The form in which a template has written a call of a tool with one argument.
    ///
    /// - Parameter call: that was given to the template.
    /// - Returns: nil where none of the forms reads the call.
    init?(_ formats: [ToolCallFormat], in text: String, call: ToolCall) {
        let bytes = Array(text.utf8)
        let schemas = call.arguments.object?.members.map { ($0.key, ["type": "string"] as JSON) } ?? []
        let tool: JSON = ["name": JSON(.string(call.name)), "parameters": ["properties": JSON(.object(JSONObject(schemas)))]]
        let offered = OfferedTools(JSON(.array([tool])))
        for format in formats {
            for index in (format.calls + format.bare).indices {
                guard let form = WrittenCallForm(format, at: index), let found = form.found(in: bytes, call, offered) else { continue }
                self = found
                return
            }
        }
        return nil
    }

    private func found(in bytes: [UInt8], _ call: ToolCall, _ offered: OfferedTools) -> WrittenCallForm? {
        let starts = pattern.trigger.isEmpty ? ["{", "[", call.name].map { Array($0.utf8) } : [pattern.trigger]
        var at = 0
        while let (start, _) = TextSearch.earliest(of: starts, in: bytes, from: at) {
            at = start + 1
            var matcher = ToolCallMatcher(bytes, ending: .open, format: format, offered: offered, boundaries: format.end)
            guard case .matched(let end) = matcher.match(pattern, from: start), let calls = format.calls(matcher, isBare: isBare),
                let found = calls.first, calls.count == 1, found.name == call.name,
                ExactString(found.arguments.filter { $0 != " " }) == ExactString(call.argumentsJSON.filter { $0 != " " })
            else { continue }
            return completed(by: matcher, from: start, to: end)
        }
        return nil
    }

    /// With what stands around and inside of a call that was found.
    private func completed(by matcher: ToolCallMatcher, from start: Int, to end: Int) -> WrittenCallForm {
        var form = self
        let bytes = matcher.bytes
        var before = bytes[..<start]
        while let last = before.last, ToolCallMatcher.isSpace(last) { before.removeLast() }
        let after = bytes[end...].drop(while: ToolCallMatcher.isSpace)
        form.begin = format.begin.first { before.suffix($0.count).elementsEqual($0) } ?? []
        form.end = format.end.first { after.starts(with: $0) } ?? []
        let inside = bytes[(start + pattern.trigger.count)...].drop(while: ToolCallMatcher.isSpace)
        form.isList = inside.first == UInt8(ascii: "[") && (!matcher.json.isEmpty || !matcher.calls.isEmpty)
        guard let json = matcher.json.first,
            let value = try? JSONDocument(parsing: String(decoding: json, as: UTF8.self), file: "call").root,
            let object = value.object ?? value.array?.first?.object
        else { return form }
        if let key = format.keys.name.first(where: { object[$0]?.string != nil }) { form.nameKey = key }
        if let key = format.keys.arguments.first(where: { object[$0] != nil }) { form.argumentsKey = key }
        return form
    }
}
