package import HadalCore
import HadalKernelFiles

/// What an op is: its inputs, outputs, attributes, state and shape rule, as `op.json` of its folder states them.
package struct OpContract: Sendable {
    package struct Input: Sendable {
        package enum Kind: String, Sendable {
            /// An activation.
            case value
            /// A constant tensor.
            case weight
        }
        package var name: String
        package var kind: Kind
        /// One entry a dimension: a bare name binds the extent (or must equal it), anything else is evaluated.
        package var dims: [Expression]
        /// Legal element types; empty means any type that can be decoded.
        package var dtypes: [DType]
        package var optional: Bool
        /// The input without which this one may not be left out.
        package var unless: String?
        /// The last input may repeat; names bound by its dims become arrays.
        package var variadic: Bool
        /// The range that tests draw elements from: at least `minimum` (0 when nil) and less than `below`. Integers have one; other
        /// inputs may. Over attributes and extents, and `seen`: the tokens that the row's own token may see, itself included.
        package var minimum: Expression?
        package var below: Expression?
        /// Tests draw multiples of this, so that sums of products are exact: for ops whose result is a choice, which the rounding of
        /// each backend would else settle.
        package var multipleOf: Double?
        package var help: String
    }

    package struct Output: Sendable {
        package var name: String
        package var dims: [Expression]
        package var dtype: DType
        /// How many outputs there are, when their number depends on attributes; `i` counts them in `dims`.
        package var count: Expression?
        package var help: String
    }

    package struct AttributeSpec: Sendable {
        package enum Kind: String, Sendable { case bool, int, float, string, ints, floats }
        package var name: String
        package var kind: Kind
        package var defaultValue: Attribute?
        package var minimum: Double?
        package var maximum: Double?
        package var choices: [String]
        package var help: String
    }

    /// A cache that the op appends this step's rows to, then reads; or a state of fixed size that it takes from one step to the next.
    package struct State: Sendable {
        package enum Kind: String, Sendable, CaseIterable {
            /// Rows for each token.
            case tokens
            /// As many rows whatever the number of tokens.
            case recurrent
            /// The same, of one head: the last rows of something.
            case window
        }

        package var name: String
        package var kind: Kind
        package var heads: Expression
        /// Of each head, of a state of fixed size.
        package var rows: Expression?
        package var width: Expression
        /// Element types that the op's kernels take of a cache.
        package var dtypes: [DType]
        /// As an input's.
        package var multipleOf: Double?
        package var help: String

        /// Those whose elements can be read and written one by one: what kernels take that say nothing of types.
        package static let plainTypes: [DType] = [.f32, .f16, .bf16]
    }

    /// What is timed, and how much work it is.
    package struct Bench: Sendable {
        /// Arithmetic operations of a step over extents and attributes; a multiply-add is two. Also known are `tokens` (new tokens of the
        /// step), `cached` (tokens in the caches after it, over all sequences) and `pairs` (for each new token, those it may see). nil: not
        /// counted.
        package var operations: Expression?
        /// Elements that are read of an input or state, where that is not all of it.
        package var reads: [(name: String, elements: Expression)]
        /// Lists mean "each of", as in cases.
        package var shapes: [TestCase]
    }

    /// How far a backend's result may lie from the reference: |a - b| <= absolute + relative * |b|.
    package struct Tolerance: Sendable, Equatable {
        package var absolute: Double
        package var relative: Double
        /// For weights that are quantised, where a backend may quantise activations too: bound on
        /// sqrt(mean (a - b)^2) / sqrt(mean b^2).
        package var quantised: Double
    }

    /// One point or box of the space of test shapes. Lists mean "each of".
    package struct TestCase: Sendable {
        package var dims: [(name: String, values: [Int])]
        package var attributes: [(name: String, values: [Attribute])]
        /// Element types for named inputs.
        package var dtypes: [(name: String, values: [DType])]
        /// Optional inputs that are present.
        package var present: [String]
        /// For ops with state: each entry a step, as (tokens already cached, new tokens) per sequence.
        package var steps: [[(past: Int, new: Int)]]
    }

    /// What defines the op where no implementation of the reference backend does.
    package enum Reference: Sendable {
        /// For each output, by name, what an element of it is: an expression over the elements of the inputs, attributes, extents and the
        /// element's own indices.
        case expressions([String: Expression])
        /// The kernel of this backend.
        case backend(String)
    }

    package var name: String
    package var summary: String
    package var source: String
    package var inputs: [Input]
    package var outputs: [Output]
    package var attributes: [AttributeSpec]
    package var states: [State]
    /// Conditions over attributes and extents that must hold.
    package var require: [Expression]
    package var bench: Bench
    package var tolerance: Tolerance
    package var cases: [TestCase]
    /// nil: the reference backend's own implementation.
    package var reference: Reference?
    /// nil: nothing is said of it.
    package var flow: Flow?
    /// Whether a step must have all of a sequence for a row of it, over attributes; nil: it need not.
    package var wholeSequence: Expression?
    package var cpu: CPU
    /// How `vulkan.comp` is run, one dispatch a stage; empty: there is none.
    package var stages: [Stage]
    /// Memory that the stages of one use share.
    package var scratch: [Scratch]
    /// The folder the contract came from.
    package var folder: String
    /// The kernel directory that the folder belongs to.
    package var kernelDirectory: String { KernelFolder.directory(ofOpFolder: folder) }
}
