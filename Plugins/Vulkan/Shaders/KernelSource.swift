import Foundation
import HadalCore
import HadalGraph

/// The GLSL of one stage of an op for one combination of types: declarations made from the contract, the shared includes, and
/// the op's own `vulkan.comp`.
///
/// A kernel finds everything under the contract's names: extents and attributes as values, `x_at(i)` and `y_put(i, v)` for operands,
/// `weight_block(row, block, columns, v)` for matrices, `has_bias` for optional inputs, `key_row(...)`, `key_at` and `key_put` for caches.
/// Numbers are specialisation constants, so that one text, and one compilation of it, serves every shape.
struct KernelSource {
    /// What differs between two texts of one kernel.
    struct Signature: Hashable {
        /// Of each declared input; nil: absent.
        var inputs: [DType?]
        /// Of caches.
        var state: DType?
    }

    /// What an address among the push constants is of.
    enum Operand: Hashable {
        case input(Int)
        case scales(Int)
        case output(Int)
        case state(Int)
        case scratch(Int)
    }

    /// What a specialisation constant holds.
    enum Constant: Hashable {
        case threads
        /// Width that every subgroup is sure to have; 0: it may vary.
        case subgroup
        case parameter(String)
        /// Which symbol an extent is, plus one, and 0 where it is none; then the extent itself.
        case symbol(String), extent(String)
        case attribute(String)
        /// Words of a row of a matrix input, and where a row's side bytes begin.
        case rowWords(Int), sideWord(Int)
        /// Rows and columns of the block that one scale is for, and scales in a row of blocks (0: no scales).
        case scaleRows(Int), scaleColumns(Int), scaleStride(Int)
        case pageTokens
        /// Of the part of a variadic input or repeated output: the columns before it, of it, and of all together.
        case partOffset, partWidth, partTotal
        /// Of the matrices that a subgroup multiplies as one.
        case matrix(MatrixSide)
    }

    enum MatrixSide: String, CaseIterable { case m, n, k }

    let text: String
    /// In the order of the push constants, after the address of the step.
    let operands: [Operand]
    /// Constant `i` has the id `i`.
    let constants: [Constant]
    /// What compiler messages call the kernel's own file.
    let path: String

    /// Addresses that fit into the push constants that every device has, beside the step's.
    static let operandLimit = 15

