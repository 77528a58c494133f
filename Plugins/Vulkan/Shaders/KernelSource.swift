import HadalCore
import HadalGraph

/// The GLSL of one stage of an op for one combination of types: declarations made from the contract, the shared includes, and
/// the op's own `vulkan.comp`.
///
/// A kernel finds everything under the contract's names: extents and attributes as values, `x_at(i)` and `y_put(i, v)` for operands,
/// `weight_block(row, block, v)` for matrices, `has_bias` for optional inputs, `key_row(...)`, `key_at` and `key_put` for caches.
struct KernelSource {
    /// What differs between two uses of one kernel, beside numbers.
    struct Signature: Hashable {
        /// Of each declared input; nil: absent.
        var inputs: [DType?]
        /// Of caches.
        var state: DType?
    }

    /// Fields of the argument block in order, each of 8 bytes (addresses) or 4.
    enum Field: Equatable {
        case address(Operand)
        /// Which symbol an extent is, and the extent itself where it is none.
        case symbol(String)
        case extent(String)
        case attribute(String)
        case number(Number)
    }

    enum Operand: Equatable {
        case input(Int)
        case scales(Int)
        case output(Int)
        case state(Int)
    }

    enum Number: Equatable {
        /// Words of a row of a matrix input, and where a row's side bytes begin.
        case rowWords(Int), sideWord(Int)
        /// Rows and columns of the block that one scale is for, and scales in a row of blocks.
        case scaleRows(Int), scaleColumns(Int), scaleStride(Int)
        case pageTokens
        /// Of the part of a variadic input or repeated output: the columns before it, of it, and of all together.
        case partOffset, partWidth, partTotal
    }

    let text: String
    let fields: [Field]
    /// What compiler messages call the kernel's own file.
    let path: String

    /// - Parameters:
    ///   - body: the text of `vulkan.comp`.
    ///   - includes: the text of the shared files.
    init(_ contract: OpContract, stage: OpContract.Stage, signature: Signature, extents: [String], body: String, includes: String) {
        var fields: [Field] = []
        var members: [String] = []
        var access: [String] = []
        // After the functions, whose own names they must not replace.
        var names: [String] = []
        func add(_ type: String, _ name: String, _ field: Field) {
            fields.append(field)
            members.append("    \(type) \(name);")
        }
        // Addresses first, so that nothing needs padding.
        for (i, input) in contract.inputs.enumerated() where signature.inputs[i] != nil {
            add("uvec2", "i_\(input.name)", .address(.input(i)))
            if signature.inputs[i] == .f8_e4m3 { add("uvec2", "s_\(input.name)", .address(.scales(i))) }
        }
        for (i, output) in contract.outputs.enumerated() { add("uvec2", "o_\(output.name)", .address(.output(i))) }
        for (i, state) in contract.states.enumerated() { add("uvec2", "c_\(state.name)", .address(.state(i))) }

        for name in extents {
            add("uint", "n_\(name)", .symbol(name))
            add("uint", "d_\(name)", .extent(name))
            names.append("#define \(Self.safe(name)) hadal_extent(hadal_arguments.n_\(name), hadal_arguments.d_\(name))")
        }
        for spec in contract.attributes {
            switch spec.kind {
            case .float: add("float", "a_\(spec.name)", .attribute(spec.name))
            case .int: add("int", "a_\(spec.name)", .attribute(spec.name))
            case .bool, .string: add("uint", "a_\(spec.name)", .attribute(spec.name))
            case .ints, .floats: continue
            }
            let value = "hadal_arguments.a_\(spec.name)"
            names.append("#define \(Self.safe(spec.name)) \(spec.kind == .int ? "uint(\(value))" : value)")
        }
        for (i, input) in contract.inputs.enumerated() {
            guard let dtype = signature.inputs[i] else {
                access.append("#define has_\(input.name) 0")
                continue
            }
            access.append("#define has_\(input.name) 1")
            let name = input.name
            switch (input.kind, dtype) {
            case (.value, .i32): access.append("int \(name)_at(uint i) { return HadalInts(hadal_arguments.i_\(name)).at[i]; }")
            case (.value, _): access.append("float \(name)_at(uint i) { return HadalFloats(hadal_arguments.i_\(name)).at[i]; }")
            case (.weight, _):
                if input.dims.count < 2 {
                    // Parameters are widened by the host.
                    access.append("float \(name)_at(uint i) { return HadalFloats(hadal_arguments.i_\(name)).at[i]; }")
                } else {
                    add("uint", "w_\(name)", .number(.rowWords(i)))
                    add("uint", "x_\(name)", .number(.sideWord(i)))
                    if dtype == .f8_e4m3 {
                        add("uint", "sr_\(name)", .number(.scaleRows(i)))
                        add("uint", "sc_\(name)", .number(.scaleColumns(i)))
                        add("uint", "ss_\(name)", .number(.scaleStride(i)))
                    }
                    access.append(Self.matrix(name, dtype))
                }
            }
        }
        for output in contract.outputs {
            let (buffer, type) = output.dtype == .i32 ? ("HadalInts", "int") : ("HadalFloats", "float")
            access.append("void \(output.name)_put(uint i, \(type) v) { \(buffer)(hadal_arguments.o_\(output.name)).at[i] = v; }")
            access.append("\(type) \(output.name)_now(uint i) { return \(buffer)(hadal_arguments.o_\(output.name)).at[i]; }")
        }
        if !contract.states.isEmpty { add("uint", "page_tokens", .number(.pageTokens)) }
        for state in contract.states { access.append(Self.state(state, signature.state ?? .f32)) }
        if contract.inputs.last?.variadic == true || contract.outputs.contains(where: { $0.count != nil }) {
            for (name, number) in [("offset", Number.partOffset), ("width", .partWidth), ("total", .partTotal)] {
                add("uint", "p_\(name)", .number(number))
                names.append("#define part_\(name) hadal_arguments.p_\(name)")
            }
        }
        self.fields = fields
        path = "\(contract.folder)/vulkan.comp"
        text = """
            #version 450
            #extension GL_EXT_buffer_reference : require
            #extension GL_EXT_buffer_reference_uvec2 : require
            #extension GL_KHR_shader_subgroup_basic : require
            #extension GL_KHR_shader_subgroup_arithmetic : require
            #extension GL_GOOGLE_cpp_style_line_directive : enable
            #define THREADS \(stage.threads)
            #define STAGE_\(stage.name) 1
            layout(local_size_x = THREADS) in;
            layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer HadalArguments {
            \(members.joined(separator: "\n"))
            };
            layout(push_constant) uniform HadalPush { HadalArguments arguments; uvec2 step; } hadal_push;
            #define hadal_arguments hadal_push.arguments
            \(includes)
            \(access.joined(separator: "\n"))
            \(names.joined(separator: "\n"))
            #line 1 "\(path)"
            \(body)

            """
    }

