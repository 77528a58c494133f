import HadalCore

extension ModelStore {
    /// Computes the checksum of every file of some models, whatever was found before, and notes what was found right.
    ///
    /// - Parameters:
    ///   - names: of models in the store; empty: all that there are.
    ///   - progress: called with the file, the bytes read of all files, and the bytes that there are.
    /// - Throws: `notFound` for a name that the store does not have; `cancelled` when the calling task is. A file that differs or cannot be
    ///   read is an answer, not an error.
    package func manifest(
        of names: [String] = [], progress: ((_ file: String, _ done: Int, _ total: Int) -> Void)? = nil
    ) throws -> ModelManifest {
        let installed = installedNames()
        for name in names where !installed.contains(name) {
            throw HadalError(
                .notFound, "the model '\(name)' is not installed",
                hint: catalogue[name].map(installHint) ?? (installed.isEmpty ? nil : ["models: \(installed.joined(separator: ", "))"]))
        }
        var seen = Set<String>()
        let models = (names.isEmpty ? installed : names).filter { seen.insert($0).inserted }
        let listed = models.map { ($0, files(of: $0)) }
        let total = listed.reduce(0) { sum, model in
            model.1.reduce(sum) { $0 &+ (FileBytes.status("\(directory(of: model.0))/\($1)")?.bytes ?? 0) }
        }
        var done = 0
        var manifest = ModelManifest(directory: directory, files: [])
        for (name, files) in listed {
            var record = VerificationRecord(directory: directory(of: name))
            for file in files {
                let item = try item(file, of: name, &record) { progress?(file, done &+ $0, total) }
                done &+= item.bytes
                manifest.files.append(item)
            }
        }
        return manifest
    }

    /// The catalogue's files, there or not, and others in the model's directory. Parts of downloads and hidden files are not among them.
    private func files(of name: String) -> [String] {
        let listed = catalogue[name]?.files.map(\.name) ?? []
        let others = FileBytes.names(in: directory(of: name)).filter { file in
            !listed.contains(file) && !file.hasPrefix(".") && !file.hasSuffix(Self.partialSuffix)
                && !file.hasSuffix(PartialFile.validatorSuffix)
                && FileBytes.status("\(directory(of: name))/\(file)") != nil
        }
        return listed + others
    }

    private func item(
        _ name: String, of model: String, _ record: inout VerificationRecord, _ progress: (Int) -> Void
    ) throws -> ModelManifest.File {
        let entry = catalogue[model]
        let file = entry?.files.first { $0.name == name }
        let path = "\(directory(of: model))/\(name)"
        var item = ModelManifest.File(model: model, name: name, bytes: 0, expected: file?.sha256, state: .unlisted)
        guard FileBytes.status(path) != nil else {
            item.state = .missing
            return item
        }
        do {
            item.sha256 = try withoutActuallyEscaping(progress) { progress in
                try FileChecksum.ofFile(path) { done in
                    item.bytes = done
                    progress(done)
                }
            }
        } catch let error as HadalError where error.code != .cancelled {
            item.state = .unreadable
            return item
        }
        guard let file else { return item }
        item.state = item.sha256 == file.sha256 ? .matches : .differs
        if item.state == .matches { item.origin = file.url ?? entry?.page }
        // The store may be read-only; the answer stands all the same.
        if item.state == .matches { try? record.note(file, at: path) } else { try? record.forget(file) }
        return item
    }
}
