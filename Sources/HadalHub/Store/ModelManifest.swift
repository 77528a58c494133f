package import HadalCore

/// What the files of a store are by their bytes, all of them read for it.
package struct ModelManifest: Sendable, Equatable {
    package struct File: Sendable, Equatable {
        package enum State: String, Sendable {
            /// Its bytes are those that the catalogue names.
            case matches
            /// No catalogue says what its bytes have to be.
            case unlisted
            /// Its bytes are not those that the catalogue names.
            case differs
            /// The catalogue names it, and it is not there, or not complete.
            case missing
            /// It could not be read.
            case unreadable
        }

        package var model: String
        package var name: String
        /// Bytes that were read; 0 for one that is missing.
        package var bytes: Int
        /// 64 lower-case hexadecimal digits; nil for one that is missing or could not be read.
        package var sha256: String?
        /// What the catalogue names; nil without an entry.
        package var expected: String?
        /// Where these bytes are published: the file's address, or else the model's page; nil: unknown.
        package var origin: String?
        package var state: State

        /// Whether a user has to know.
        package var isWrong: Bool { [.differs, .missing, .unreadable].contains(state) }

        package var json: JSON {
            [
                "model": JSON(.string(model)), "file": JSON(.string(name)), "bytes": JSON(.int(Int64(bytes))),
                "sha256": sha256.map { JSON(.string($0)) } ?? .null, "expected_sha256": expected.map { JSON(.string($0)) } ?? .null,
                "origin": JSON(.string(origin ?? Self.unknownOrigin)), "state": JSON(.string(state.rawValue)),
            ]
        }

        package static let unknownOrigin = "unknown"
    }

    package var directory: String
    package var files: [File]

    /// Whether one differs, is missing or cannot be read.
    package var isWrong: Bool { files.contains(where: \.isWrong) }

    package var json: JSON {
        ["directory": JSON(.string(directory)), "wrong": JSON(.bool(isWrong)), "files": JSON(.array(files.map(\.json)))]
    }
}
