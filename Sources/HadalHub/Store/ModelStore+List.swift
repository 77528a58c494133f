import HadalCore

extension ModelStore {
    /// Everything the store holds and everything it could hold. Computes no checksum: `verify` does.
    public func list() -> ModelListing {
        let names = installedNames()
        let installed = names.map { name in catalogue[name].map { self.installed($0) } ?? foreign(name) }
        return ModelListing(
            directory: directory, installed: installed,
            available: catalogue.entries.filter { entry in !installed.contains { $0.name == entry.name } })
    }

    /// Sub-directories that hold a model or a part of one.
    func installedNames() -> [String] {
        FileBytes.names(in: directory).filter { name in
            guard CatalogueEntry.isValidName(name), FileBytes.isDirectory(directory(of: name)) else { return false }
            if let entry = catalogue[name] { return presentBytes(of: entry) + partialBytes(of: entry) > 0 }
            return (try? Self.modelPath(inDirectory: directory(of: name))) != nil
        }
    }

    func installed(_ entry: CatalogueEntry) -> InstalledModel {
        let statuses = entry.files.map { FileBytes.status(path(of: $0, in: entry)) }
        let wrong = zip(entry.files, statuses).contains { $1 != nil && $1?.bytes != $0.bytes }
        let complete = !wrong && statuses.allSatisfy { $0 != nil }
        let record = VerificationRecord(directory: directory(of: entry.name))
        return InstalledModel(
            name: entry.name, directory: directory(of: entry.name), path: complete ? (try? modelPath(of: entry)) ?? nil : nil,
            bytes: presentBytes(of: entry) + partialBytes(of: entry), expectedBytes: entry.bytes,
            state: wrong ? .wrongLength : complete ? .complete : .partial,
            isVerified: complete && entry.files.allSatisfy { record.holds($0, at: path(of: $0, in: entry)) }, entry: entry)
    }

    private func foreign(_ name: String) -> InstalledModel {
        let directory = directory(of: name)
        let bytes = FileBytes.names(in: directory).reduce(0) { $0 + (FileBytes.status("\(directory)/\($1)")?.bytes ?? 0) }
        return InstalledModel(
            name: name, directory: directory, path: try? Self.modelPath(inDirectory: directory), bytes: bytes, expectedBytes: nil,
            state: .complete, isVerified: false, entry: nil)
    }

    /// Computes the checksums of an installed catalogue model and remembers that they are right.
    ///
    /// - Throws: `corrupt` for the first file whose checksum is wrong; the file is kept. `notFound` when it is not complete.
    public func verify(_ name: String, progress: (@Sendable (PullProgress) -> Void)? = nil) throws -> InstalledModel {
        let entry = try entry(named: name)
        guard try modelPath(of: entry) != nil else {
            throw HadalError(.notFound, "the model '\(name)' is not installed", hint: installHint(entry))
        }
        var record = VerificationRecord(directory: directory(of: name))
        for file in entry.files {
            let path = path(of: file, in: entry)
            let found = try FileChecksum.ofFile(path) { done in
                progress?(PullProgress(phase: .verifying, file: file.name, bytes: done, total: file.bytes, resumedFrom: 0))
            }
            guard found == file.sha256 else {
                try? record.forget(file)
                throw HadalError(
                    .corrupt, "the SHA-256 is \(found); '\(name)' has \(file.sha256)", at: SourcePlace(path), hint: [.action(.pull(name))])
            }
            // The store may be read-only; the answer stands all the same.
            try? record.note(file, at: path)
        }
        return installed(entry)
    }
}
