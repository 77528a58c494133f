import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph
import Synchronization

/// Sessions on disk: the tokens and every state's rows, so that a long prompt need not be processed again.
///
/// The file is a safetensors file: `tokens` I32 `[length]`, and for each state a tensor `[heads, length, width]` in the cache's
/// element type, or U8 `[heads, length, bytes of a row]` of a quantised one; F32 `[heads, rows, width]` of one of fixed size. Its metadata name
/// the format version, the model's fingerprint, the cache's type, and how many tokens the states of fixed size are after; files without the
/// third have tensors of that type, and those without the last have no states of fixed size: they are computed again.
extension Session {
    private static let version = "hadal-session/1"
    private static let cacheTypeKey = "cache_type"
    private static let stateTokensKey = "state_tokens"

    /// Writes the session to a file, replacing it atomically.
    public func save(to path: String) throws {
        let length = count
        var tensors: [TensorSource] = []
        let ids = tokens
        tensors.append(
            .init(
                name: "tokens", dtype: .i32, shape: [length], bytes: ids.withUnsafeBytes { Array($0) }))
        var metadata = [("format", Self.version), ("fingerprint", engine.fingerprint), (Self.cacheTypeKey, engine.cacheDType.name)]
        for index in engine.program.pagedStates {
            let state = engine.program.graph.states[index]
            let rows = try engine.state.withLock { _ in try readRows(index, heads: state.heads, width: state.width, length: length) }
            let (dtype, shape) = storage(of: state, length: length)
            tensors.append(.init(name: "state.\(index)", dtype: dtype, shape: shape, bytes: rows))
        }
        if let fixed = engine.fixedStates, !lacksState, let held = try engine.state.withLock({ _ in try fixed.read(self) }) {
            metadata.append((Self.stateTokensKey, "\(held.count)"))
            var offset = 0
            for index in engine.program.fixedStates {
                let state = engine.program.graph.states[index], size = engine.program.pageBytes(state: index)
                tensors.append(
                    .init(
                        name: "state.\(index)", dtype: .f32, shape: Self.fixedShape(of: state),
                        bytes: Array(held.bytes[offset..<offset + size])))
                offset += size
            }
        }
        try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata)
    }

    private static func fixedShape(of state: Graph.State) -> [Int] { [state.heads, state.rows ?? 0, state.width] }

    /// A session from a file that `save` wrote with the same model.
    ///
    /// - Throws: `mismatch` when the file belongs to another model or cache type, `contextFull` when it does not fit.
    public convenience init(contentsOf path: String, engine: Engine) throws {
        let file = try SafetensorsFile(path: path)
        func metadata(_ key: String) -> String? { file.metadata.first { $0.key == key }?.value }
        guard metadata("format") == Self.version else {
            throw HadalError(.malformed, "not a saved session", at: SourcePlace(path))
        }
        guard metadata("fingerprint") == engine.fingerprint else {
            throw HadalError(.mismatch, "the session was saved with another model", at: SourcePlace(path))
        }
        let saved = metadata(Self.cacheTypeKey) ?? file.tensors.first { $0.name.hasPrefix("state.") }?.dtype.name
        guard saved == nil || saved == engine.cacheDType.name else {
            throw HadalError(
                .mismatch, "the session was saved with a cache of type \(saved ?? ""), this one is \(engine.cacheDType.name)",
                at: SourcePlace(path), hint: [.set(.cacheType, to: .text((saved ?? "").lowercased()))])
        }
        func bytes(_ name: String, _ dtype: DType, _ shape: [Int]?) throws -> UnsafeRawBufferPointer {
            guard let tensor = file.tensors.first(where: { $0.name == name }) else {
                throw HadalError(.malformed, "tensor '\(name)' is missing", at: SourcePlace(path))
            }
            guard tensor.dtype == dtype, shape == nil ? tensor.shape.count == 1 : tensor.shape == shape else {
                throw HadalError(
                    .mismatch, "tensor '\(name)' is \(tensor.dtype.name)\(tensor.shape), not \(dtype.name)\(shape ?? [])",
                    at: SourcePlace(path))
            }
            return UnsafeRawBufferPointer(rebasing: file.source.bytes[tensor.range])
        }
        let stored = try bytes("tokens", .i32, nil)
        let ids = [Int32](unsafeUninitializedCapacity: stored.count / 4) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: stored)
            count = stored.count / 4
        }
        guard ids.count <= engine.contextLength else {
            throw HadalError(
                .contextFull, "the saved session has \(ids.count) tokens, the context holds \(engine.contextLength)",
                hint: [engine.plan.longerContext])
        }
        for token in ids where token < 0 || Int(token) >= engine.vocabularySize {
            throw HadalError(.malformed, "token \(token) is outside the vocabulary", at: SourcePlace(path))
        }
        self.init(engine: engine, contextLength: engine.contextLength)
        for index in engine.program.pagedStates {
            let state = engine.program.graph.states[index]
            let (dtype, shape) = storage(of: state, length: ids.count)
            let rows = try bytes("state.\(index)", dtype, shape)
            try engine.state.withLock { shared in
                try writeRows(index, heads: state.heads, width: state.width, length: ids.count, from: rows, &shared)
            }
        }
        for i in ids.indices { storage[i] = ids[i] }
        count = ids.count
        loseState()
        guard let fixed = engine.fixedStates, let text = metadata(Self.stateTokensKey) else { return }
        guard let after = Int(text), (0...ids.count).contains(after) else {
            throw HadalError(.malformed, "states after \(text) of \(ids.count) tokens", at: SourcePlace(path))
        }
        var states: [UInt8] = []
        for index in engine.program.fixedStates {
            states += try bytes("state.\(index)", .f32, Self.fixedShape(of: engine.program.graph.states[index]))
        }
        try engine.state.withLock { _ in try states.withUnsafeBytes { try fixed.write($0, after: after, to: self) } }
        // A few tokens behind them are computed again with the next ones.
        lacksState = ids.count - after > engine.pageTokens
    }

    private func rowBytes(_ width: Int) -> Int { engine.cacheDType.stateRowBytes(width: width) ?? 0 }

    /// How a file has the rows of a state.
    private func storage(of state: Graph.State, length: Int) -> (dtype: DType, shape: [Int]) {
        let dtype = engine.cacheDType
        return dtype.isQuantised
            ? (.u8, [state.heads, length, rowBytes(state.width)]) : (dtype, [state.heads, length, state.width])
    }

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

    /// Called on a fresh session.
    private func writeRows(
        _ state: Int, heads: Int, width: Int, length: Int, from rows: UnsafeRawBufferPointer, _ shared: inout Engine.State
    ) throws {
        let (row, size) = (rowBytes(width), engine.pageTokens)
        while pages.count * size < length { pages.append(try engine.takePage(&shared)) }
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
