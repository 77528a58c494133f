import HadalCore
import HadalGraph

extension KernelSource {
    /// The declarations of a kernel as they are gathered from its contract.
    struct Declarations {
        private(set) var operands: [Operand] = []
        private(set) var constants: [Constant] = []
        private(set) var constantLines: [String] = []
        /// Of the push constants.
        private(set) var members: [String] = []
        /// Functions that read and write operands.
        private(set) var access: [String] = []
        /// Names of the contract, after the functions, whose own names they must not replace.
        var names: [String] = []

        mutating func constant(_ type: String, _ name: String, _ constant: Constant, _ value: String) {
            constantLines.append("layout(constant_id = \(constants.count)) const \(type) \(name) = \(value);")
            constants.append(constant)
        }

        private mutating func address(_ name: String, _ operand: Operand) {
            operands.append(operand)
            members.append("    uvec2 \(name);")
        }

        mutating func input(_ i: Int, _ input: OpContract.Input, _ dtype: DType?) {
            let name = input.name
            guard let dtype else {
                access.append("#define has_\(name) 0")
                return
            }
            access.append("#define has_\(name) 1")
            address("i_\(name)", .input(i))
            if input.kind == .value || input.dims.count < 2 {
                // Parameter vectors are widened by the host.
                let (buffer, type) = dtype == .i32 ? ("HadalInts", "int") : ("HadalFloats", "float")
                access.append("\(type) \(name)_at(uint i) { return \(buffer)(hadal_push.i_\(name)).at[i]; }")
                if dtype != .i32 { access.append("vec4 \(name)_at4(uint i) { return HadalVectors(hadal_push.i_\(name)).at[i]; }") }
                return
            }
            constant("uint", "w_\(name)", .rowWords(i), "1u")
            constant("uint", "x_\(name)", .sideWord(i), "0u")
            if dtype == .f8_e4m3 {
                address("s_\(name)", .scales(i))
                constant("uint", "sr_\(name)", .scaleRows(i), "1u")
                constant("uint", "sc_\(name)", .scaleColumns(i), "1u")
                constant("uint", "ss_\(name)", .scaleStride(i), "0u")
            }
            access.append("#define \(name)_type_\(dtype.name.lowercased()) 1")
            access.append("#define \(name)_words HadalWords(hadal_push.i_\(name))")
            access.append("#define \(name)_row_words w_\(name)")
            access.append("#define \(name)_side_word x_\(name)")
            // Stacked matrices have blocks of scales of their own: the rows of one are the extent before the last.
            access.append(Self.matrix(name, dtype, stacked: input.dims.count > 2 ? input.dims[input.dims.count - 2].bareName : nil))
        }

        mutating func output(_ i: Int, _ output: OpContract.Output) {
            address("o_\(output.name)", .output(i))
            storage(output.name, "o_\(output.name)", isInteger: output.dtype == .i32)
        }

        mutating func scratch(_ i: Int, _ scratch: OpContract.Scratch) {
            address("t_\(scratch.name)", .scratch(i))
            storage(scratch.name, "t_\(scratch.name)", isInteger: scratch.dtype == .i32)
            access.append("#define \(scratch.name)_words HadalWords(hadal_push.t_\(scratch.name))")
        }

        private mutating func storage(_ name: String, _ member: String, isInteger: Bool) {
            let (buffer, type) = isInteger ? ("HadalInts", "int") : ("HadalFloats", "float")
            access.append("void \(name)_put(uint i, \(type) v) { \(buffer)(hadal_push.\(member)).at[i] = v; }")
            access.append("\(type) \(name)_now(uint i) { return \(buffer)(hadal_push.\(member)).at[i]; }")
        }

