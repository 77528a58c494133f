import HadalCore

/// Where the kernels of this installation are, and where in a directory of kernels the folder of an op lies.
///
/// A kernel directory has op folders (`<op>/op.json`, `<op>/cpu.c`, `<op>/vulkan.comp`), in itself or in its folder `ops`, and beside them or that
/// the folders `include` and `glsl` of what kernels share. The installation's own is laid out with `ops`; those of versions before, and users',
/// without.
public enum KernelFolder {
    /// Candidate places, in order: beside the binary as SwiftPM lays resources out, then as an install lays them out.
    public static let candidates = [
        "\(Installation.directory)/hadal_HadalKernelFiles.resources",
        "\(Installation.directory)/kernels",
        "\(Installation.directory)/../share/hadal/kernels",
        // For a plugin in lib/hadal.
        "\(Installation.directory)/../../share/hadal/kernels",
    ]

    /// Where op folders lie in a kernel directory; the last of them has the last word.
    package static func opFolders(of directory: String) -> [String] { [directory, "\(directory)/\(ops)"] }

    private static let ops = "ops"

    /// The folder of `op` in a kernel directory that has `file` in it; nil: there is none.
    package static func folder(of op: String, in directory: String, holding file: String) -> String? {
        opFolders(of: directory).reversed().map { "\($0)/\(op)" }.first { WholeFile.exists("\($0)/\(file)") }
    }

    /// The kernel directory that an op's folder belongs to.
    package static func directory(ofOpFolder folder: String) -> String {
        func parent(_ path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }
        let above = parent(folder)
        return above.hasSuffix("/\(ops)") ? parent(above) : above
    }

    /// Directories whose `include` may hold `hadal_plugin.h`, which kernel sources include too. An install has it beside the other headers.
    public static let pluginHeaderCandidates = candidates + ["\(Installation.directory)/hadal_HadalPluginHeader.resources"]
}
