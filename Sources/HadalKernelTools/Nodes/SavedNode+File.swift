import HadalBackend
import HadalConformance
import HadalCore
import HadalFormats
import HadalGraph

/// A saved node as a safetensors file: tensors `operand.N`, `scales.N` and `state.N`, everything else as JSON in the metadata.
extension SavedNode {
    static let format = "node/1"
    /// Most pages, sequences and operands of a file: far more than a model has.
    private static let mostItems = 1 << 20
    private static let mostTokens = 1 << 24

    // MARK: writing

    /// - Throws: `io`. The file appears under its name only when it is complete.
    package func write(to path: String) throws {
        var tensors: [TensorSource] = []
        for (index, operand) in operands.enumerated() {
            guard let operand else { continue }
            tensors.append(TensorSource(name: "operand.\(index)", dtype: .u8, shape: [operand.bytes.count], bytes: operand.bytes))
            guard let scales = operand.scales else { continue }
            tensors.append(TensorSource(name: "scales.\(index)", dtype: .f32, shape: [scales.rows, scales.columns], values: scales.values))
        }
        for (index, state) in states.enumerated() {
            tensors.append(TensorSource(name: "state.\(index)", dtype: .u8, shape: [state.bytes.count], bytes: state.bytes))
        }
        try SafetensorsWriter.write(to: path, tensors: tensors, metadata: [("hadal", Self.format), ("op", op), ("node", json.text())])
    }