        private static func unsigned(_ expression: Expression) -> String { "uint(\(expression.text.replacing("//", with: "/")))" }

        /// What kernels with states of fixed size read of a step beside what `hadal.glsl` gives all. It is not there, so that the texts of other
        /// kernels, by which compiled ones are found again, stay as they were.
        private static let slots = """
            uint hadal_slot(uint sequence, uint index) { return hadal_word(hadal_word(6) + 2 * sequence + index); }
            uint past_of(uint sequence) { return hadal_word(hadal_word(4) + 6 * sequence + 2); }
            """

        /// - Parameter name: what its functions are called by: the contract's name, unless an input or output has that too.
        mutating func state(_ i: Int, _ state: OpContract.State, _ dtype: DType, name: String) {
            address("c_\(name)", .state(i))
            if let rows = state.rows {
                // What divides integers begins a comment here, and uint divides as it does.
                let (heads, rows, width) = (Self.unsigned(state.heads), Self.unsigned(rows), Self.unsigned(state.width))
                // Macros, since the names that a shape is made of come later.
                if !access.contains(Self.slots) { access.append(Self.slots) }
                access.append(
                    """
                    #define \(name)_in(slot, head) (((slot) * \(heads) + (head)) * \(rows) * \(width))
                    #define \(name)_before(sequence, head) \(name)_in(hadal_slot(sequence, 0), head)
                    #define \(name)_after(sequence, head) \(name)_in(hadal_slot(sequence, 1), head)
                    float \(name)_at(uint i) { return HadalFloats(hadal_push.c_\(name)).at[i]; }
                    void \(name)_put(uint i, float v) { HadalFloats(hadal_push.c_\(name)).at[i] = v; }
                    """)
                return
            }
            let width = dtype.isQuantised ? "\(name)_padded" : "uint(\(state.width.text))"
            access.append(
                """
                #define \(name)_has_blocks \(dtype.isQuantised ? 1 : 0)
                #define \(name)_row(sequence, position, head) hadal_cache_row(sequence, position, head, uint(\(state.heads.text)), \(width), page_tokens)
                """)
            if dtype.isQuantised {
                // Macros, since the names that a width is made of come later.
                let words = "HadalWords(hadal_push.c_\(name))"
                access.append(
                    """
                    #define \(name)_padded ((uint(\(state.width.text)) + 31u) / 32u * 32u)
                    #define \(name)_at(i) hadal_q8_at(\(words), i, \(name)_padded)
                    #define \(name)_at2(i) hadal_q8_at2(\(words), i, \(name)_padded)
                    #define \(name)_at4(i) hadal_q8_at4(\(words), i, \(name)_padded)
                    #define \(name)_put_blocks(i, v) hadal_q8_put(\(words), i, \(name)_padded, v)
                    """)
                return
            }
            if dtype == .f32 {
                access.append(
                    """
                    float \(name)_at(uint i) { return HadalFloats(hadal_push.c_\(name)).at[i]; }
                    vec2 \(name)_at2(uint i) { return vec2(\(name)_at(i), \(name)_at(i + 1)); }
                    vec4 \(name)_at4(uint i) { return HadalVectors(hadal_push.c_\(name)).at[i >> 2]; }
                    void \(name)_put(uint i, float a, float b) {
                        HadalFloats(hadal_push.c_\(name)).at[i] = a;
                        HadalFloats(hadal_push.c_\(name)).at[i + 1] = b;
                    }
                    void \(name)_put_last(uint i, float a) { HadalFloats(hadal_push.c_\(name)).at[i] = a; }
                    """)
                return
            }
            let (decode, encode) = dtype == .f16 ? ("hadal_half", "hadal_from_half") : ("hadal_bfloat", "hadal_from_bfloat")
            access.append(
                """
                float \(name)_at(uint i) { return \(decode)(HadalWords(hadal_push.c_\(name)).at[i >> 1] >> (16 * (i & 1u))); }
                vec2 \(name)_at2(uint i) {
                    uint w = HadalWords(hadal_push.c_\(name)).at[i >> 1];
                    return vec2(\(decode)(w), \(decode)(w >> 16));
                }
                vec4 \(name)_at4(uint i) {
                    uvec2 w = HadalPairs(hadal_push.c_\(name)).at[i >> 2];
                    return vec4(\(decode)(w.x), \(decode)(w.x >> 16), \(decode)(w.y), \(decode)(w.y >> 16));
                }
                void \(name)_put(uint i, float a, float b) {
                    HadalWords(hadal_push.c_\(name)).at[i >> 1] = \(encode)(a) | \(encode)(b) << 16;
                }
                // Rows of 16-bit caches are of even width, so that there is no last one alone.
                void \(name)_put_last(uint i, float a) {}
                """)
        }

        /// Access to a matrix whose rows the host has laid out.
        ///
        /// - Parameter stacked: the extent that counts the rows of each of several matrices; nil: there is one.
        private static func matrix(_ name: String, _ dtype: DType, stacked: String?) -> String {
            let words = "\(name)_words"
            let row = "row * w_\(name)"
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
                        [[unroll]] for (uint k = 0; k < 16; k++) {
                            uint w = 32 * block + 2 * k < columns ? \(words).at[first + k] : 0;
                            v[2 * k] = \(decode)(w);
                            v[2 * k + 1] = \(decode)(w >> 16);
                        }
                    }
                    """
            case .f8_e4m3:
                let bands = stacked.map { "(d_\($0) + sr_\(name) - 1) / sr_\(name)" }
                let band = bands.map { "row / d_\(stacked ?? "") * (\($0)) + row % d_\(stacked ?? "") / sr_\(name)" } ?? "row / sr_\(name)"
                return """
                    float \(name)_at(uint row, uint column) {
                        uint at = (\(band)) * ss_\(name) + column / sc_\(name);
                        float s = ss_\(name) == 0 ? 1.0 : HadalFloats(hadal_push.s_\(name)).at[at];
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
                        ? "(\(words).at[side + (index >> 2)] >> (8 * (index & 3u)))"
                        : "(\(words).at[side + (index >> 1)] >> (16 * (index & 1u)))"
                return """
                    void \(name)_block(uint row, uint block, uint columns, out float v[32]) {
                        uint index = block / \(parts);
                        uint side = \(row) + x_\(name);
                        hadal_block_\(dtype.name.lowercased())(\(words), \(row) + index * \(layout.payloadWords), \(sides), block % \(parts), v);
                    }
                    \(layout.hasChunks ? chunk(name, dtype, row: row, side: sides, payloadWords: layout.payloadWords, parts: parts) : "")
                    float \(name)_at(uint row, uint column) {
                        float v[32];
                        \(name)_block(row, column / 32, 0, v);
                        return v[column % 32];
                    }
                    """
            }
        }

        /// Access to the codes of thirty-two weights.
        private static func chunk(_ name: String, _ dtype: DType, row: String, side: String, payloadWords: Int, parts: Int) -> String {
            """
            #if defined(FEATURE_integer_dot)
            #define \(name)_has_chunks 1
            HadalChunk \(name)_chunk(uint row, uint chunk) {
                uint index = chunk / \(parts);
                uint side = \(row) + x_\(name);
                return hadal_chunk_\(dtype.name.lowercased())(\(name)_words, HadalQuads(hadal_push.i_\(name)), \(row) + index * \(payloadWords), \(side), chunk);
            }
            #endif
            """
        }

        private static func plainBlock(_ name: String) -> String {
            """
            void \(name)_block(uint row, uint block, uint columns, out float v[32]) {
                for (uint k = 0; k < 32; k++) v[k] = 32 * block + k < columns ? \(name)_at(row, 32 * block + k) : 0.0;
            }
            """
        }
    }
}
