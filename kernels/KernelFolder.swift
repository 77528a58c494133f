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
}
