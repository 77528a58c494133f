package import HadalCore

extension OpContract {
    /// One shader dispatch of a Vulkan kernel. Stages run one after the other; each is compiled from `vulkan.comp` with `STAGE_name` defined.
    package struct Stage: Sendable {
        package var name: String
        /// Invocations in a workgroup, over parameters.
        package var threads: Expression
        /// Workgroups along x, y and z, over extents, attributes and parameters. Extents that vary from step to step may appear.
        package var grid: [Expression]
        /// Bytes of memory that a workgroup shares, over extents, attributes and parameters, where they are many; nil: within what every
        /// device has.
        package var shared: Expression?
        /// Steps in which the stage runs; nil: in all.
        package var when: Expression?
        /// What extents and attributes must satisfy for the kernel to serve; nil: nothing.
        package var requires: Expression?
        /// Numbers that the kernel may be built with, a name each, the usual value first.
        package var parameters: [Parameter]
        /// Device features without which it cannot run.
        package var features: [String]
        /// Element types of inputs that it is for; inputs left out may have any.
        package var dtypes: [(name: String, values: [DType])]
        /// `VARIANT_name` is defined for a variant; nil: the stage itself.
        package var variant: String?
        /// Dispatches that this form needs before its own, in the same steps.
        package var before: [Stage]
        /// Faster forms, the best first: the first that a device and a use allow is taken, else the stage itself.
        package var variants: [Stage]

        /// The forms of this stage, the best first and the one that always serves last.
        package var forms: [Stage] { variants + [self] }
    }

    package struct Parameter: Sendable, Equatable {
        package var name: String
        package var values: [Int]
    }

    /// Device memory for what one stage hands to the next.
    package struct Scratch: Sendable {
        package var name: String
        package var dtype: DType
        /// How many elements, over extents and attributes; extents that vary stand at their upper bounds.
        package var elements: Expression
        /// The stages or variants that touch it; empty: all.
        package var stages: [String]
    }
}
