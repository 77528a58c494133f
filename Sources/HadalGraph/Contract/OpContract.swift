import HadalCore
import HadalKernelFiles

/// What an op is: its inputs, outputs, attributes, state and shape rule, as `op.json` of its folder states them.
public struct OpContract: Sendable {
    public struct Input: Sendable {
        public enum Kind: String, Sendable {
            /// An activation.
            case value
            /// A constant tensor.
            case weight
        }
        public var name: String
        public var kind: Kind
        /// One entry a dimension: a bare name binds the extent (or must equal it), anything else is evaluated.
        public var dims: [Expression]
        /// Legal element types; empty means any type that can be decoded.
        public var dtypes: [DType]
        public var optional: Bool
        /// The last input may repeat; names bound by its dims become arrays.
        public var variadic: Bool
        /// The range that tests draw elements from: at least `minimum` (0 when nil) and less than `below`. Integers have one; other
        /// inputs may. Over attributes and extents, and `seen`: the tokens that the row's own token may see, itself included.
        public var minimum: Expression?
        public var below: Expression?
        /// Tests draw multiples of this, so that sums of products are exact: for ops whose result is a choice, which the rounding of
        /// each backend would else settle.
        public var multipleOf: Double?
        public var help: String
    }

    public struct Output: Sendable {
        public var name: String
        public var dims: [Expression]
        public var dtype: DType
        /// How many outputs there are, when their number depends on attributes; `i` counts them in `dims`.
        public var count: Expression?
        public var help: String
    }

    public struct AttributeSpec: Sendable {
        public enum Kind: String, Sendable { case bool, int, float, string, ints, floats }
        public var name: String
        public var kind: Kind
        public var defaultValue: Attribute?
        public var minimum: Double?
        public var maximum: Double?
        public var choices: [String]
        public var help: String
    }

    /// A cache that the op appends this step's rows to, then reads.
    public struct State: Sendable {
        public var name: String
        public var heads: Expression
        public var width: Expression
        /// As an input's.
        public var multipleOf: Double?
        public var help: String
    }

    /// What is timed, and how much work it is.
    public struct Bench: Sendable {
        /// Arithmetic operations of a step over extents and attributes; a multiply-add is two. Also known are `tokens` (new tokens of the
        /// step), `cached` (tokens in the caches after it, over all sequences) and `pairs` (for each new token, those it may see). nil: not
        /// counted.
        public var operations: Expression?
        /// Elements that are read of an input or state, where that is not all of it.
        public var reads: [(name: String, elements: Expression)]
        /// Lists mean "each of", as in cases.
        public var shapes: [TestCase]
    }

    /// How far a backend's result may lie from the reference: |a - b| <= absolute + relative * |b|.
    public struct Tolerance: Sendable, Equatable {
        public var absolute: Double
        public var relative: Double
        /// For weights that are quantised, where a backend may quantise activations too: bound on
        /// sqrt(mean (a - b)^2) / sqrt(mean b^2).
        public var quantised: Double
    }

    /// One point or box of the space of test shapes. Lists mean "each of".
    public struct TestCase: Sendable {
        public var dims: [(name: String, values: [Int])]
        public var attributes: [(name: String, values: [Attribute])]
        /// Element types for named inputs.
        public var dtypes: [(name: String, values: [DType])]
        /// Optional inputs that are present.
        public var present: [String]
        /// For ops with state: each entry a step, as (tokens already cached, new tokens) per sequence.
        public var steps: [[(past: Int, new: Int)]]
    }

    /// What defines the op where no implementation of the reference backend does.
    public enum Reference: Sendable {
        /// For each output, by name, what an element of it is: an expression over the elements of the inputs, attributes, extents and the
        /// element's own indices.
        case expressions([String: Expression])
        /// The kernel of this backend.
        case backend(String)
    }

    public var name: String
    public var summary: String
    public var source: String
    public var inputs: [Input]
    public var outputs: [Output]
    public var attributes: [AttributeSpec]
    public var states: [State]
    /// Conditions over attributes and extents that must hold.
    public var require: [Expression]
    public var bench: Bench
    public var tolerance: Tolerance
    public var cases: [TestCase]
    /// nil: the reference backend's own implementation.
    public var reference: Reference?
    /// nil: nothing is said of it.
    package var flow: Flow?
    package var cpu: CPU
    /// How `vulkan.comp` is run, one dispatch a stage; empty: there is none.
    public var stages: [Stage]
    /// Memory that the stages of one use share.
    public var scratch: [Scratch]
    /// The folder the contract came from.
    public var folder: String
    /// The kernel directory that the folder belongs to.
    package var kernelDirectory: String { KernelFolder.directory(ofOpFolder: folder) }
}
