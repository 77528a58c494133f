import HadalCore

/// Blocks that wait to be written. Any thread.
final class WriteQueue: Sendable {
    /// One block is taken whatever its size.
    static let mostBytes = 64 << 20
    /// How long the times of files may be behind, nanoseconds.
    private static let useDelay: UInt64 = 1_000_000_000

    struct Block: Sendable {
        let name: String
        let parent: String
        let group: BlockGroup
        let keys: SealingKeys
        let header: BlockHeader
        let pieces: [[UInt8]]
        var bytes: Int { pieces.reduce(0) { $0 + $1.count } }
    }

    enum Work {
        case write(Block)
        case saveUses
        case end
    }

    private struct State {
        /// The first is being written.
        var blocks: [Block] = []
        var names: [String: Block] = [:]
        var bytes = 0
        /// When uses are to be saved.
        var usesDue: UInt64?
        var isClosed = false

        var isIdle: Bool { blocks.isEmpty && usesDue == nil && !isClosed }

        func hasRoom(for count: Int) -> Bool { blocks.isEmpty || bytes + count <= WriteQueue.mostBytes }
    }

    private let state = Monitor(State())

    var pendingBytes: Int { state.withLock { $0.bytes } }

    func hasRoom(for bytes: Int) -> Bool { state.withLock { $0.hasRoom(for: bytes) } }

    subscript(name: String) -> Block? { state.withLock { $0.names[name] } }

    /// Takes a block, unless it waits already, with its snapshot if it has one.
    ///
    /// - Returns: false when the queue is full.
    func add(_ block: Block) -> Bool {
        state.update {
            if let waiting = $0.names[block.name], waiting.header.hasSnapshot || !block.header.hasSnapshot { return true }
            guard !$0.isClosed, $0.hasRoom(for: block.bytes) else { return false }
            $0.names[block.name] = block
            $0.blocks.append(block)
            $0.bytes += block.bytes
            return true
        }
    }

    /// Has uses saved before long.
    func noteUse() { state.update { $0.usesDue = $0.usesDue ?? MonotonicClock.nanoseconds + Self.useDelay } }

    /// What the writing thread does next. Waits for it.
    func next() -> Work {
        while true {
            let work: Work? = state.wait(until: { !$0.isIdle }) { state in
                if let block = state.blocks.first { return .write(block) }
                if state.isClosed { return .end }
                guard let due = state.usesDue, due <= MonotonicClock.nanoseconds else { return nil }
                state.usesDue = nil
                return .saveUses
            }
            if let work { return work }
            state.wait(atMost: .nanoseconds(Self.useDelay), until: { !$0.blocks.isEmpty || $0.isClosed }) { _ in }
        }
    }

    /// The first block has been written, or will not be.
    func finishFirst() {
        state.update {
            let block = $0.blocks.removeFirst()
            // Another one, with a snapshot, may wait behind it.
            if $0.names[block.name]?.header == block.header { $0.names[block.name] = nil }
            $0.bytes -= block.bytes
        }
    }

    func waitUntilEmpty() { state.wait(until: { $0.blocks.isEmpty }) { _ in } }

    /// Takes no more. What waits is still written.
    func close() { state.update { $0.isClosed = true } }
}
