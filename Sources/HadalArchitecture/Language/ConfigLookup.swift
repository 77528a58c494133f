import HadalCore

/// Dotted paths into config.json.
enum ConfigLookup {
    /// The value at a path; null counts as absent.
    static func value(_ path: String, in root: JSON?) -> JSON? {
        guard let found = raw(path, in: root), !found.isNull else { return nil }
        return found
    }

    static func isNull(_ path: String, in root: JSON?) -> Bool { raw(path, in: root)?.isNull ?? false }

    /// What stands in the way of a path: the first value on it that should be an object and is something else. Null stands in no way.
    static func obstacle(_ path: String, in root: JSON?) -> (path: String, value: JSON)? {
        let keys = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        for count in 1..<max(keys.count, 1) {
            let part = keys[..<count].joined(separator: ".")
            guard let found = value(part, in: root) else { return nil }
            if found.object == nil { return (part, found) }
        }
        return nil
    }

    /// The name and the rest of a path that starts with an object of several names: "{rope}.factor".
    static func object(of path: String) -> (name: String, rest: String)? {
        guard path.hasPrefix("{"), let end = path.firstIndex(of: "}") else { return nil }
        return (String(path[path.index(after: path.startIndex)..<end]), String(path[path.index(after: end)...]))
    }

    private static func raw(_ path: String, in root: JSON?) -> JSON? {
        guard var at = root else { return nil }
        for key in path.split(separator: ".", omittingEmptySubsequences: false) {
            guard let next = at[String(key)] else { return nil }
            at = next
        }
        return at
    }
}
