import CHadalKernels
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// Weights as kernels want them: quantised matrices packed, parameter vectors widened, the rest in place or copied.
final class WeightStore {
    /// A matrix that linear or embedding reads.
    struct Matrix {
        var pointer: UnsafeMutableRawPointer
        var packing: UInt32
    }

    /// One weight's bytes: the same bytes under two names (a tied head) are kept once.
    struct Identity: Hashable {
        var address: UInt
        var dtype: DType
        var dims: [Int]
    }

    let segment: Segment
    let device: CPUDevice
    /// Layers of the device's expert cache that this store has made, until an executable takes them over.
    var expertLayers: [Int] = []
    private(set) var memory: [HostMemory] = []
    private(set) var bytes = 0
    /// Some weight is read where the host mapped it.
    private(set) var keepsWeights = false
    /// Whether matrices that are not packed are copied, so that the host can drop its mapping.
    private let copiesMatrices: Bool
    private var matrices: [Identity: Matrix] = [:]
    private var vectors: [Int: UnsafeMutableRawPointer] = [:]
    private var converted: [Int: UnsafeMutableRawPointer] = [:]
    private var copiedScales: [Int: UnsafeMutableRawPointer] = [:]

    /// What the device was opened with; nil: as the lowering thinks best.
    var activations: ActivationBits? { device.configuration.activations }
    var latentForm: LatentForm { device.configuration.latentForm }
    var roundsActivations: Bool { device.configuration.roundsActivations }
    var threads: Int { device.pool.threads }

    init(_ segment: Segment, on device: CPUDevice) throws {
        self.segment = segment
        self.device = device
        var packed: Set<Identity> = [], loose: [Identity: Int] = [:], order: [Int] = []
        for node in segment.graph.nodes {
            let contract = try device.kernels.contract(of: node.op)
            for input in contract.matrixInputs where input < node.inputs.count {
                guard case .weight(let index) = node.inputs[input], !Self.isStreamed(index, segment, device) else { continue }
                let identity = try Self.identity(index, segment)
                if contract.cpu.packed.contains(contract.inputs[input].name), Self.packing(of: segment.graph.weights[index], device) != 0 {
                    if packed.insert(identity).inserted { order.append(index) }
                } else {
                    loose[identity] = segment.graph.weights[index].bytes
                }
            }
        }
        let packedBytes = packed.reduce(0) { $0 + ($1.dtype.byteCount(elements: $1.dims.reduce(1, *)) ?? 0) }
        let looseBytes = loose.reduce(0) { packed.contains($1.key) ? $0 : $0 + $1.value }
        // A copy of little beside what is packed lets all of the mapping go; a float model is best read in place.
        copiesMatrices = looseBytes <= packedBytes
        try pack(order)
    }

    deinit { device.experts?.remove(expertLayers) }

    /// The layers of the expert cache, whose owner is now another.
    func takeExpertLayers() -> [Int] {
        defer { expertLayers = [] }
        return expertLayers
    }

    static func packing(of weight: Graph.Weight, _ device: CPUDevice) -> UInt32 {
        hadal_packing_of(weight.dtype.rawValue, device.configuration.isa.rawValue)
    }

    static func identity(_ index: Int, _ segment: Segment) throws -> Identity {
        let data = try data(index, segment)
        let weight = segment.graph.weights[index]
        return Identity(address: UInt(bitPattern: data.baseAddress), dtype: weight.dtype, dims: weight.dims)
    }