    /// - Parameters:
    ///   - extents: names of the op's extents.
    ///   - body: the text of `vulkan.comp`.
    ///   - includes: the text of the shared files.
    init(
        _ contract: OpContract, stage: OpContract.Stage, signature: Signature, extents: [String], path: String, body: String,
        includes: String,
        order: InvocationOrder = .together
    ) {
        var declarations = Declarations()
        declarations.constant("uint", "THREADS", .threads, "64u")
        declarations.constant("uint", "SUBGROUP", .subgroup, "0u")
        if stage.features.contains("cooperative-matrix") {
            for side in MatrixSide.allCases { declarations.constant("uint", "MATRIX_\(side.rawValue.uppercased())", .matrix(side), "16u") }
        }
        for name in stage.parameters.map(\.name) { declarations.constant("uint", name, .parameter(name), "1u") }
        for name in extents {
            declarations.constant("uint", "n_\(name)", .symbol(name), "0u")
            declarations.constant("uint", "d_\(name)", .extent(name), "1u")
            declarations.names.append("#define \(Self.safe(name)) (n_\(name) == 0u ? d_\(name) : hadal_word(n_\(name) - 1u))")
        }
        for spec in contract.attributes {
            switch spec.kind {
            case .float: declarations.constant("float", "a_\(spec.name)", .attribute(spec.name), "0.0")
            // 1, so that it can be the size of an array.
            case .int: declarations.constant("int", "a_\(spec.name)", .attribute(spec.name), "1")
            case .bool, .string: declarations.constant("uint", "a_\(spec.name)", .attribute(spec.name), "0u")
            case .ints, .floats: continue
            }
            declarations.names.append("#define \(Self.safe(spec.name)) \(spec.kind == .int ? "uint(a_\(spec.name))" : "a_\(spec.name)")")
        }
        for (i, input) in contract.inputs.enumerated() { declarations.input(i, input, signature.inputs[i]) }
        for (i, output) in contract.outputs.enumerated() { declarations.output(i, output) }
        for (i, scratch) in contract.scratch.enumerated() { declarations.scratch(i, scratch) }
        if !contract.states.isEmpty { declarations.constant("uint", "page_tokens", .pageTokens, "1u") }
        for (i, state) in contract.states.enumerated() {
            let isTaken = contract.inputs.contains { $0.name == state.name } || contract.outputs.contains { $0.name == state.name }
            declarations.state(i, state, signature.state ?? .f32, name: isTaken ? "cached_\(state.name)" : state.name)
        }
        if contract.inputs.last?.variadic == true || contract.outputs.contains(where: { $0.count != nil }) {
            for (name, constant) in [("offset", Constant.partOffset), ("width", .partWidth), ("total", .partTotal)] {
                declarations.constant("uint", "part_\(name)", constant, "0u")
            }
        }
        operands = declarations.operands
        constants = declarations.constants
        self.path = path
        text = """
            #version 450
            #extension GL_EXT_buffer_reference : require
            #extension GL_EXT_buffer_reference_uvec2 : require
            #extension GL_EXT_control_flow_attributes : require
            #extension GL_KHR_shader_subgroup_basic : require
            #extension GL_KHR_shader_subgroup_arithmetic : require
            #extension GL_GOOGLE_cpp_style_line_directive : enable
            \(Self.lines(for: stage.features))
            #define STAGE_\(stage.name) 1
            \(stage.variant.map { "#define VARIANT_\($0) 1" } ?? "")
            \(declarations.constantLines.joined(separator: "\n"))
            layout(local_size_x_id = 0) in;
            layout(push_constant) uniform HadalPush {
                uvec2 step;
            \(declarations.members.joined(separator: "\n"))
            } hadal_push;
            \(order.declarations)\(order.applied(to: includes))
            \(declarations.access.joined(separator: "\n"))
            \(declarations.names.joined(separator: "\n"))
            #line 1 "\(path)"
            \(order.applied(to: body))

            """
    }

    /// A shader that is no op's: its text as it is.
    init(text: String, path: String) {
        (self.text, self.path) = (text, path)
        (operands, constants) = ([], [])
    }

    /// The extensions behind a form's features, which a kernel can also ask for: `FEATURE_integer_dot`.
    private static func lines(for features: [String]) -> String {
        let floats = "GL_EXT_shader_explicit_arithmetic_types_float16"
        let extensions = [
            "integer-dot": ["GL_EXT_spirv_intrinsics"], "fp16": [floats], "int8": ["GL_EXT_shader_explicit_arithmetic_types_int8"],
            "storage16": ["GL_EXT_shader_16bit_storage"], "storage8": ["GL_EXT_shader_8bit_storage"],
            "cooperative-matrix": ["GL_KHR_cooperative_matrix", "GL_KHR_memory_scope_semantics", floats],
        ]
        return features.flatMap { feature in
            (extensions[feature] ?? []).map { "#extension \($0) : require" } + [
                "#define FEATURE_\(feature.replacingOccurrences(of: "-", with: "_")) 1"
            ]
        }.joined(separator: "\n")
    }

    /// The same for wherever the file lies.
    var textWithoutPath: String { text.replacingOccurrences(of: "\"\(path)\"", with: "\"vulkan.comp\"") }

    /// A name of the contract that means something else in GLSL gets an underscore.
    static func safe(_ name: String) -> String {
        ["layout", "input", "output", "sample", "filter", "flat", "smooth", "buffer", "shared", "in", "out"].contains(name)
            ? "\(name)_" : name
    }
}
