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

    /// Opens the shards and finds every tensor that the index names, in another shard too. Tensors that it does not name are left out.
    ///
    /// A name that no file holds is an error only when the tensor is asked for: an index may name what was left out of a copy.
    /// - Throws: `notFound` when none of the files is there.
    func open(_ provider: FileProvider) throws -> Opened {
        var files: [(name: String, file: SafetensorsFile)] = []
        var missing: Set<ExactString> = []
        func open(_ name: String) throws -> Bool {
            guard let source = try provider.open(name) else { return false }
            files.append((name, try SafetensorsFile(source: source)))
            return true
        }
        for shard in shardNames where try !open(shard.name) { missing.insert(ExactString(shard.name)) }
        if !missing.isEmpty {
            // Shards may have been renamed.
            let known = Set(shardNames.map { ExactString($0.name) })
            for name in SafetensorsNames(provider).files where !known.contains(ExactString(name)) { _ = try open(name) }
        }
        guard !files.isEmpty else { throw missingShard(shardNames[0].name, at: shardNames[0].value) }

        // The file of each tensor: the one that the index names, if that holds it.
        var holder: [ExactString: Int] = [:]
        for (number, entry) in files.enumerated() {
            for name in entry.file.tensors.map(\.name) + entry.file.unreadable.map(\.name) {
                guard let shard = map[name]?.string else { continue }
                if ExactString(shard) == ExactString(entry.name) || holder[ExactString(name)] == nil { holder[ExactString(name)] = number }
            }
        }
        var opened = Opened()
        for (number, entry) in files.enumerated() {
            opened.shards.append(entry.file)
            opened.tensors += entry.file.tensors.filter { holder[ExactString($0.name)] == number }.map { $0.inShard(number) }
            opened.unreadable += entry.file.unreadable.filter { holder[ExactString($0.name)] == number }
        }
        for member in map.members where holder[ExactString(member.key)] == nil {
            let shard = member.value.string ?? ""
            let error =
                missing.contains(ExactString(shard))
                ? missingShard(shard, at: member.value)
                : HadalError(
                    .mismatch, "the index says that tensor '\(member.key)' is in '\(shard)', but that file does not hold it",
                    at: document.place(of: member.value))
            opened.unreadable.append(UnreadableTensor(name: member.key, file: document.file, absence: error))
        }
        return opened
    }

    private func missingShard(_ name: String, at value: JSON) -> HadalError {
        HadalError(
            .notFound, "the index names the shard '\(name)', which is not in the directory", at: document.place(of: value),
            hint: "download all \(shardNames.count) shards")
    }
}
