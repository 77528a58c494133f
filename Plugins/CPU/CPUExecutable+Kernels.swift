import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

extension CPUExecutable {
    func replaceKernel(op: String, from directory: String) throws {
        guard ops.contains(op) else { throw HadalError(.notFound, "nothing that was compiled runs op '\(op)'") }
        let kernels = try device.kernels.kernels(of: op, in: directory, for: try device.kernels.contract(of: op))
        try checkLayouts(kernels, of: op, directory)
        let scratch = program.scratchBytes(with: kernels)
        guard device.pool.reserve(scratch: scratch) else { throw HadalError(.outOfMemory, "cannot allocate \(scratch) bytes of scratch for each thread") }
        try program.replace(kernels, scratchBytes: scratch)
    }

    /// Weights have been packed, and what one op's kernels write another's may read: a kernel that lays such bytes out in its own way would be
    /// right in a model that is loaded with it, and wrong here.
    private func checkLayouts(_ kernels: [String: UnsafePointer<hadal_kernel>], of op: String, _ directory: String) throws {
        for name in ["linear_pack", "latent_attention_pack", "linear_quantise"] {
            guard let new = kernels[name] else { continue }
            let old = try device.kernels.kernel(name, of: op)
            if new == old || name == "linear_quantise" && !ops.contains("experts") { continue }
            for dtype in name == "linear_quantise" ? [.f32] : weightTypes.filter(\.isQuantised).sorted(by: { $0.rawValue < $1.rawValue }) {
                let packing = hadal_packing_of(dtype.rawValue)
                if name == "linear_pack", packing == UInt32(HADAL_PACKED_NONE) { continue }
                guard try PackingProbe(name, dtype, on: device).gives(old, new) else {
                    throw HadalError(
                        .mismatch, "'\(name)' lays \(dtype.name) out otherwise than the weights of the loaded model are", at: Place("\(directory)/\(op)/\(KernelSource.fileName)"),
                        hint: "load the model anew")
                }
            }
        }
    }
}

/// A small matrix for kernels that lay bytes out, to see whether two of them do so alike.
private struct PackingProbe {
    private static let rows = 37
    private static let columns = 512
    let device: CPUDevice
    let input: PlannedTensor
    let source: HostMemory
    let target: PlannedTensor
    let bytes: Int

    init(_ name: String, _ dtype: DType, on device: CPUDevice) throws {
        self.device = device
        let stride = dtype.byteCount(elements: Self.columns) ?? 0
        source = try HostMemory(bytes: Self.rows * stride, huge: false)
        var random = SplitMix64(seed: 1)
        for i in 0..<Self.rows * stride {
            // No exponent that stands for something other than a number, whatever the bytes are taken for.
            (source.pointer + i).storeBytes(of: UInt8(truncatingIfNeeded: random.next()) & 0x3F, as: UInt8.self)
        }
        input = PlannedTensor(home: .constant(source.pointer), rows: .fixed(Self.rows), columns: Self.columns, stride: stride, dtype: dtype.rawValue)
        var target = input
        switch name {
        case "linear_pack":
            target.packing = WeightStore.packing(of: Graph.Weight(name: "", dtype: dtype, dims: [Self.rows, Self.columns]), device)
            target.stride = 0
            bytes = Int(hadal_packed_bytes(target.packing, Int64(Self.rows), Int64(Self.columns)))
        case "linear_quantise":
            target.stride = Int(hadal_quantised_stride(Int64(Self.columns)))
            target.dtype = DType.i8.rawValue
            bytes = target.stride * Self.rows
        default:
            target.stride = Self.columns * 2
            target.dtype = DType.f16.rawValue
            bytes = target.stride * Self.rows
        }
        self.target = target
    }

    func gives(_ a: UnsafePointer<hadal_kernel>, _ b: UnsafePointer<hadal_kernel>) throws -> Bool { try run(a) == run(b) }

    private func run(_ kernel: UnsafePointer<hadal_kernel>) throws -> [UInt8] {
        let memory = try HostMemory(bytes: bytes, huge: false)
        var output = target
        output.home = .constant(memory.pointer)
        let program = try Program(
            [PlannedInstruction(kernel: kernel, inputs: [input], outputs: [output], node: 0)], slots: [], states: [],
            bounds: .init(tokens: 1, sequences: 1, rows: 1), isa: device.configuration.isa)
        guard device.pool.reserve(scratch: program.scratchBytes), device.pool.run(Run(instructions: program.instructions)) == .done else {
            throw HadalError(.outOfMemory, "cannot start the threads of the cpu backend")
        }
        return withExtendedLifetime(program) { Array(UnsafeRawBufferPointer(start: memory.pointer, count: bytes)) }
    }
}
