import Hadal

/// The files of a new op: an elementwise function that passes its own tests on every backend with a kernel for it.
enum KernelTemplate {
    /// - Throws: for a name that cannot be a folder, a C identifier and an op.
    static func check(_ op: String) throws {
        let bytes = Array(op.utf8)
        let isName = bytes.count <= 64 && bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
        guard let first = bytes.first, (0x61...0x7A).contains(first), isName else {
            throw HadalError(
                .invalidArgument, "'\(op)' is not a name for an op",
                hint: "a lower-case letter, then lower-case letters, digits and _, 64 at most")
        }
        guard !["include", "glsl", "machine", "ops", "stock", "tuned"].contains(op) else {
            throw HadalError(.invalidArgument, "'\(op)' is a folder of its own among the kernels", hint: "choose another name")
        }
    }

    static func files(_ op: String) -> [(name: String, text: String)] {
        [("op.json", contract(op)), ("cpu.c", cpu(op)), ("vulkan.comp", vulkan(op))]
    }

    private static func contract(_ op: String) -> String {
        """
        {
          "hadal": "op/1",
          "op": "\(op)",
          "summary": "factor * max(x, 0)^2.",
          "inputs": [{"name": "x", "kind": "value", "dims": ["N", "D"]}],
          "outputs": [{"name": "y", "dims": ["N", "D"]}],
          "attributes": [{"name": "factor", "type": "float", "default": 1.0, "help": "multiplies the result"}],
          "reference": {"expression": {"y": "factor * max(x, 0) * max(x, 0)"}},
          "tolerance": {"absolute": 1e-05, "relative": 1e-05},
          "vulkan": [{"name": "main", "threads": 256, "grid": ["(D + 255) // 256", "N"]}],
          "cases": [{"dims": {"N": [1, 2, 5, 17], "D": [1, 31, 64, 577]}, "attributes": {"factor": [1.0, -0.5]}}],
          "bench": {
            "operations": "3 * N * D",
            "shapes": [{"dims": {"N": [512, 1], "D": 8960}, "attributes": {"factor": 0.5}}]
          }
        }

        """
    }

    private static func cpu(_ op: String) -> String {
        """
        /* \(op): y = factor * max(x, 0)^2.
         *
         * To make it another op, change op.json first: operands, attributes, the reference, the cases. Then what follows HADAL_KERNEL.
         * The file is compiled once for each instruction set; vf is a vector of LANES floats. docs/kernels.md has the rules. */
        #include "hadal_kernel.h"
        #ifndef HADAL_ISA
        #include "hadal_each_isa.h"
        HADAL_EXPORT_KERNEL(\(op), 0)
        #else
        #include "hadal_simd.h"

        HADAL_KERNEL(\(op)) {
            /* Operands in the contract's order, attributes sorted by name. */
            const float *x = args->inputs[0].data;
            float *y = args->outputs[0].data;
            const float factor = (float)args->attributes[0].f;
            const vf zero = v_splat(0);

            /* Every thread makes this call; elements i ... end - 1 are this one's. */
            int64_t i, end;
            hadal_share(args->outputs[0].rows * args->outputs[0].columns, 64, thread, &i, &end);
            for (; i + LANES <= end; i += LANES) {
                vf v = v_max(v_load(x + i), zero);
                v_store(y + i, v * v * factor);
            }
            /* The rest, fewer than LANES: nothing beyond the end may be written. */
            for (; i < end; i++) {
                float v = x[i] > 0 ? x[i] : 0;
                y[i] = v * v * factor;
            }
        }

        #endif

        """
    }

    private static func vulkan(_ op: String) -> String {
        """
        // \(op): y = factor * max(x, 0)^2.
        //
        // Extents (N, D), attributes (factor) and operands (x_at, y_put) go by their names in op.json, whose key "vulkan" says how many
        // workgroups of how many threads there are.
        void main() {
            uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
            // The last workgroup of a row reaches beyond its end.
            if (column >= D) return;
            uint i = row * D + column;
            float v = max(x_at(i), 0.0);
            y_put(i, factor * v * v);
        }

        """
    }
}
