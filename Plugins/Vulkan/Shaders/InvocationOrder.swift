import Foundation

/// Which of a kernel's invocations come first where a driver runs them one after another, as software devices do between two barriers.
///
/// A kernel in which one invocation reads what another has yet to write is wrong in one of the two orders at least, if not on every device.
enum InvocationOrder: String, CaseIterable {
    /// As the device has them.
    case together
    /// Subgroups and workgroups numbered from the last to the first. Invocations keep their places in a subgroup.
    case backward

    /// What to give for the names of the built-in numbers.
    private static let names = [
        ("gl_LocalInvocationIndex", "hadal_invocation"), ("gl_LocalInvocationID", "hadal_invocation_place"),
        ("gl_SubgroupID", "hadal_subgroup"),
        ("gl_GlobalInvocationID", "hadal_invocation_of_all"), ("gl_WorkGroupID", "hadal_workgroup"),
    ]

    /// What the text of a kernel in this order begins with. A workgroup of subgroups that are not full keeps its numbers.
    var declarations: String {
        guard self == .backward else { return "" }
        return """
            #define hadal_has_full_subgroups (THREADS % gl_SubgroupSize == 0u)
            #define hadal_subgroup (hadal_has_full_subgroups ? gl_NumSubgroups - 1u - gl_SubgroupID : gl_SubgroupID)
            #define hadal_invocation (hadal_has_full_subgroups ? hadal_subgroup * gl_SubgroupSize + gl_SubgroupInvocationID : gl_LocalInvocationIndex)
            #define hadal_invocation_place uvec3(hadal_invocation, 0u, 0u)
            #define hadal_workgroup (gl_NumWorkGroups - 1u - gl_WorkGroupID)
            #define hadal_invocation_of_all (hadal_workgroup * uvec3(THREADS, 1u, 1u) + hadal_invocation_place)

            """
    }

    /// A text with its numbers in this order, line by line the same.
    func applied(to text: String) -> String {
        guard self == .backward else { return text }
        return Self.names.reduce(text) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
    }

    /// Whether it can make a difference to a kernel: whether its invocations give each other anything.
    func matters(to body: String) -> Bool {
        self == .together || ["shared ", "barrier(", "_now(", "hadal_push.", "atomic"].contains(where: body.contains)
    }
}
