import HadalCore
package import HadalFormats

/// A tiny model whose weights make it say a script: after each token, one of those that the script lists for it.
///
/// Embeddings are unit vectors, the layer adds nothing, and the head has a one where a token may follow another: what comes out
/// of it is computed by the model, and the script alone decides it. Tokens: the 256 bytes, the two line ends as one, and `words`.
public struct ScriptedModel: Sendable {
    public var architecture = "llama"
    /// Tokens of the vocabulary besides the bytes, in their own spelling, spaces and line ends plain.
    public var words: [String]
    /// Those of the words that are control tokens, and those that are matched as a whole in every text.
    public var control: Set<String>
    public var userDefined: Set<String>
    public var template: String?
    public var contextLength = 2048
    /// What follows a token: several are equally likely.
    public var script: [String: [String]]
    package var extraMetadata: [(key: String, value: MetadataValue)] = []

    public static let end = "<｜end▁of▁sentence｜>"
    public static let begin = "<｜begin▁of▁sentence｜>"

    public init(
        words: [String] = [], control: Set<String> = [], userDefined: Set<String> = [], template: String?, script: [String: [String]]
    ) {
        self.words = words
        self.control = control
        self.userDefined = userDefined
        self.template = template
        self.script = script
    }

    /// The bytes as byte-level BPE spells them.
    private static let alphabet: [String] = {
        var next: UInt32 = 256
        return (0..<UInt32(256)).map { byte in
            if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) {
                return Unicode.Scalar(byte).map { String(Character($0)) } ?? ""
            }
            defer { next += 1 }
            return Unicode.Scalar(next).map { String(Character($0)) } ?? ""
        }
    }()

    private static func spelled(_ text: String) -> String { text.utf8.map { alphabet[Int($0)] }.joined() }

    /// Writes the model as a GGUF file.
    public func write(to path: String) throws {
        let special = [Self.begin, Self.end] + words.filter { control.contains($0) || userDefined.contains($0) }
        let plain = ["\n\n"] + words.filter { $0.utf8.count > 1 && !control.contains($0) && !userDefined.contains($0) }
        let tokens = Self.alphabet + plain.map(Self.spelled) + special
        let names = (0..<256).map { String(decoding: [UInt8($0)], as: UTF8.self) } + plain + special
        var ids: [ExactString: Int] = [:]
        for (id, name) in names.enumerated() where ids[ExactString(name)] == nil { ids[ExactString(name)] = id }
        func id(_ token: String) throws -> Int {
            guard let id = ids[ExactString(token)] else { throw HadalError(.notFound, "the script's token '\(token)' is no word") }
            return id
        }
        let size = tokens.count
        let width = (size + 63) / 64 * 64
        var head = [Float](repeating: 0, count: size * width)
        for (from, followers) in script { for follower in followers { head[try id(follower) * width + (try id(from))] = 4 } }
        var embedding = [Float](repeating: 0, count: size * width)
        for token in 0..<size { embedding[token * width + token] = 1 }

        let kinds = tokens.indices.map { index -> Int32 in
            guard index >= 256 + plain.count else { return 1 }
            return userDefined.contains(tokens[index]) ? 4 : 3
        }
        let a = architecture
        var metadata: [(key: String, value: MetadataValue)] = [
            ("general.architecture", MetadataValue(a)), ("\(a).block_count", .uint32(1)),
            ("\(a).context_length", .uint32(UInt32(contextLength))),
            ("\(a).embedding_length", .uint32(UInt32(width))), ("\(a).feed_forward_length", .uint32(32)),
            ("\(a).attention.head_count", .uint32(UInt32(width / 64))), ("\(a).attention.head_count_kv", .uint32(1)),
            ("\(a).attention.layer_norm_rms_epsilon", .float32(1e-6)), ("\(a).rope.freq_base", .float32(10000)),
            ("\(a).rope.dimension_count", .uint32(64)), ("\(a).vocab_size", .uint32(UInt32(size))),
            ("tokenizer.ggml.model", MetadataValue("gpt2")), ("tokenizer.ggml.pre", MetadataValue("qwen2")),
            ("tokenizer.ggml.tokens", .array(MetadataArray(strings: tokens))),
            ("tokenizer.ggml.token_type", .array(MetadataArray(int32: kinds))),
            ("tokenizer.ggml.merges", .array(MetadataArray(strings: ["\(Self.spelled("\n")) \(Self.spelled("\n"))"]))),
            ("tokenizer.ggml.bos_token_id", .uint32(UInt32(try id(Self.begin)))),
            ("tokenizer.ggml.eos_token_id", .uint32(UInt32(try id(Self.end)))),
            ("tokenizer.ggml.add_bos_token", .bool(true)),
        ]
        if let template { metadata.append(("tokenizer.chat_template", MetadataValue(template))) }
        metadata += extraMetadata

        func zeros(_ name: String, _ shape: [Int]) -> TensorSource {
            TensorSource(name: name, dtype: .f32, shape: shape, values: [Float](repeating: 0, count: shape.reduce(1, *)))
        }
        func ones(_ name: String) -> TensorSource {
            TensorSource(name: name, dtype: .f32, shape: [width], values: [Float](repeating: 1, count: width))
        }
        var tensors = [
            TensorSource(name: "token_embd.weight", dtype: .f32, shape: [size, width], values: embedding),
            TensorSource(name: "output.weight", dtype: .f32, shape: [size, width], values: head),
            ones("output_norm.weight"), ones("blk.0.attn_norm.weight"), ones("blk.0.ffn_norm.weight"),
            zeros("blk.0.attn_q.weight", [width, width]), zeros("blk.0.attn_k.weight", [64, width]),
            zeros("blk.0.attn_v.weight", [64, width]), zeros("blk.0.attn_output.weight", [width, width]),
            zeros("blk.0.ffn_gate.weight", [32, width]), zeros("blk.0.ffn_up.weight", [32, width]),
            zeros("blk.0.ffn_down.weight", [width, 32]),
        ]
        if architecture == "qwen2" {
            tensors += [zeros("blk.0.attn_q.bias", [width]), zeros("blk.0.attn_k.bias", [64]), zeros("blk.0.attn_v.bias", [64])]
        }
        try GGUFWriter.write(to: path, metadata: metadata, tensors: tensors)
    }
}

