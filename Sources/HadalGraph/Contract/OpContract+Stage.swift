import HadalCore

extension OpContract {
    /// One shader dispatch of a Vulkan kernel. Stages run one after the other; each is compiled from `vulkan.comp` with `STAGE_name` defined.
    public struct Stage: Sendable {
        public var name: String
        /// Invocations in a workgroup, over parameters.
        public var threads: Expression
        /// Workgroups along x, y and z, over extents, attributes and parameters. Extents that vary from step to step may appear.
        public var grid: [Expression]
        /// Bytes of memory that a workgroup shares, over extents, attributes and parameters, where they are many; nil: within what every
        /// device has.
        public var shared: Expression?
        /// Steps in which the stage runs; nil: in all.
        public var when: Expression?
        /// What extents and attributes must satisfy for the kernel to serve; nil: nothing.
        public var requires: Expression?
        /// Numbers that the kernel may be built with, a name each, the usual value first.
        public var parameters: [Parameter]
        /// Device features without which it cannot run.
        public var features: [String]
        /// Element types of inputs that it is for; inputs left out may have any.
        public var dtypes: [(name: String, values: [DType])]
        /// `VARIANT_name` is defined for a variant; nil: the stage itself.
        public var variant: String?
        /// Dispatches that this form needs before its own, in the same steps.
        public var before: [Stage]
        /// Faster forms, the best first: the first that a device and a use allow is taken, else the stage itself.
        public var variants: [Stage]

        /// The forms of this stage, the best first and the one that always serves last.
        public var forms: [Stage] { variants + [self] }
    }

    public struct Parameter: Sendable, Equatable {
        public var name: String
        public var values: [Int]
    }

    /// Device memory for what one stage hands to the next.
    public struct Scratch: Sendable {
        public var name: String
        public var dtype: DType
        /// How many elements, over extents and attributes; extents that vary stand at their upper bounds.
        public var elements: Expression
        /// The stages or variants that touch it; empty: all.
        public var stages: [String]
    }
}