    static func data(_ index: Int, _ segment: Segment) throws -> UnsafeRawBufferPointer {
        guard segment.graph.weights.indices.contains(index), segment.weights.indices.contains(index) else {
            throw HadalError(.invalidArgument, "the segment has no weight \(index)")
        }
        let weight = segment.graph.weights[index]
        guard let data = segment.weights[index].bytes, data.baseAddress != nil else {
            throw HadalError(.invalidArgument, "weight '\(weight.name)' has no data")
        }
        var elements = 1
        for dim in weight.dims {
            let (product, overflow) = elements.multipliedReportingOverflow(by: dim)
            guard dim > 0, !overflow else { throw HadalError(.malformed, "weight '\(weight.name)' has an impossible shape \(weight.dims)") }
            elements = product
        }
        guard let wanted = weight.dtype.byteCount(elements: elements), data.count >= wanted else {
            throw HadalError(.mismatch, "weight '\(weight.name)' has \(data.count) bytes, fewer than its shape \(weight.dims) needs")
        }
        return data
    }

    private func allocate(_ bytes: Int, huge: Bool = false) throws -> UnsafeMutableRawPointer {
        try allocateBlock(bytes, huge: huge).pointer
    }

    /// Memory for a copy of parameters, which some kernel of a user's own may read wrongly. On both sides lie numbers that are others for
    /// every store: a kernel whose result depends on them shows itself where two executables of one segment are compared.
    private func allocateGuarded(_ bytes: Int) throws -> UnsafeMutableRawPointer {
        let (size, overflow) = bytes.addingReportingOverflow(2 * Self.margin)
        guard !overflow else { throw HadalError(.outOfMemory, "cannot allocate \(bytes) bytes of host memory") }
        let pointer = try allocate(size)
        let word = Float(Int.random(in: 1000...100_000)).bitPattern
        for start in [0, Self.margin + bytes] {
            for at in stride(from: start, to: start + Self.margin, by: 4) {
                pointer.storeBytes(of: word, toByteOffset: at, as: UInt32.self)
            }
        }
        return pointer + Self.margin
    }

    /// Bytes on each side: a cache line, which keeps what lies between them aligned.
    private static let margin = 64

    func allocateBlock(_ bytes: Int, huge: Bool) throws -> HostMemory {
        let block = try HostMemory(bytes: bytes, huge: huge && device.configuration.usesHugePages)
        memory.append(block)
        self.bytes += bytes
        return block
    }

    /// Has memory of another executable live as long as this store's.
    func retain(_ block: HostMemory) { if !memory.contains(where: { $0 === block }) { memory.append(block) } }

    func setMatrix(_ matrix: Matrix, for identity: Identity) { matrices[identity] = matrix }

