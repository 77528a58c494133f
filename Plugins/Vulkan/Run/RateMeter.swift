import CVulkan
import Foundation
import HadalBackend
import HadalCore

/// Measures what a device can do at most, with `glsl/rates.comp`.
struct RateMeter {
    let device: VulkanDevice

    private static let groups: UInt32 = 4096
    private static let file = "rates.comp"

    /// Every form of the shader, for the compiled forms that an installation ships.
    static func sources() throws -> [KernelSource] { [try source(matrices: false), try source(matrices: true)] }

    private static func source(matrices: Bool) throws -> KernelSource {
        guard let folder = KernelFolders.installed else {
            throw HadalError(.notFound, "the kernels folder of this installation is missing")
        }
        let path = "\(folder)/glsl/\(file)"
        let file = try MappedFile(path: path)
        var text = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
        if matrices { text = text.replacingOccurrences(of: "#version 450\n", with: "#version 450\n#define FEATURE_cooperative_matrix 1\n") }
        return KernelSource(text: text, path: path)
    }

    /// - Parameter seconds: for each figure, about.
    func measure(seconds: Double) throws -> DeviceRates {
        let subgroup = max(device.context.physical.subgroupSize, 1), threads = max(128 / subgroup, 1) * subgroup
        let floats = try rate(matrices: false, threads, [1, 1, 1], operations: Double(threads) * 2 * 16, seconds: seconds)
        var rates = DeviceRates(float32: floats)
        if let shape = device.context.physical.features.matrix, device.kernels.features.contains("cooperative-matrix"),
            device.context.physical.fixedSubgroup > 0
        {
            let products = 2 * Double(shape.m * shape.n * shape.k) * 8
            do {
                rates.float16Matrix = try rate(
                    matrices: true, threads, [shape.m, shape.n, shape.k], operations: products * Double(threads / subgroup),
                    seconds: seconds)
            } catch let error as HadalError where error.code == .malformed || error.code == .notFound {
                // No compiler that knows cooperative matrices, and no compiled form.
            }
        }
        return rates
    }

    /// Operations a second.
    ///
    /// - Parameter operations: of a workgroup in a round.
    private func rate(matrices: Bool, _ threads: Int, _ shape: [Int], operations: Double, seconds: Double) throws -> Double {
        let context = device.context
        let pipeline = try device.pipelines.pipeline(try Self.source(matrices: matrices), ([threads] + shape).map { UInt32($0) })
        let target = try DeviceMemory(context, bytes: 4 * max(8 * shape[0] * shape[1], threads), purpose: .device)
        func time(rounds: UInt32) throws -> Double {
            let address = target.address
            let push: [UInt32] = [
                UInt32(truncatingIfNeeded: address), UInt32(truncatingIfNeeded: address >> 32), rounds, Float(0.5).bitPattern,
            ]
            let commands = try context.makeCommands { commands in
                let calls = context.functions.pointee
                calls.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline)
                push.withUnsafeBytes {
                    calls.CmdPushConstants(
                        commands, context.layout, UInt32(VK_SHADER_STAGE_COMPUTE_BIT.rawValue), 0, UInt32($0.count), $0.baseAddress)
                }
                calls.CmdDispatch(commands, Self.groups, 1, 1)
            }
            defer { context.release(commands) }
            let start = ContinuousClock.now
            try context.run(commands)
            return (ContinuousClock.now - start).seconds
        }
        // A device's watchdog ends what takes seconds: a run stays far below that.
        var rounds: UInt32 = 1
        _ = try time(rounds: rounds)
        while try time(rounds: rounds) < min(seconds / 8, 0.05), rounds < 1 << 20 { rounds *= 2 }
        var fastest = Double.infinity
        let clock = ContinuousClock(), start = clock.now
        repeat { fastest = min(fastest, try time(rounds: rounds)) } while clock.now - start < .seconds(seconds)
        return operations * Double(Self.groups) * Double(rounds) / max(fastest, 1e-9)
    }
}
