import Foundation
package import HadalCore
package import HadalGraph

extension ArchitectureLibrary {
    /// Finds the description that fits a model.
    ///
    /// The rule with most conditions wins, and of those with equally many a user's description; two that are left are an error.
    /// - Throws: `unsupported` that lists the known families when none fits.
    package func match(_ source: any ModelSource) throws -> ArchitectureMatch {
        var best: [(count: Int, entry: Entry, reasons: [String])] = []
        var unreadable: [(entry: Entry, error: HadalError)] = []
        for entry in list {
            let rules: [MatchRule]
            do { rules = try Self.rules(entry.path) } catch let error as HadalError {
                unreadable.append((entry, error))
                continue
            }
            guard let held = rules.compactMap({ $0.reasons(source) }).max(by: { $0.count < $1.count }) else { continue }
            if let top = best.first?.count, held.count < top { continue }
            if let top = best.first?.count, held.count > top { best = [] }
            best.append((held.count, entry, held))
        }
        // A description of the user's is preferred to a built-in one that fits as well.
        if best.contains(where: { !$0.entry.isBuiltIn }) { best.removeAll { $0.entry.isBuiltIn } }
        if let meant = unreadable.first(where: { best.isEmpty || mayBeMeant($0.entry, source) }) { throw meant.error }
        guard let chosen = best.first else { throw noMatch(source) }
        guard best.count == 1 else {
            let names = best.map { "\($0.entry.name) (\($0.reasons.joined(separator: ", ")))" }.joined(separator: " and ")
            throw HadalError(
                .mismatch, "the model matches more than one architecture: \(names)", at: SourcePlace(source.name),
                hint: [.set(.architecture)])
        }
        let sentence = "matched \(chosen.entry.name) because \(chosen.reasons.joined(separator: " and "))"
        return ArchitectureMatch(
            try description(named: chosen.entry.name), source, reasons: [sentence],
            warnings: unreadable.map { "passed over a description that cannot be read: \($0.error)" })
    }

    /// That no description fits a model, where that is so; nil when one does, or another fault keeps it from being told.
    package func unknown(_ source: any ModelSource) -> HadalError? {
        do { _ = try match(source) } catch let error as HadalError { return error == noMatch(source) ? error : nil } catch {}
        return nil
    }

    /// Whether a description that cannot be read may have been the one for a model: it is called what the model calls itself, or
    /// mentions that, or stands in the place of a built-in one that would match.
    private func mayBeMeant(_ entry: Entry, _ source: any ModelSource) -> Bool {
        var names = [source.metadataValue("general.architecture")?.string].compactMap { $0 }
        if let root = source.configuration?.root {
            names += [root["model_type"]?.string].compactMap { $0 } + (root["architectures"]?.array ?? []).compactMap(\.string)
        }
        if names.contains(entry.name) { return true }
        let replaced = Self.builtInCandidates.map { "\($0)/\(entry.name).json" }.first {
            $0 != entry.path && FileManager.default.fileExists(atPath: $0)
        }
        if let replaced, let rules = try? Self.rules(replaced), rules.contains(where: { $0.reasons(source) != nil }) { return true }
        guard let file = try? MappedFile(path: entry.path), file.count <= Limits.descriptionBytes else { return false }
        let text = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
        return names.contains { text.contains("\"\($0)\"") }
    }

    /// The match rules of a file alone; nothing else of it is looked at.
    private static func rules(_ path: String) throws -> [MatchRule] {
        let document = try read(path)
        guard let match = document.root["match"] else { return [] }
        return try (match.array ?? [match]).map { try MatchRule($0, in: document) }
    }

    /// Applies a description that the user chose.
    package func match(_ source: any ModelSource, file: String) throws -> ArchitectureMatch {
        let description = try description(file: file)
        return ArchitectureMatch(description, source, reasons: ["using \(description.name) because \(file) was given"])
    }

    private func noMatch(_ source: any ModelSource) -> HadalError {
        let families = list.map(\.name).joined(separator: ", ")
        let hint: HadalError.Hint = [
            "known architectures: \(families)", "another can be described in JSON (docs/architectures.md)", .set(.architecture),
        ]
        if source.format == .gguf {
            let place = SourcePlace(source.name, .field("general.architecture"))
            guard let name = source.metadataValue("general.architecture") else {
                return HadalError(.notFound, "general.architecture is missing", at: place, hint: hint)
            }
            return HadalError(.unsupported, "unknown architecture \(MatchRule.text(name))", at: place, hint: hint)
        }
        guard let config = source.configuration else {
            return HadalError(.notFound, "no config.json", at: SourcePlace(source.name), hint: hint)
        }
        guard let type = config.root["model_type"] else {
            return HadalError(.notFound, "key 'model_type' is missing", at: SourcePlace(config.file), hint: hint)
        }
        return HadalError(.unsupported, "unknown model_type \(type.text())", at: config.place(of: type), hint: hint)
    }
}

extension ArchitectureDescription {
    /// The variant that a model is; nil when it is none.
    func variant(for source: any ModelSource) throws -> (name: String, patch: JSON?, sentence: String)? {
        guard !variants.isEmpty else { return nil }
        let context = BuildContext(self, source)
        var fitting: [Variant] = []
        for variant in variants where try variant.when.bool(context.scope(), "'when' of variant '\(variant.name)'") {
            fitting.append(variant)
        }
        guard fitting.count <= 1 else {
            let names = fitting.map { "\($0.name) (\($0.when.text))" }.joined(separator: " and ")
            throw HadalError(.mismatch, "the model matches more than one variant of \(name): \(names)", at: SourcePlace(source.name))
        }
        guard let variant = fitting.first else { return nil }
        let values = try variant.when.names.sorted().map { "\($0) is \(try context.scope().value(of: $0) ?? .null)" }
        let why = values.isEmpty ? "" : " (\(values.joined(separator: ", ")))"
        return (variant.name, variant.patch, "variant \(variant.name) because \(variant.when.text)\(why)")
    }

    func patched(with patch: JSON) throws -> ArchitectureDescription {
        try ArchitectureDescription(document.replacing(root: json.mergePatched(with: patch)), files: files)
    }
}

extension ArchitectureLibrary {
    /// Checks a description without a model.
    ///
    /// - Throws: when the file does not parse as a description; faults of meaning are in the report.
    package func check(file path: String, catalogue: OpCatalogue) throws -> CheckReport {
        try description(file: path).check(catalogue: catalogue)
    }
}