    private var json: JSON {
        func text(_ value: String) -> JSON { JSON(.string(value)) }
        func int(_ value: Int) -> JSON { JSON(.int(Int64(value))) }
        func dim(_ dim: Dim) -> JSON {
            switch dim {
            case .fixed(let n): int(n)
            case .symbol(let symbol): text(symbol.letter)
            }
        }
        return [
            "op": text(op), "label": text(label), "model": text(model), "backend": text(backend),
            "attributes": JSON(.object(JSONObject(attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value.expressionValue.json) }))),
            "operands": JSON(
                .array(
                    operands.map { operand in
                        guard let operand else { return .null }
                        var fields: [(String, JSON)] = [
                            ("kind", text(operand.kind.rawValue)), ("name", text(operand.name)), ("dtype", text(operand.dtype.name)),
                            ("dims", JSON(.array(operand.dims.map(dim)))),
                        ]
                        if let scales = operand.scales {
                            fields.append(("scale_block", [int(scales.block.rows), int(scales.block.columns)]))
                        }
                        return JSON(.object(JSONObject(fields)))
                    })),
            "states": JSON(.array(states.map { ["name": text($0.name), "heads": int($0.heads), "width": int($0.width)] })),
            "state_dtype": text(stateDType.name), "page_tokens": int(pageTokens), "pages": JSON(.array(pages.map { int(Int($0)) })),
            "tokens": int(tokens), "rows": int(rows),
            "sequences": JSON(
                .array(
                    sequences.map {
                        [
                            "first": int($0.first), "count": int($0.count), "past": int($0.past), "planned": int($0.plannedLength),
                            "first_page": int($0.firstPage), "page_count": int($0.pageCount),
                        ]
                    })),
        ]
    }

    // MARK: reading

    /// Reads a file and checks every length in it.
    ///
    /// - Throws: `HadalError` with the file, for one that is damaged, of another kind, or from a later version.
    package init(contentsOf path: String) throws {
        let file = try SafetensorsFile(path: path)
        func value(_ key: String) -> String? { file.metadata.first { ExactString($0.key) == ExactString(key) }?.value }
        guard let kind = value("hadal") else {
            throw HadalError(.malformed, "not a saved node: its metadata has no 'hadal'", at: SourcePlace(path), hint: [.action(.saveNode)])
        }
        guard kind == Self.format, let text = value("node") else {
            throw HadalError(.unsupported, "a file of kind '\(kind)', not '\(Self.format)'", at: SourcePlace(path))
        }
        do {
            let document = try Array(text.utf8).withUnsafeBytes {
                try JSONDocument(parsing: $0, file: "metadata 'node'", rejectDuplicateKeys: true)
            }
            try self.init(document, file)
        } catch let error as HadalError {
            // Places inside the metadata mean nothing to a reader of the file.
            throw HadalError(error.code, "the saved node is damaged: \(error.message)", at: SourcePlace(path), hint: error.hint)
        }
    }

    private init(_ document: JSONDocument, _ file: SafetensorsFile) throws {
        var fields = try JSONFields(document.root, in: document, what: "node")
        op = try fields.string("op")
        label = try fields.string("label")
        model = try fields.string("model")
        backend = try fields.string("backend")
        func range(_ what: String, _ value: Int, _ range: ClosedRange<Int>) throws -> Int {
            guard range.contains(value) else {
                throw HadalError(.malformed, "\(what) is \(value), not within \(range.lowerBound) and \(range.upperBound)")
            }
            return value
        }
        let tokens = try range("tokens", fields.int("tokens"), 0...Self.mostTokens)
        let rows = try range("rows", fields.int("rows"), 0...Self.mostTokens)
        let pageTokens = try range("page_tokens", fields.int("page_tokens"), 1...1 << 20)
        (self.tokens, self.rows, self.pageTokens) = (tokens, rows, pageTokens)
        guard let stateDType = DType(name: try fields.string("state_dtype")), DType.stateTypes.contains(stateDType) else {
            throw fields.fail("'state_dtype' must be f32, f16, bf16 or q8_0")
        }
        self.stateDType = stateDType
        attributes = try Self.attributes(fields.required("attributes"))
        let pages = try fields.array("pages")
        guard pages.count <= Self.mostItems else { throw fields.fail("'pages' has \(pages.count) entries") }
        let pageList = try pages.map { try range("a page", $0.int ?? -1, 0...pages.count - 1) }
        guard Set(pageList).count == pageList.count else { throw fields.fail("'pages' names a page twice") }
        self.pages = pageList.map { UInt32($0) }
        sequences = try Self.sequences(fields.array("sequences"), document, tokens: tokens, pages: pages.count, pageTokens: pageTokens)
        let counts: [Dim.Symbol: Int] = [.tokens: tokens, .rows: rows, .sequences: sequences.count]
        let operandList = try fields.array("operands")
        guard operandList.count <= 4096 else { throw fields.fail("'operands' has \(operandList.count) entries") }
        operands = try operandList.enumerated().map { index, json in
            json.isNull ? nil : try Operand(json, document, file, index: index, counts: counts)
        }
        let stateList = try fields.array("states")
        guard stateList.count <= 64 else { throw fields.fail("'states' has \(stateList.count) entries") }
        states = try stateList.enumerated().map { index, json in
            var state = try JSONFields(json, in: document, what: "state")
            let (name, heads, width) = (try state.string("name"), try state.int("heads"), try state.int("width"))
            try state.finish()
            guard width > 0, let row = stateDType.stateRowBytes(width: width) else {
                throw HadalError(.malformed, "state '\(name)' has rows of \(width) elements")
            }
            let bytes = try Self.size([pages.count, heads, pageTokens, row], .u8, "state '\(name)'")
            return State(name: name, heads: heads, width: width, bytes: try Self.data("state.\(index)", file, bytes: bytes))
        }
        try fields.finish()
    }

    private static func attributes(_ json: JSON) throws -> [String: Attribute] {
        guard let object = json.object else { throw HadalError(.malformed, "'attributes' must be an object, not \(json.kindName)") }
        var attributes: [String: Attribute] = [:]
        for member in object.members {
            // The contract decides what each must be; a list of whole numbers may still be one of floats there.
            switch ExpressionValue(member.value) {
            case .bool(let b)?: attributes[member.key] = .bool(b)
            case .int(let i)?: attributes[member.key] = .int(i)
            case .float(let d)?: attributes[member.key] = .float(d)
            case .string(let s)?: attributes[member.key] = .string(s)
            case .array(let items)?:
                let (ints, floats) = (items.compactMap(\.int), items.compactMap(\.double))
                guard floats.count == items.count else {
                    throw HadalError(.malformed, "attribute '\(member.key)' is not a list of numbers")
                }
                attributes[member.key] = ints.count == items.count ? .ints(ints) : .floats(floats)
            default: throw HadalError(.malformed, "attribute '\(member.key)' is \(member.value.kindName)")
            }
        }
        return attributes
    }

    private static func sequences(
        _ list: [JSON], _ document: JSONDocument, tokens: Int, pages: Int, pageTokens: Int
    ) throws -> [ConformanceTrial.StepSequence] {
        guard list.count <= 4096 else { throw HadalError(.malformed, "'sequences' has \(list.count) entries") }
        var next = 0
        let sequences = try list.map { json in
            var fields = try JSONFields(json, in: document, what: "sequence")
            let (first, count, past) = (try fields.int("first"), try fields.int("count"), try fields.int("past"))
            let (planned, firstPage, pageCount) = (try fields.int("planned"), try fields.int("first_page"), try fields.int("page_count"))
            try fields.finish()
            guard first == next, (1...mostTokens).contains(count), (0...mostTokens).contains(past), (0...1 << 30).contains(planned),
                firstPage >= 0, pageCount >= 0, firstPage <= pages, pageCount <= pages - firstPage,
                pages == 0 || past + count <= pageCount * pageTokens
            else {
                throw HadalError(
                    .malformed, "a sequence of \(past) + \(count) tokens from \(first), pages \(firstPage) + \(pageCount) of \(pages)")
            }
            next += count
            return ConformanceTrial.StepSequence(
                first: first, count: count, past: past, plannedLength: planned, firstPage: firstPage, pageCount: pageCount)
        }
        guard next == tokens else { throw HadalError(.malformed, "the sequences have \(next) tokens, the step \(tokens)") }
        return sequences
    }

    fileprivate static func size(_ extents: [Int], _ dtype: DType, _ what: String) throws -> Int {
        var elements = 1
        for extent in extents {
            let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { throw HadalError(.malformed, "\(what) has impossible extents \(extents)") }
            elements = product
        }
        guard (extents.last ?? 1) % dtype.blockElements == 0, let bytes = dtype.byteCount(elements: elements) else {
            throw HadalError(.malformed, "\(what) of extents \(extents) is not in whole blocks of \(dtype.name)")
        }
        return bytes
    }

    fileprivate static func data(_ name: String, _ file: SafetensorsFile, bytes: Int) throws -> [UInt8] {
        guard let tensor = file.tensors.first(where: { ExactString($0.name) == ExactString(name) }) else {
            throw HadalError(.malformed, "it has no tensor '\(name)'")
        }
        guard tensor.byteCount == bytes else {
            throw HadalError(.malformed, "tensor '\(name)' has \(tensor.byteCount) bytes where \(bytes) are declared")
        }
        return try withExtendedLifetime(file) { Array(try file.source.bytes(in: tensor.range)) }
    }
}

