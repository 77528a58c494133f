package import HadalCore

/// How a model directory says that its weights are quantised: in config.json, or in a file of the tool that quantised them.
///
/// Float8 and unquantised weights are read by their tensors' types, whatever the method is called; everything else is packed in a way
/// that tensors alone do not tell.
package struct WeightQuantization: Sendable {
    /// The method, in lower case as published: "awq", "gptq", "bitsandbytes", "fp8".
    package let method: String
    /// What the configuration says beside it, for messages: "4 bits", "pack-quantized".
    package let detail: String?
    /// Extents of the squares or rows that share a scale, where they are stated.
    package let block: (rows: Int, columns: Int)?
    /// Whether weights are stored as floats of at least 8 bits with scales beside them.
    package let isFloat: Bool
    package let place: SourcePlace

    /// What config.json says; nil when it says nothing. It may say so for a text model inside the model.
    package init?(_ config: JSONDocument) {
        let roots = [config.root] + (config.root.object?.members.map(\.value).filter { $0.object != nil } ?? [])
        for root in roots {
            for key in ["quantization_config", "compression_config", "quant_config", "quantization"] {
                guard let json = root[key], let found = Self(json, key: key, in: config) else { continue }
                self = found
                return
            }
        }
        return nil
    }

    /// What a directory says, in config.json or beside it.
    init?(_ config: JSONDocument, beside open: (String) throws -> JSONDocument?) throws {
        if let stated = Self(config) {
            self = stated
            return
        }
        for (name, key, method) in [
            ("hf_quant_config.json", "quantization", "modelopt"), ("quantize_config.json", nil, "gptq"), ("quant_config.json", nil, "awq"),
        ] {
            guard let document = try open(name) else { continue }
            let json = key.flatMap { document.root[$0] } ?? document.root
            guard let found = Self(json, key: name, in: document, otherwise: method) else { continue }
            self = found
            return
        }
        return nil
    }

    /// - Throws: `unsupported`, naming method and file, for weights that are not stored as floats. MXFP4 is a matter of the family.
    func check() throws { if !isFloat, method != "mxfp4" { throw unsupported } }

    package var unsupported: HadalError {
        HadalError(
            .unsupported, "weights quantised with \(method)\(detail.map { " (\($0))" } ?? "") are not supported", at: place,
            hint: "16-bit and float8 checkpoints and GGUF files are")
    }

    private init?(_ json: JSON, key: String, in document: JSONDocument, otherwise: String? = nil) {
        guard let object = json.object, !object.members.isEmpty else { return nil }
        let bits = (json["bits"] ?? json["w_bit"] ?? json["nbits"])?.int
        let algorithm = json["quant_algo"]?.string
        let stated = json["quant_method"]?.string ?? otherwise
        var method = stated?.lowercased() ?? ""
        if method.isEmpty {
            if json["load_in_4bit"]?.bool == true || json["load_in_8bit"]?.bool == true {
                method = "bitsandbytes"
            } else if algorithm != nil {
                method = "modelopt"
            } else if json["config_groups"] != nil {
                method = "compressed-tensors"
            } else if key == "quantization", bits != nil {
                method = "mlx"
            } else if bits != nil {
                method = document.root["quantization"]?["bits"] != nil ? "mlx" : "a method without a name"
            } else {
                return nil
            }
        }
        let (isFloat, detail) = Self.storage(json, method: method, algorithm: algorithm)
        let size = bits ?? (json["load_in_4bit"]?.bool == true ? 4 : json["load_in_8bit"]?.bool == true ? 8 : nil)
        self.method = method
        self.isFloat = isFloat
        self.detail = detail ?? size.map { "\($0) bits" }
        block = Self.block(json)
        place = document.place(of: json["quant_method"] ?? json["quant_algo"] ?? json)
    }

    /// Whether the weights are floats of 8 bits or more, and what to say of them if not.
    private static func storage(_ json: JSON, method: String, algorithm: String?) -> (isFloat: Bool, detail: String?) {
        switch method {
        case "compressed-tensors", "compressed_tensors", "sparseml":
            if let sparse = json["sparsity_config"]?["format"]?.string, sparse != "dense" { return (false, sparse) }
            if let transforms = json["transform_config"]?["config_groups"]?.object, !transforms.members.isEmpty {
                return (false, "rotated weights: transform_config")
            }
            let format = json["format"]?.string
            let groups = json["config_groups"]?.object?.members.map(\.value).filter { $0.object != nil } ?? []
            let packed = groups.first { group in
                guard let weights = group["weights"], weights.object != nil else { return false }
                return weights["type"]?.string != "float" || weights["num_bits"]?.int ?? 8 < 8
            }
            if let packed {
                let name = packed["format"]?.string ?? format
                let bits = packed["weights"]?["num_bits"]?.int.map { "\($0) bits" }
                return (false, [name, bits].compactMap { $0 }.joined(separator: ", "))
            }
            let float = ["float-quantized", "naive-quantized", "mxfp8-quantized", "dense", nil]
            return (float.contains(format) || (!groups.isEmpty && format == "mixed-precision"), format)
        case "modelopt", "modelopt_fp8", "modelopt_fp4", "modelopt_mixed":
            if algorithm?.uppercased() == "MIXED_PRECISION", let layers = json["quantized_layers"]?.object {
                let other = layers.members.compactMap { $0.value["quant_algo"]?.string }.first { !isFloat8($0) }
                return (other == nil, other ?? algorithm)
            }
            // Without an algorithm only the cache is quantised.
            return (algorithm.map(isFloat8) ?? (method != "modelopt_fp4"), algorithm)
        case "quark":
            let types = [json["global_quant_config"], json["layer_quant_config"]].compactMap { $0 }.flatMap(weightTypes)
            let other = types.first { !$0.hasPrefix("fp8") }
            return (!types.isEmpty && other == nil, other)
        case "mxfp8", "w8a8_fp8": return (true, nil)
        default: return (method.hasSuffix("fp8") && !method.hasPrefix("w4"), method == "mxfp4" ? nil : algorithm)
        }
    }

    private static func isFloat8(_ algorithm: String) -> Bool {
        algorithm.uppercased().hasPrefix("FP8") || algorithm.uppercased() == "MXFP8"
    }

    /// Every `weight.dtype` of a part of Quark's configuration.
    private static func weightTypes(_ json: JSON) -> [String] {
        if let type = json["weight"]?["dtype"]?.string { return [type] }
        return json.object?.members.flatMap { $0.value.object == nil ? [] : weightTypes($0.value) } ?? []
    }

    private static func block(_ json: JSON) -> (rows: Int, columns: Int)? {
        var candidates = [json["weight_block_size"]]
        for group in json["config_groups"]?.object?.members ?? [] {
            let weights = group.value["weights"]
            candidates.append(weights?["block_structure"])
            if weights?["strategy"]?.string == "group", let size = weights?["group_size"] {
                candidates.append(JSON(.array([JSON(.int(1)), size])))
            }
        }
        for case let stated? in candidates {
            var sides = (stated.array ?? []).compactMap(\.int)
            if let text = stated.string { sides = text.split(separator: "x").compactMap { Int($0) } }
            if sides.count == 2, sides.allSatisfy({ $0 > 0 }) { return (sides[0], sides[1]) }
        }
        return nil
    }
}
