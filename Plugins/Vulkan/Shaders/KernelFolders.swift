import Foundation
import HadalKernelFiles

/// Where the kernels of this installation are.
enum KernelFolders {
    static let installed = KernelFolder.candidates.first { FileManager.default.fileExists(atPath: "\($0)/glsl") }
}
