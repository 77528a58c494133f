import HadalCore

/// Dotted paths into config.json.
enum ConfigLookup {
    /// The value at a path; null counts as absent.
    static func value(_ path: String, in root: JSON?) -> JSON? {
        guard let found = raw(path, in: root), !found.isNull else { return nil }
        return found
    }

    static func isNull(_ path: String, in root: JSON?) -> Bool { raw(path, in: root)?.isNull ?? false }

    private static func raw(_ path: String, in root: JSON?) -> JSON? {
        guard var at = root else { return nil }
        for key in path.split(separator: ".", omittingEmptySubsequences: false) {
            guard let next = at[String(key)] else { return nil }
            at = next
        }
        return at
    }
}
