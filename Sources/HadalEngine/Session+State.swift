import HadalCore
import HadalFormats

/// Sessions on disk: the tokens and every state's rows, so that a long prompt need not be processed again.
///
/// The file is a safetensors file: `tokens` I32 `[length]`, and for each state a tensor `[heads, length, width]` in the cache's
/// element type. Its metadata name the format version and the model's fingerprint.
extension Session {
    private static let version = "hadal-session/1"

    /// Writes the session to a file, replacing it atomically.
    public func save(to path: String) throws {
        let length = count
        var tensors: [SafetensorsWriter.Tensor] = []
        let ids = tokens
        tensors.append(.init(
            name: "tokens", dtype: .i32, shape: [length], bytes: ids.withUnsafeBytes { Array($0) }))
        for (index, state) in engine.program.graph.states.enumerated() {
            let rows = try engine.lock.withLock { _ in try readRows(index, heads: state.heads, width: state.width, length: length) }
            tensors.append(.init(
                name: "state.\(index)", dtype: engine.cacheDType, shape: [state.heads, length, state.width], bytes: rows))
        }
        try SafetensorsWriter.write(
            tensors, metadata: [("format", Self.version), ("fingerprint", engine.fingerprint)], to: path)
    }

    /// A session from a file that `save` wrote with the same model.
    ///
    /// - Throws: `mismatch` when the file belongs to another model or cache type, `contextFull` when it does not fit.
    public static func load(from path: String, engine: Engine) throws -> Session {
        let file = try SafetensorsFile(path: path)
        guard file.metadata["format"] == version else {
            throw HadalError(.malformed, "not a saved session", at: Place(path))
        }
        guard file.metadata["fingerprint"] == engine.fingerprint else {
            throw HadalError(.mismatch, "the session was saved with another model", at: Place(path))
        }
        let ids = try file.values(of: "tokens", as: Int32.self, dtype: .i32)
        let session = engine.makeSession()
        guard ids.count <= session.contextLength else {
            throw HadalError(
                .contextFull, "the saved session has \(ids.count) tokens, the context holds \(session.contextLength)",
                hint: "raise --context")
        }
        for token in ids where token < 0 || Int(token) >= engine.vocabularySize {
            throw HadalError(.malformed, "token \(token) is outside the vocabulary", at: Place(path))
        }
        for (index, state) in engine.program.graph.states.enumerated() {
            let shape = [state.heads, ids.count, state.width]
            let bytes = try file.bytes(of: "state.\(index)", dtype: engine.cacheDType, shape: shape)
            try engine.lock.withLock { _ in
                try session.writeRows(index, heads: state.heads, width: state.width, length: ids.count, from: bytes)
            }
        }
        session.adopt(ids)
        return session
    }

    private func rowBytes(_ width: Int) -> Int { engine.cacheDType.byteCount(elements: width) ?? 0 }

    private func readRows(_ state: Int, heads: Int, width: Int, length: Int) throws -> [UInt8] {
        let (row, size) = (rowBytes(width), engine.pageTokens)
        var out = [UInt8](repeating: 0, count: heads * length * row)
        var page = [UInt8](repeating: 0, count: engine.program.pageBytes(state: state))
        for first in stride(from: 0, to: length, by: size) {
            try page.withUnsafeMutableBytes { try engine.program.readPage(Int(pages[first / size]), state: state, into: $0) }
            let rows = min(size, length - first)
            for head in 0..<heads {
                let source = head * size * row
                let destination = (head * length + first) * row
                out.replaceSubrange(destination..<(destination + rows * row), with: page[source..<(source + rows * row)])
            }
        }
        return out
    }

    /// Called on a fresh session, with the engine's lock held.
    private func writeRows(_ state: Int, heads: Int, width: Int, length: Int, from rows: UnsafeRawBufferPointer) throws {
        let (row, size) = (rowBytes(width), engine.pageTokens)
        while pages.count * size < length { pages.append(try engine.takePage()) }
        var page = [UInt8](repeating: 0, count: engine.program.pageBytes(state: state))
        for first in stride(from: 0, to: length, by: size) {
            let count = min(size, length - first)
            for head in 0..<heads {
                let source = (head * length + first) * row
                page.replaceSubrange((head * size * row)..<((head * size + count) * row), with: rows[source..<(source + count * row)])
            }
            try page.withUnsafeBytes { try engine.program.writePage(Int(pages[first / size]), state: state, from: $0) }
        }
    }
}
