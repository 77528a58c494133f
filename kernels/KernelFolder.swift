import HadalCore

/// Where the op folders (`<op>/op.json`, `<op>/cpu.c`, `<op>/vulkan.comp`) of this installation are.
public enum KernelFolder {
    /// Candidate places, in order: beside the binary as SwiftPM lays resources out, then as an install lays them out.
    public static let candidates = [
        "\(Installation.directory)/hadal_HadalKernelFiles.resources",
        "\(Installation.directory)/kernels",
        "\(Installation.directory)/../share/hadal/kernels",
        // For a plugin in lib/hadal.
        "\(Installation.directory)/../../share/hadal/kernels",
    ]

    /// Directories whose `include` may hold `hadal_plugin.h`, which kernel sources include too. An install has it beside the other headers.
    public static let pluginHeaderCandidates = candidates + ["\(Installation.directory)/hadal_HadalPluginHeader.resources"]
}
