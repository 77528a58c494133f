import HadalCore
import HadalFormats
import TestSupport
import Testing
@testable import HadalQuantization

@Suite("Quantisation rules")
struct RuleTests {
    private func choice(_ type: DType, _ rules: [String], pure: Bool = false) throws -> TypeChoice {
        var options = QuantizationOptions(type: type)
        options.rules = try rules.map { try QuantizationRule($0) }
        options.isPure = pure
        return TypeChoice(options: options)
    }

    @Test(
        "names with stars and ranges",
        arguments: [
            ("blk.*.ffn_down.weight", "blk.12.ffn_down.weight", true),
            ("blk.*.ffn_down.weight", "blk.12.ffn_up.weight", false),
            ("*ffn_down*", "blk.0.ffn_down_exps.weight", true),
            ("blk.0-3.*", "blk.3.attn_q.weight", true),
            ("blk.0-3.*", "blk.4.attn_q.weight", false),
            ("blk.0-3.*", "blk.13.attn_q.weight", false),
            ("*.2-5.attn_*", "blk.4.attn_q.weight", true),
            ("blk.9-3.*", "blk.5.attn_q.weight", false),
            ("output.weight", "output.weight", true),
            ("output.weight", "xoutput.weight", false),
        ])
    func names(_ pattern: String, _ name: String, _ fits: Bool) throws {
        #expect(try QuantizationRule("\(pattern)=Q8_0").matches(name, []) == fits)
    }

    @Test("the last rule that fits decides")
    func order() throws {
        let choice = try choice(.q4_K, ["ffn=Q5_K", "blk.0-1.*=Q8_0", "blk.1.ffn_up.weight=F16"])
        func type(_ name: String, _ role: TensorRole) -> DType { choice.type(of: name, shape: [4, 256], stored: .f32, roles: [role]).type }
        #expect(type("blk.2.ffn_up.weight", .ffn) == .q5_K)
        #expect(type("blk.0.ffn_up.weight", .ffn) == .q8_0)
        #expect(type("blk.1.ffn_up.weight", .ffn) == .f16)
        #expect(type("blk.2.attn_q.weight", .attention) == .q4_K)
    }

    @Test("what is not quantised, and what gets a better type")
    func defaults() throws {
        let plain = try choice(.q4_K, ["*=Q4_K"])
        #expect(plain.type(of: "blk.0.attn_norm.weight", shape: [256], stored: .f16, roles: [.plain]).type == .f32)
        #expect(plain.type(of: "blk.0.ffn_gate_exps.bias", shape: [8, 256], stored: .bf16, roles: [.plain]).type == .f32)
        #expect(plain.type(of: "blk.0.ffn_gate_inp.weight", shape: [8, 256], stored: .f32, roles: [.router]).type == .f32)
        #expect(plain.type(of: "ids", shape: [8, 256], stored: .i32, roles: []).type == .i32)
        #expect(try choice(.q4_K, ["router=Q8_0"]).type(of: "r", shape: [8, 256], stored: .f32, roles: [.router]).type == .q8_0)
        #expect(try choice(.q4_K, []).type(of: "output.weight", shape: [8, 256], stored: .f32, roles: [.output]).type == .q6_K)
        #expect(try choice(.q4_K, []).type(of: "token_embd.weight", shape: [8, 256], stored: .f32, roles: [.embedding]).type == .q4_K)
        #expect(
            try choice(.q4_K, []).type(of: "token_embd.weight", shape: [8, 256], stored: .f32, roles: [.embedding, .output]).type == .q6_K)
        #expect(try choice(.q4_K, [], pure: true).type(of: "output.weight", shape: [8, 256], stored: .f32, roles: [.output]).type == .q4_K)
        #expect(try choice(.q8_0, []).type(of: "output.weight", shape: [8, 256], stored: .f32, roles: [.output]).type == .q8_0)
        #expect(try choice(.q4_K, ["attention=keep"]).type(of: "q", shape: [8, 256], stored: .q5_0, roles: [.attention]).type == .q5_0)
        #expect(try choice(.q4_K, ["attention=keep"]).type(of: "q", shape: [8, 256], stored: .f8_e4m3, roles: [.attention]).type == .bf16)
    }

    @Test(
        "rows that are not whole blocks",
        arguments: [
            (DType.q2_K, 96, DType.iq4_nl), (.q3_K, 96, .iq4_nl), (.iq4_xs, 96, .iq4_nl), (.q4_K, 96, .q5_0), (.q5_K, 96, .q5_1),
            (.q6_K, 96, .q8_0), (.q4_0, 48, .f16), (.q4_K, 48, .f16), (.mxfp4, 16, .f16), (.bf16, 7, .bf16), (.q4_K, 512, .q4_K),
        ])
    func fallbacks(_ wanted: DType, _ columns: Int, _ type: DType) {
        let result = TypeChoice.fitting(wanted, columns: columns)
        #expect(result.type == type)
        #expect(result.wanted == (type == wanted ? nil : wanted))
    }

    @Test(
        "ill-formed rules are named",
        arguments: [
            ("experts", "no '='"), ("expert=Q4_K", "unknown group 'expert'"), ("experts=Q4_Z", "unknown type 'Q4_Z'"),
            ("=Q4_K", "which tensors"),
            ("experts=F8_E4M3", "unknown type"), ("experts=I8", "unknown type"), ("plain=Q8_0", "unknown group"),
            ("experts=q4_k_m", "is a mixture of types"),
        ])
    func errors(_ text: String, _ part: String) {
        expectError(.invalidArgument, part) { try QuantizationRule(text) }
    }

    @Test("several rules in one text")
    func list() throws {
        let rules = try QuantizationRule.list("experts=Q4_K, attention = q8_0,blk.0.*=keep")
        #expect(rules.map(\.type) == [.q4_K, .q8_0, nil])
        expectError(.invalidArgument, "the rule '' has no '='") { try QuantizationRule.list("experts=Q4_K,,") }
    }
}
