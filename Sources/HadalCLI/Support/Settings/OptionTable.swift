import ArgumentParser
import HadalCore

/// What a command's options are called in a file of settings and in variables: derived from the options themselves.
struct OptionTable: Sendable {
    enum Kind: Sendable {
        /// Is there or not.
        case flag
        /// Has one value.
        case option
        /// May be given several times.
        case list
    }

    struct Entry: Sendable {
        /// The option without dashes in front.
        let key: String
        let kind: Kind
        /// As they are typed: `--port`, `-p`. Empty: a value on the command line is one of its own.
        let names: [String]
    }

    let entries: [Entry]

    /// - Parameters:
    ///   - help: what the parser says of the command, as JSON.
    ///   - positional: what values without an option are called.
    /// - Throws: `HadalError` where the parser says something else than expected.
    init(help: String, positional: String) throws {
        let document = try JSONDocument(parsing: help, file: "options")
        entries = (document.root["command"]?["arguments"]?.array ?? []).compactMap { argument in
            let names = (argument["names"]?.array ?? []).compactMap { name -> (text: String, isLong: Bool)? in
                guard let text = name["name"]?.string, let kind = name["kind"]?.string else { return nil }
                return (kind == "long" ? "--\(text)" : "-\(text)", kind == "long")
            }
            let isList = argument["isRepeating"]?.bool == true
            if argument["kind"]?.string == "positional" { return Entry(key: positional, kind: .list, names: []) }
            guard let long = names.first(where: \.isLong)?.text.dropFirst(2), long != "help" else { return nil }
            let kind: Kind = argument["kind"]?.string == "flag" ? .flag : isList ? .list : .option
            return Entry(key: String(long), kind: kind, names: names.map(\.text))
        }
        guard !entries.isEmpty else { throw HadalError(.malformed, "the options of the command cannot be listed") }
    }

    subscript(key: String) -> Entry? { entries.first { ExactString($0.key) == ExactString(key) } }

    /// The keys of the options that arguments give.
    func keys(in arguments: [String]) -> Set<String> {
        var found: Set<String> = [], rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" || !argument.hasPrefix("-") || argument == "-" {
                guard let own = entries.first(where: \.names.isEmpty) else { continue }
                if argument != "--" || !rest.isEmpty { found.insert(own.key) }
                if argument == "--" { break }
                continue
            }
            let name = argument.prefix { $0 != "=" }
            for entry in entries where entry.names.contains(String(name)) {
                found.insert(entry.key)
                if entry.kind != .flag, name.count == argument.count { rest = rest.dropFirst() }
            }
        }
        return found
    }
}
