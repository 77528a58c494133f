import HadalCore

extension BuildContext {
    /// What the model's file states, and no part of the description has asked for, though it changes results.
    func unreadKeys() throws -> [String] {
        var found: [String] = []
        func note(_ place: SourcePlace, _ key: String, _ value: String) {
            found.append("\(place): \(key) is \(value), which \(description.name) does not use")
        }
        if source.format == .safetensors {
            for watched in description.watchedConfig where !readPaths.contains(configPath(watched.key)) {
                let path = configPath(watched.key)
                guard let json = config(path), let document = source.configuration, try applies(watched) else { continue }
                if let value = ExpressionValue(json), watched.isNeutral(value) { continue }
                note(document.place(of: json), path, json.text())
            }
        } else {
            for watched in description.watchedGGUF {
                let key = Self.replaceArch(watched.key, arch)
                guard !readKeys.contains(key), let value = source.metadataValue(key), !watched.isNeutral(value), try applies(watched) else {
                    continue
                }
                note(SourcePlace(source.name, .field(key)), key, MatchRule.text(value))
            }
        }
        return found
    }

    private func applies(_ watched: WatchedKey) throws -> Bool {
        guard let when = watched.when, !(try when.evaluate(scope()).isNull) else { return watched.when == nil }
        return try when.bool(scope(), "'when' of watched key '\(watched.key)'")
    }
}
