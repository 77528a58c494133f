import Foundation
import HadalCore

/// The descriptions that this installation and its user have, by name.
///
/// A description in a user's directory replaces a built-in one of the same name. Immutable; files are read when asked for.
package struct ArchitectureLibrary: Sendable {
    package struct Entry: Sendable {
        package let name: String
        package let path: String
        package let isBuiltIn: Bool
    }

    /// Where built-in descriptions are looked for: beside the binary, then as an install lays them out.
    package static let builtInCandidates = [
        "\(Installation.directory)/hadal_HadalArchitecture.resources/Resources",
        "\(Installation.directory)/architectures",
        "\(Installation.directory)/../share/hadal/architectures",
    ]

    /// Sorted by name.
    package let list: [Entry]
    private let paths: [String: String]

    /// - Parameter directories: searched in order before the built-in descriptions; one that does not exist is an error.
    package init(directories: [String] = []) throws {
        guard let own = Self.builtInCandidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw HadalError(
                .notFound, "the architecture descriptions of this installation are missing",
                hint: "looked in \(Self.builtInCandidates.joined(separator: ", "))")
        }
        var found: [String: Entry] = [:]
        for directory in directories + [own] {
            let names: [String]
            do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
                throw HadalError(.notFound, "cannot list the architecture directory", at: SourcePlace(directory))
            }
            for file in names.sorted() where file.hasSuffix(".json") && !file.hasSuffix(".schema.json") {
                let name = String(file.dropLast(".json".count))
                guard found[name] == nil else { continue }
                found[name] = Entry(name: name, path: "\(directory)/\(file)", isBuiltIn: directory == own)
            }
        }
        list = found.values.sorted { $0.name < $1.name }
        paths = found.mapValues(\.path)
    }

    /// A description by its name, flattened.
    package func description(named name: String) throws -> ArchitectureDescription {
        guard let path = paths[name] else {
            throw HadalError(
                .notFound, "no architecture '\(name)'", hint: Suggestion.hint(for: name, among: list.map(\.name)))
        }
        return try description(file: path)
    }

    /// A description from a file. What it extends is looked for beside it, then in the library.
    package func description(file path: String) throws -> ArchitectureDescription {
        let chain = try self.chain(path)
        let description = try ArchitectureDescription(Self.merge(chain), files: chain.map(\.file))
        let expected = path.split(separator: "/").last.map { String($0.dropLast(".json".count)) } ?? ""
        if paths[expected] == path, description.name != expected {
            throw HadalError(
                .mismatch, "the description is named '\(description.name)' but its file is '\(expected).json'",
                at: chain.last.flatMap { document in document.root["name"].map { document.place(of: $0) } })
        }
        return description
    }

    static func merge(_ chain: [JSONDocument]) -> JSONDocument {
        guard chain.count > 1 else { return JSONDocument(merging: chain) }
        var documents: [JSONDocument] = []
        for (i, document) in chain.enumerated() {
            documents.append(i == chain.count - 1 ? document : document.removing(ArchitectureDescription.ownKeys))
        }
        return JSONDocument(merging: documents)
    }

    /// The file and all that it extends, the most basic first.
    private func chain(_ path: String) throws -> [JSONDocument] {
        var chain: [JSONDocument] = []
        var seen: [String] = []
        var next: String? = path
        while let file = next {
            guard !seen.contains(file) else {
                throw HadalError(
                    .malformed, "'extends' goes round in circles: \((seen + [file]).joined(separator: " -> "))", at: SourcePlace(path))
            }
            guard seen.count < Limits.extendsDepth else {
                throw HadalError(.limitExceeded, "'extends' over more than \(Limits.extendsDepth) files", at: SourcePlace(path))
            }
            let document = try Self.read(file)
            chain.insert(document, at: 0)
            seen.append(file)
            guard let extends = document.root["extends"] else { break }
            let place = document.place(of: extends)
            let names = extends.string.map { [$0] } ?? (extends.array ?? []).compactMap(\.string)
            guard let first = names.first, names.count == extends.array?.count ?? 1 else {
                throw HadalError(.malformed, "'extends' must be a name or a list of names, not \(extends.kindName)", at: place)
            }
            for name in names.dropFirst().reversed() {
                let part = try Self.read(try parent(name, of: file, at: place))
                guard part.root["extends"] == nil else {
                    throw HadalError(
                        .unsupported, "'\(name)' extends another description, so it can only be the first of a list", at: place)
                }
                chain.insert(part, at: 0)
            }
            next = try parent(first, of: file, at: place)
        }
        return chain
    }

    private func parent(_ name: String, of file: String, at place: SourcePlace) throws -> String {
        guard Identifier.isValid(name.replacing("-", with: "_").replacing(".", with: "_")) else {
            throw HadalError(.malformed, "'extends' names a description, not '\(name)'", at: place)
        }
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
        let beside = "\(folder)/\(name).json"
        // A description may extend the built-in one that it replaces.
        if beside != file, FileManager.default.fileExists(atPath: beside) { return beside }
        if let path = paths[name], path != file { return path }
        if let own = Self.builtInCandidates.map({ "\($0)/\(name).json" }).first(where: FileManager.default.fileExists), own != file {
            return own
        }
        throw HadalError(
            .notFound, "no architecture '\(name)' to extend", at: place, hint: Suggestion.hint(for: name, among: list.map(\.name)))
    }

    static func read(_ path: String) throws -> JSONDocument {
        let file = try MappedFile(path: path)
        guard file.count <= Limits.descriptionBytes else {
            throw HadalError(
                .limitExceeded, "a description has at most \(Limits.descriptionBytes) bytes, this one \(file.count)", at: SourcePlace(path))
        }
        return try JSONDocument(parsing: file.bytes, file: path, rejectDuplicateKeys: true)
    }
}
