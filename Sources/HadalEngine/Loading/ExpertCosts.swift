import HadalArchitecture
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// What keeping only some of a model's experts in memory would cost, found without reading them.
public struct ExpertCosts: Sendable {
    /// Layers with experts that can be read from disk, and those whose experts have to stay in memory.
    public var layers = 0
    public var fixedLayers = 0
    /// Of all streamable layers.
    public var experts = 0
    /// Bytes of one expert in memory and on disk, in the layer where they are the most.
    public var expertBytes = 0
    public var storedExpertBytes = 0
    /// Bytes of all streamable experts in memory.
    public var totalBytes = 0
    /// What a token needs if none of its experts is in memory, on disk.
    public var worstBytesPerToken = 0
    /// The least limit: two of the largest experts.
    public var minimumLimit: Int { 2 * expertBytes }

    /// - Throws: `limitExceeded` for a limit that does not hold two experts: one that computes while the next is read.
    func check(limit: Int, path: String) throws {
        guard limit < minimumLimit else { return }
        throw HadalError(
            .limitExceeded, "a limit of \(limit) bytes for experts is less than the \(minimumLimit) that two of them take",
            at: SourcePlace(path),
            hint: [.raise(.expertMemory, to: .bytes((minimumLimit + 1023) & ~1023))])
    }

    /// Experts of the largest kind that a limit holds.
    public func fitting(_ limit: Int) -> Int { expertBytes > 0 ? min(limit / expertBytes, experts) : 0 }

    /// The share of all experts that a limit holds: how often one that is wanted is there if all are wanted alike.
    public func share(_ limit: Int) -> Double { totalBytes > 0 ? min(1, Double(limit) / Double(totalBytes)) : 1 }

    /// Bytes read for a token if all experts are wanted alike.
    public func uniformBytesPerToken(_ limit: Int) -> Double { Double(worstBytesPerToken) * (1 - share(limit)) }

    func json(limit: Int?, readRate: Double?) -> JSON {
        func seconds(_ bytes: Double) -> JSON { readRate.map { JSON(.double(bytes / $0)) } ?? .null }
        var fields = JSONObject([
            ("layers", JSON(.int(Int64(layers)))), ("resident_layers", JSON(.int(Int64(fixedLayers)))),
            ("experts", JSON(.int(Int64(experts)))),
            ("bytes_per_expert", JSON(.int(Int64(expertBytes)))), ("stored_bytes_per_expert", JSON(.int(Int64(storedExpertBytes)))),
            ("total_bytes", JSON(.int(Int64(totalBytes)))), ("minimum_limit_bytes", JSON(.int(Int64(minimumLimit)))),
            ("bytes_per_token_worst", JSON(.int(Int64(worstBytesPerToken)))),
        ])
        if let limit {
            fields["limit_bytes"] = JSON(.int(Int64(limit)))
            fields["experts_that_fit"] = JSON(.int(Int64(fitting(limit))))
            fields["bytes_per_token_uniform"] = JSON(.int(Int64(uniformBytesPerToken(limit))))
            fields["read_bytes_per_second"] = readRate.map { JSON(.double($0)) } ?? .null
            fields["seconds_per_token_worst"] = seconds(Double(worstBytesPerToken))
            fields["seconds_per_token_uniform"] = seconds(uniformBytesPerToken(limit))
        }
        return JSON(.object(fields))
    }

    /// Bytes a second that experts are read with from where they lie, or nil where that is not known. Takes a fraction of a second.
    static func readRate(_ placement: ExpertPlacement, _ files: ModelFiles) -> Double? {
        let all = placement.pieces.sorted { $0.key < $1.key }.flatMap(\.value)
        guard let most = all.map(\.count).max(), most > 0 else { return nil }
        var readers: [Int: DirectFile] = [:]
        var bytes = 0
        let clock = ContinuousClock(), start = clock.now
        // A stride that is no divisor spreads the sample over layers, experts and matrices.
        let stride = max(1, all.count / 61)
        for position in Swift.stride(from: 0, to: all.count, by: stride) {
            let piece = all[position]
            guard let range = files.fileRange(of: piece.tensor) else { return nil }
            let reader = readers[piece.tensor.shard] ?? DirectFile(descriptor: range.descriptor, most: most)
            readers[piece.tensor.shard] = reader
            let got = reader.read(offset: range.offset + piece.offset, count: piece.count)
            guard got == piece.count else { return nil }
            bytes += got
            if clock.now - start > .milliseconds(500) { break }
        }
        let seconds = (clock.now - start).seconds
        return seconds > 0 && bytes > 0 ? Double(bytes) / seconds : nil
    }
}

extension ExpertCosts {
    init(_ placement: ExpertPlacement, _ graph: Graph, device: any Device) {
        for layer in placement.layers {
            guard layer.isStreamable else {
                fixedLayers += 1
                continue
            }
            layers += 1
            experts += layer.experts
            var held = 0, stored = 0
            for weight in layer.weights {
                let declared = graph.weights[weight]
                let part = (device.heldBytes(of: declared) ?? declared.bytes) / layer.experts
                held = (held + 63) / 64 * 64 + part
                stored += declared.bytes / layer.experts
            }
            held = (held + 4095) / 4096 * 4096
            expertBytes = max(expertBytes, held)
            storedExpertBytes = max(storedExpertBytes, stored)
            totalBytes += held * layer.experts
            worstBytesPerToken += stored * layer.chosen
        }
    }
}
