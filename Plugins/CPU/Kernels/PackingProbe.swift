import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

/// A small matrix for kernels that lay bytes out, to see whether two of them do so alike.
struct PackingProbe {
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
        input = PlannedTensor(
            home: .constant(source.pointer), rows: .fixed(Self.rows), columns: Self.columns, stride: stride, dtype: dtype.rawValue)
        var target = input
        switch name {
        case "linear_pack":
            target.packing = WeightStore.packing(of: Graph.Weight(name: "", dtype: dtype, dims: [Self.rows, Self.columns]), device)
            target.stride = 0
            bytes = Int(hadal_packed_bytes(target.packing, Int64(Self.rows), Int64(Self.columns)))
        case "linear_quantise":
            target.stride = Int(hadal_quantised_stride(Int64(Self.columns), 2))
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
        let program = try InstructionStream(
            [PlannedInstruction(kernel: kernel, inputs: [input], outputs: [output], attributes: [hadal_kernel_attribute(0.5)], node: 0)],
            slots: [], states: [],
            bounds: .init(tokens: 1, sequences: 1, rows: 1), on: device)
        guard device.pool.reserve(scratch: program.scratchBytes), device.pool.run(Run(instructions: program.instructions)) == .done else {
            throw HadalError(.outOfMemory, "cannot start the threads of the cpu backend")
        }
        return withExtendedLifetime(program) { Array(UnsafeRawBufferPointer(start: memory.pointer, count: bytes)) }
    }
}
