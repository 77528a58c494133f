import HadalCore

/// `model.safetensors.index.json`: which shard holds which tensor.
struct SafetensorsIndex {
    struct Opened {
        var shards: [SafetensorsFile] = []
        var tensors: [TensorInfo] = []
        var unreadable: [UnreadableTensor] = []
    }

    private let document: JSONDocument
    private let map: JSONObject
    /// Shard names in order of first mention, each with the place of that mention.
    private let shardNames: [(name: String, value: JSON)]

    init(_ document: JSONDocument) throws {
        guard let value = document.root["weight_map"], let map = value.object else {
            let found = document.root["weight_map"].map(\.kindName) ?? "missing"
            throw HadalError(
                .malformed, "'weight_map' is \(found); it must be an object of tensor and shard names",
                at: document.place(of: document.root["weight_map"] ?? document.root))
        }
        guard map.count > 0 else { throw HadalError(.malformed, "'weight_map' is empty", at: document.place(of: value)) }
        var names: [(String, JSON)] = []
        var seen: Set<ExactString> = []
        for member in map.members {
            guard let shard = member.value.string else {
                throw HadalError(
                    .malformed, "the shard of tensor '\(member.key)' is \(member.value.kindName), not a file name",
                    at: document.place(of: member.value))
            }
            guard FileProvider.isPlain(shard) else {
                throw HadalError(
                    .malformed, "the shard of tensor '\(member.key)' is '\(shard)', which is not a plain file name",
                    at: document.place(of: member.value), hint: "shards stay in the directory of their index")
            }
            if seen.insert(ExactString(shard)).inserted { names.append((shard, member.value)) }
        }
        self.document = document
        self.map = map
        shardNames = names.sorted { Array($0.0.utf8).lexicographicallyPrecedes(Array($1.0.utf8)) }
    }

    /// Opens every shard and finds every tensor that the index names. Tensors that it does not name are left out.
    func open(_ provider: FileProvider) throws -> Opened {
        var opened = Opened()
        var found: Set<ExactString> = []
        for (number, shard) in shardNames.enumerated() {
            guard let source = try provider.open(shard.name) else {
                throw HadalError(
                    .notFound, "the index names the shard '\(shard.name)', which is not in the directory",
                    at: document.place(of: shard.value), hint: "download all \(shardNames.count) shards")
            }
            let file = try SafetensorsFile(source: source)
            func belongs(_ name: String) -> Bool { map[name]?.string.map { ExactString($0) == ExactString(shard.name) } ?? false }
            for tensor in file.tensors where belongs(tensor.name) {
                found.insert(ExactString(tensor.name))
                opened.tensors.append(tensor.inShard(number))
            }
            for tensor in file.unreadable where belongs(tensor.name) {
                found.insert(ExactString(tensor.name))
                opened.unreadable.append(tensor)
            }
            opened.shards.append(file)
        }
        for member in map.members where !found.contains(ExactString(member.key)) {
            throw HadalError(
                .mismatch, "the index says that tensor '\(member.key)' is in '\(member.value.string ?? "")', but that file does not hold it",
                at: document.place(of: member.value))
        }
        return opened
    }
}
