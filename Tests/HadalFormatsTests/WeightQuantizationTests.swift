import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

/// What a directory says of quantised weights, before they are opened.
@Suite struct WeightQuantizationTests {
    /// A directory whose weights cannot be opened, so that a refusal for another reason shows.
    private func open(_ config: String, beside: [String: String] = [:], weights: [UInt8] = [0]) throws -> ModelFiles {
        var files = beside.mapValues { Array($0.utf8) }
        files["config.json"] = Array("{\"model_type\": \"llama\"\(config.isEmpty ? "" : ",\n\(config)")}".utf8)
        files["model.safetensors"] = weights
        return try ModelFiles.open(files: files, name: "dir")
    }

    @Test(arguments: [
        (#""quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}"#, "awq (4 bits)"),
        (#""quantization_config": {"quant_method": "gptq", "bits": 8}"#, "gptq (8 bits)"),
        (#""quantization_config": {"quant_method": "w4afp8"}"#, "w4afp8"),
        (#""quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true}"#, "bitsandbytes (4 bits)"),
        (#""quantization_config": {"load_in_8bit": true, "load_in_4bit": false}"#, "bitsandbytes (8 bits)"),
        (#""quantization": {"group_size": 64, "bits": 4}, "quantization_config": {"group_size": 64, "bits": 4}"#, "mlx (4 bits)"),
        (#""quantization": {"group_size": 32, "bits": 8, "mode": "affine"}"#, "mlx (8 bits)"),
        (
            #""quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized"}"#,
            "compressed-tensors (pack-quantized)"
        ),
        (
            #""quantization_config": {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {"weights": {"type": "int", "num_bits": 8}}}}"#,
            "compressed-tensors (int-quantized, 8 bits)"
        ),
        (
            #""quantization_config": {"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized", "config_groups": {"group_0": {"weights": {"type": "float", "num_bits": 4}}}}"#,
            "compressed-tensors (nvfp4-pack-quantized, 4 bits)"
        ),
        (
            #""compression_config": {"format": "marlin-24", "config_groups": {"a": {"weights": {"type": "int", "num_bits": 4}}}}"#,
            "compressed-tensors (marlin-24, 4 bits)"
        ),
        (
            #""quantization_config": {"quant_method": "compressed-tensors", "format": "float-quantized", "sparsity_config": {"format": "sparse-24-bitmask"}}"#,
            "compressed-tensors (sparse-24-bitmask)"
        ),
        (#""quantization_config": {"quant_method": "torchao", "quant_type": {"default": {}}}"#, "torchao"),
        (#""quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}"#, "modelopt (NVFP4)"),
        (#""quantization_config": {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp4"}}}"#, "quark (fp4)"),
        (#""quantization_config": {"quant_method": "hqq"}"#, "hqq"), (#""quantization_config": {"quant_method": "eetq"}"#, "eetq"),
        (#""quantization_config": {"quant_method": "quanto", "weights": "int8"}"#, "quanto"),
        (#""quantization_config": {"quant_method": "aqlm"}"#, "aqlm"),
        (#""quantization_config": {"quant_method": "spqr", "bits": 3}"#, "spqr (3 bits)"),
        (#""quantization_config": {"quant_method": "vptq"}"#, "vptq"),
        (#""quantization_config": {"quant_method": "AutoRound", "bits": 2}"#, "autoround (2 bits)"),
        (#""text_config": {"quantization_config": {"quant_method": "gptq", "bits": 4}}"#, "gptq (4 bits)"),
    ])
    func packedWeightsAreNamed(config: String, name: String) {
        expectError(.unsupported, "dir/config.json:2:", "weights quantised with \(name) are not supported") { try open(config) }
    }

    @Test(arguments: [
        ("hf_quant_config.json", #"{"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "W4A8_AWQ"}}"#, "modelopt (W4A8_AWQ)"),
        ("quantize_config.json", #"{"bits": 4, "group_size": 128, "desc_act": false}"#, "gptq (4 bits)"),
        ("quant_config.json", #"{"zero_point": true, "w_bit": 4}"#, "awq (4 bits)"),
    ])
    func aFileBesideNamesThem(file: String, text: String, name: String) {
        expectError(.unsupported, "dir/\(file):1:", "weights quantised with \(name) are not supported") {
            try open("", beside: [file: text])
        }
    }

    @Test(arguments: [
        (#""quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 64]}"#, 128, 64),
        (#""quantization_config": {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0}"#, 0, 0),
        (
            #""quantization_config": {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"g": {"weights": {"type": "float", "num_bits": 8, "strategy": "group", "group_size": 32}}}}"#,
            1, 32
        ),
        (
            #""quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"type": "float", "num_bits": 8, "block_structure": "128x128"}}}}"#,
            128, 128
        ),
        (#""quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8"}"#, 0, 0),
        (#""quantization_config": {"quant_method": "mxfp4"}"#, 0, 0),
        (#""quantization_config": {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}}"#, 0, 0),
    ])
    func floatsAreRead(config: String, rows: Int, columns: Int) throws {
        let model = try open(config, weights: HuggingFaceTests.shard(["a"]))
        let quantization = try #require(model.huggingFace?.quantization)
        #expect((quantization.block?.rows ?? 0, quantization.block?.columns ?? 0) == (rows, columns))
    }

    @Test(arguments: ["", #""quantization_config": null"#, #""quantization_config": {}"#, #""quantization": "none""#])
    func nothingIsSaid(config: String) throws {
        #expect(try open(config, weights: HuggingFaceTests.shard(["a"])).huggingFace?.quantization == nil)
    }

    @Test func aTokenizerNeedsNoWeights() throws {
        let config = Array(#"{"quantization_config": {"quant_method": "awq"}}"#.utf8)
        #expect(try ModelFiles.open(files: ["config.json": config], name: "dir", weights: false).tensors.isEmpty)
    }
}