extension ScriptedModel {
    /// The form of R1's chat template: it opens the block of reasoning itself, and cuts it from earlier turns.
    public static let reasoningTemplate = """
        {{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] }}\
        {% elif message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}\
        {% elif message['role'] == 'tool' %}{{ '<｜tool▁output▁begin｜>' + message['content'] + '<｜tool▁output▁end｜>' }}\
        {% elif message['role'] == 'assistant' and message['tool_calls'] %}{{ '<｜Assistant｜>' }}\
        {% for tool in message['tool_calls'] %}{{ '<｜tool▁call▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + tool['function']['name'] \
        + '\\n```json\\n' + tool['function']['arguments'] + '\\n```<｜tool▁call▁end｜>' }}{% endfor %}{{ eos_token }}\
        {% elif message['role'] == 'assistant' %}{% set content = message['content'] %}\
        {% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}\
        {{ '<｜Assistant｜>' + content + eos_token }}{% endif %}{% endfor %}\
        {% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}
        """

    /// A model that thinks twice and answers: its text is `hmm, yes</think>\\n\\nParis.`
    public static func thinker(thinksForever: Bool = false) -> ScriptedModel {
        var model = ScriptedModel(
            words: ["hmm", ", yes", " and", "Paris", ".", "<think>", "</think>", "<｜User｜>", "<｜Assistant｜>"],
            control: ["<｜User｜>", "<｜Assistant｜>"], userDefined: ["<think>", "</think>"], template: reasoningTemplate,
            script: [
                "\n": ["hmm"], "hmm": [", yes"], ", yes": ["</think>"], " and": ["hmm"], "</think>": ["\n\n"], "\n\n": ["Paris"],
                "Paris": ["."], ".": [end],
            ])
        if thinksForever { model.script[", yes"] = [" and"] }
        return model
    }

    /// A model that thinks, says what it does, and calls a tool in the form of sections.
    public static func caller(_ arguments: String = #"{"city": "Oslo"}"#) -> ScriptedModel {
        let marks = ["<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"]
        let pieces = ["function", "get_weather\n```json", "\n" + arguments + "\n```"]
        let chain = [
            "\n", "hmm", "</think>", "\n\n", "Let me look.", marks[0], marks[1], pieces[0], marks[2], pieces[1], pieces[2], marks[3],
            marks[4], end,
        ]
        var script: [String: [String]] = [:]
        for (from, to) in zip(chain, chain.dropFirst()) { script[from] = [to] }
        script["<｜tool▁output▁end｜>"] = ["hmm"]
        return ScriptedModel(
            words: [
                "hmm", "Let me look.", "<think>", "</think>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>",
            ]
                + marks + pieces,
            control: Set(marks + ["<｜User｜>", "<｜Assistant｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"]),
            userDefined: ["<think>", "</think>"], template: reasoningTemplate, script: script)
    }
}