    /// A name of the contract that means something else in GLSL gets an underscore.
    private static func safe(_ name: String) -> String {
        ["layout", "input", "output", "sample", "filter", "flat", "smooth", "buffer", "shared", "in", "out"].contains(name) ? "\(name)_" : name
    }

    /// Access to a matrix whose rows the host has laid out.
    private static func matrix(_ name: String, _ dtype: DType) -> String {
        let words = "HadalWords(hadal_arguments.i_\(name))"
        let row = "row * hadal_arguments.w_\(name)"
        switch dtype {
        case .f32:
            return """
                float \(name)_at(uint row, uint column) { return uintBitsToFloat(\(words).at[\(row) + column]); }
                \(plainBlock(name))
                """
        case .f16, .bf16:
            let decode = dtype == .f16 ? "hadal_half" : "hadal_bfloat"
            return """
                float \(name)_at(uint row, uint column) { return \(decode)(\(words).at[\(row) + (column >> 1)] >> (16 * (column & 1u))); }
                void \(name)_block(uint row, uint block, uint columns, out float v[32]) {
                    uint first = \(row) + 16 * block;
                    for (uint k = 0; k < 16; k++) {
                        uint w = 32 * block + 2 * k < columns ? \(words).at[first + k] : 0;
                        v[2 * k] = \(decode)(w);
                        v[2 * k + 1] = \(decode)(w >> 16);
                    }
                }
                """
        case .f8_e4m3:
            return """
                float \(name)_at(uint row, uint column) {
                    uint at = row / hadal_arguments.sr_\(name) * hadal_arguments.ss_\(name) + column / hadal_arguments.sc_\(name);
                    float s = hadal_arguments.ss_\(name) == 0 ? 1.0 : HadalFloats(hadal_arguments.s_\(name)).at[at];
                    return s * hadal_float8((\(words).at[\(row) + (column >> 2)] >> (8 * (column & 3u))) & 255u);
                }
                \(plainBlock(name))
                """
        default:
            guard let layout = BlockLayout(dtype) else { return "" }
            let parts = dtype.blockElements / 32
            let sides =
                layout.sideBytes == 0
                ? "0u"
                : layout.sideBytes == 1
                    ? "(\(words).at[side + (index >> 2)] >> (8 * (index & 3u)))" : "(\(words).at[side + (index >> 1)] >> (16 * (index & 1u)))"
            return """
                void \(name)_block(uint row, uint block, uint columns, out float v[32]) {
                    uint index = block / \(parts);
                    uint side = \(row) + hadal_arguments.x_\(name);
                    hadal_block_\(dtype.name.lowercased())(\(words), \(row) + index * \(layout.payloadWords), \(sides), block % \(parts), v);
                }
                float \(name)_at(uint row, uint column) {
                    float v[32];
                    \(name)_block(row, column / 32, 0, v);
                    return v[column % 32];
                }
                """
        }
    }

    private static func plainBlock(_ name: String) -> String {
        """
        void \(name)_block(uint row, uint block, uint columns, out float v[32]) {
            for (uint k = 0; k < 32; k++) v[k] = 32 * block + k < columns ? \(name)_at(row, 32 * block + k) : 0.0;
        }
        """
    }

    private static func state(_ state: OpContract.State, _ dtype: DType) -> String {
        let name = state.name
        let rows = """
            #define \(name)_row(sequence, position, head) hadal_cache_row(sequence, position, head, uint(\(state.heads.text)), uint(\(state.width.text)), hadal_arguments.page_tokens)
            """
        if dtype == .f32 {
            return rows + """

                float \(name)_at(uint i) { return HadalFloats(hadal_arguments.c_\(name)).at[i]; }
                void \(name)_put(uint i, float a, float b) {
                    HadalFloats(hadal_arguments.c_\(name)).at[i] = a;
                    HadalFloats(hadal_arguments.c_\(name)).at[i + 1] = b;
                }
                void \(name)_put_last(uint i, float a) { HadalFloats(hadal_arguments.c_\(name)).at[i] = a; }
                """
        }
        let (decode, encode) = dtype == .f16 ? ("hadal_half", "hadal_from_half") : ("hadal_bfloat", "hadal_from_bfloat")
        return rows + """

            float \(name)_at(uint i) { return \(decode)(HadalWords(hadal_arguments.c_\(name)).at[i >> 1] >> (16 * (i & 1u))); }
            void \(name)_put(uint i, float a, float b) {
                HadalWords(hadal_arguments.c_\(name)).at[i >> 1] = \(encode)(a) | \(encode)(b) << 16;
            }
            """
    }
}