extension SavedNode.Operand {
    fileprivate init(_ json: JSON, _ document: JSONDocument, _ file: SafetensorsFile, index: Int, counts: [Dim.Symbol: Int]) throws {
        var fields = try JSONFields(json, in: document, what: "operand \(index)")
        guard let kind = OpContract.Input.Kind(rawValue: try fields.string("kind")) else {
            throw fields.fail("'kind' must be value or weight")
        }
        guard let dtype = DType(name: try fields.string("dtype")) else { throw fields.fail("unknown dtype") }
        self.kind = kind
        self.dtype = dtype
        name = try fields.string("name")
        let list = try fields.array("dims")
        guard list.count <= 8 else { throw fields.fail("it has \(list.count) dims") }
        dims = try list.map { item in
            if let extent = item.int, extent >= 0, extent <= 1 << 40 { return .fixed(extent) }
            if kind == .value, let symbol = Dim.Symbol.allCases.first(where: { $0.letter == item.string }) { return .symbol(symbol) }
            throw fields.fail("bad extent", at: item)
        }
        let block = try fields.optionalArray("scale_block")?.compactMap(\.int)
        try fields.finish()
        let extents = dims.map { dim -> Int in
            switch dim {
            case .fixed(let n): n
            case .symbol(let symbol): counts[symbol] ?? 0
            }
        }
        bytes = try SavedNode.data("operand.\(index)", file, bytes: try SavedNode.size(extents, dtype, "operand '\(name)'"))
        guard let block else { return }
        let scales = file.tensors.first { $0.name == "scales.\(index)" }
        guard block.count == 2, block[0] > 0, block[1] > 0, dtype == .f8_e4m3, let scales, scales.dtype == .f32, scales.shape.count == 2,
            extents.count >= 2
        else { throw fields.fail("its block scales are not valid") }
        let (rows, columns) = (extents[extents.count - 2], extents[extents.count - 1])
        let matrices = extents.dropLast(2).reduce(1, *)
        let wanted = [matrices * ((rows + block[0] - 1) / block[0]), (columns + block[1] - 1) / block[1]]
        guard scales.shape == wanted else { throw fields.fail("its block scales are \(scales.shape), not \(wanted)") }
        let raw = try SavedNode.data("scales.\(index)", file, bytes: wanted[0] * wanted[1] * 4)
        let values = raw.withUnsafeBytes { raw in (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) } }
        self.scales = .init(values: values, rows: wanted[0], columns: wanted[1], block: (block[0], block[1]))
    }
}
