import HadalCore

/// Finds the author's line for a fault that shows in what a description inherits.
///
/// A description is the last of several files, each a patch of those before it. A fault that one file causes may come to light in
/// another: a default of one's own makes an inherited formula fail, a weight that was removed is missing in an inherited block.
struct Blame {
    private static let sections = ["params", "weights", "sources", "state", "rope", "blocks", "aliases", "graphs"]
    private static let depth = 8

    private let root: JSON
    private let document: JSONDocument
    private let leaf: JSONDocument
    private let inherited: Set<String>

    /// nil for a description that extends nothing.
    init?(_ document: JSONDocument) {
        guard document.layers.count > 1, let leaf = document.layers.last else { return nil }
        self.document = document
        self.leaf = leaf
        root = document.root
        inherited = Set(document.layers.dropLast().map(\.file))
    }

    func isInherited(_ error: HadalError) -> Bool {
        guard let place = error.place, case .text = place.position else { return false }
        return place.file != leaf.file && inherited.contains(place.file)
    }

    /// The error at the line of the last file that causes it, with the place where it shows as a hint; nil when no line there does.
    ///
    /// - Parameter trail: the statements that led to it, the outermost first.
    func own(_ error: HadalError, trail: [SourcePlace] = []) -> HadalError? {
        guard isInherited(error), let shown = error.place, let place = changed(error, shown) ?? trail.last(where: { $0.file == leaf.file })
        else { return nil }
        return told(error, at: place, "in what is inherited from \(shown)")
    }

    /// The same for a fault that the last file is known to cause: at the least, it extends what is at fault.
    func certain(_ error: HadalError, trail: [SourcePlace] = []) -> HadalError {
        guard isInherited(error), let shown = error.place else { return error }
        return own(error, trail: trail)
            ?? told(error, at: leaf.root["extends"].map { leaf.place(of: $0) } ?? shown, "in what is inherited from \(shown)")
    }

    /// The same for a fault that may as well be the model's.
    func uncertain(_ error: HadalError) -> HadalError {
        guard isInherited(error) else { return error }
        if let own = own(error) { return own }
        return leaf.root["extends"].map { told(error, at: error.place, "inherited by \(leaf.place(of: $0))") } ?? error
    }

    private func told(_ error: HadalError, at place: SourcePlace?, _ hint: String) -> HadalError {
        HadalError(error.code, error.message, at: place, hint: error.hint.adding(.text(hint)))
    }

    /// Where the last file changes a name that the fault is about: one that the formula at fault depends on, or that the message quotes.
    private func changed(_ error: HadalError, _ shown: SourcePlace) -> SourcePlace? {
        let formula = value(at: shown, in: root).flatMap { $0.object == nil ? Self.names($0) : nil } ?? []
        var next = formula
        var seen: Set<String> = []
        for _ in 0..<Self.depth where !next.isEmpty {
            let level = next.filter { seen.insert($0).inserted }
            if let place = level.lazy.compactMap(place(ofName:)).first { return place }
            next = level.flatMap { name in root["params"]?[name].map { Self.names($0) } ?? [] }
        }
        return Self.quoted(error.message).lazy.compactMap(place(ofName:)).first
    }

    private func place(ofName name: String) -> SourcePlace? {
        for section in Self.sections {
            guard let member = leaf.root[section]?.object?.members.first(where: { $0.key == name }) else { continue }
            return leaf.place(at: member.keyOffset)
        }
        return nil
    }

    /// The value that stands at a place. Of an object and its first member, which may begin at one place, the member.
    private func value(at place: SourcePlace, in json: JSON) -> JSON? {
        for inner in json.array ?? json.object?.members.map(\.value) ?? [] {
            if let found = value(at: place, in: inner) { return found }
        }
        return document.place(of: json) == place ? json : Optional.none
    }

    /// The names in a formula, or in all formulas of an object.
    private static func names(_ json: JSON) -> [String] {
        switch json.value {
        case .string(let text): return ((try? Expression(parsing: text))?.names ?? []).sorted()
        case .array(let items): return items.flatMap(names)
        case .object(let object):
            return object.members.flatMap { ["value", "default", "null", "per"].contains($0.key) ? names($0.value) : [] }
        default: return []
        }
    }

    private static func quoted(_ message: String) -> [String] {
        message.split(separator: "'", omittingEmptySubsequences: false).enumerated().compactMap { $0 % 2 == 1 ? String($1) : nil }.filter(
            Identifier.isValid)
    }
}

extension JSONDocument {
    /// What the last of the merged documents changes, under the same name; nil when there is nothing below it.
    func withoutLastLayer() -> JSONDocument? {
        guard layers.count > 1 else { return nil }
        let below = JSONDocument(merging: Array(layers.dropLast()))
        guard var object = below.root.object, let name = root["name"] else { return nil }
        object["name"] = name
        return below.replacing(root: JSON(.object(object), offset: below.root.offset))
    }
}
