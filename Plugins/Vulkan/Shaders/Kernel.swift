import HadalCore
import HadalGraph

/// An op's Vulkan kernel as found on disk.
struct Kernel {
    let contract: OpContract
    /// `vulkan.comp`.
    let path: String
    let body: String
    /// The shared files, of the same folder's own `glsl/` where it has one.
    let includes: String
}