    /// Parameters as float32, in the stored order.
    func vector(_ index: Int) throws -> UnsafeMutableRawPointer {
        if let known = vectors[index] { return known }
        let stored = try stored(index), data = stored.bytes
        defer { withExtendedLifetime(stored) {} }
        let weight = segment.graph.weights[index]
        let count = weight.elements
        let pointer = try allocateGuarded(count * 4)
        let floats = pointer.assumingMemoryBound(to: Float.self)
        for i in 0..<count {
            switch weight.dtype {
            case .f32: floats[i] = data.loadUnaligned(fromByteOffset: 4 * i, as: Float.self)
            case .f16: floats[i] = Float(Float16(bitPattern: data.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)))
            case .bf16: floats[i] = Float(bitPattern: UInt32(data.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)) << 16)
            default: throw HadalError(.unsupported, "parameters of type \(weight.dtype.name) ('\(weight.name)')")
            }
        }
        vectors[index] = pointer
        return pointer
    }

    /// Any weight as float32 in the stored order, block scales applied: for kernels that know nothing else.
    func floats(_ index: Int) throws -> UnsafeMutableRawPointer {
        let weight = segment.graph.weights[index]
        if weight.dtype == .f32 || weight.dtype == .f16 || weight.dtype == .bf16 { return try vector(index) }
        if let known = vectors[index] { return known }
        let data = try Self.data(index, segment)
        let columns = weight.dims.last ?? 1, rows = weight.elements / max(columns, 1)
        let (size, overflow) = weight.elements.multipliedReportingOverflow(by: 4)
        guard !overflow, let rowBytes = weight.dtype.byteCount(elements: columns) else {
            throw HadalError(.outOfMemory, "weight '\(weight.name)' is too large to address")
        }
        let pointer = try allocateGuarded(size)
        let floats = pointer.assumingMemoryBound(to: Float.self)
        for row in 0..<rows {
            let stored = UnsafeRawBufferPointer(rebasing: data[(row * rowBytes)..<((row + 1) * rowBytes)])
            try BlockCodec.decode(weight.dtype, from: stored, into: floats + row * columns, count: columns)
            if let scales = segment.weights[index].scales {
                let line = scales.values + row / scales.block.rows * scales.columns
                for column in 0..<columns { floats[row * columns + column] *= line[column / scales.block.columns] }
            }
        }
        vectors[index] = pointer
        return pointer
    }

    /// A quantised matrix as float16, for what reads single rows in every step.
    func halves(_ index: Int) throws -> UnsafeMutableRawPointer {
        if let known = converted[index] { return known }
        let source = try stored(index)
        defer { withExtendedLifetime(source) {} }
        let weight = segment.graph.weights[index]
        guard weight.dims.count == 2, let rowBytes = weight.dtype.byteCount(elements: weight.dims[1]) else {
            throw HadalError(.invalidArgument, "weight '\(weight.name)' is not a matrix")
        }
        let (size, overflow) = weight.elements.multipliedReportingOverflow(by: 2)
        guard !overflow else { throw HadalError(.outOfMemory, "weight '\(weight.name)' is too large to address") }
        let pointer = try allocate(size, huge: true)
        let stored = PlannedTensor(
            home: .constant(UnsafeMutableRawPointer(mutating: source.base)), rows: .fixed(weight.dims[0]),
            columns: weight.dims[1], stride: rowBytes, dtype: weight.dtype.rawValue)
        var target = stored
        target.home = .constant(pointer)
        target.stride = weight.dims[1] * 2
        target.dtype = DType.f16.rawValue
        try run([
            PlannedInstruction(
                kernel: try device.kernels.kernel("latent_attention_pack", of: Op.latentAttention), inputs: [stored], outputs: [target],
                node: 0)
        ])
        converted[index] = pointer
        return pointer
    }

    /// A copy of a float8 weight's scales: few, beside the weight.
    func scales(_ index: Int, _ scales: Segment.BlockScales) throws -> UnsafeMutableRawPointer {
        if let known = copiedScales[index] { return known }
        let pointer = try allocateGuarded(scales.rows * scales.columns * 4)
        pointer.copyMemory(from: scales.values, byteCount: scales.rows * scales.columns * 4)
        copiedScales[index] = pointer
        return pointer
    }

    /// A matrix `[rows, columns]` for linear, or for embedding, which takes a packed copy where linear has one.
    func matrix(_ index: Int) throws -> Matrix {
        let identity = try Self.identity(index, segment)
        if let known = matrices[identity] { return known }
        let data = try Self.data(index, segment)
        let weight = segment.graph.weights[index]
        let matrix: Matrix
        if copiesMatrices {
            let pointer = try allocate(weight.bytes, huge: true)
            try copy(index, data, to: pointer)
            matrix = Matrix(pointer: pointer, packing: 0)
        } else {
            keepsWeights = true
            matrix = Matrix(pointer: UnsafeMutableRawPointer(mutating: data.baseAddress!), packing: 0)
        }
        matrices[identity] = matrix
        return matrix
    }

    /// Runs calls that prepare weights.
    func run(_ plan: [PlannedInstruction]) throws {
        let program = try InstructionStream(
            plan, slots: [], states: [], bounds: .init(tokens: 1, sequences: 1, rows: 1), on: device)
        guard device.pool.run(Run(instructions: program.instructions)) == .done else {
            throw HadalError(.outOfMemory, "cannot start the threads of the cpu backend")
        }
    }
}
