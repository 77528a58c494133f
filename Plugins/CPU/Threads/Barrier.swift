import CHadalSystem
import Synchronization

/// A meeting point of a fixed number of threads: spins briefly, then sleeps in the kernel.
///
/// Memory: what a thread wrote before `wait` is seen by all others after it.
struct Barrier: @unchecked Sendable {
    private let threads: UInt32
    private let arrived: AtomicWord
    private let generation: AtomicWord
    private let sleepers: AtomicWord

    /// About 50 microseconds: longer than the kernels between two barriers differ, shorter than a scheduler's slice.
    static let spins = 2000

    init(threads: Int) {
        self.threads = UInt32(truncatingIfNeeded: threads)
        arrived = AtomicWord()
        generation = AtomicWord()
        sleepers = AtomicWord()
    }

    /// - Parameter meanwhile: done by each thread once the others know that it has arrived.
    @inline(__always) func wait(_ meanwhile: () -> Void = {}) {
        if threads == 1 { return meanwhile() }
        let now = generation.relaxed
        if arrived.increment() == threads {
            arrived.set(0)
            generation.set(now &+ 1)
            if sleepers.value > 0 { generation.wakeAll() }
            return meanwhile()
        }
        meanwhile()
        generation.waitWhile(now, sleepers: sleepers)
    }
}

/// One atomic word on a cache line of its own, at an address that the kernel can wait on. Lives until its last owner goes.
final class AtomicWord: @unchecked Sendable {
    private let memory: UnsafeMutableRawPointer
    private let pointer: UnsafeMutablePointer<Atomic<UInt32>>

    init(_ value: UInt32 = 0) {
        memory = .allocate(byteCount: 128, alignment: 128)
        pointer = memory.bindMemory(to: Atomic<UInt32>.self, capacity: 1)
        pointer.initialize(to: Atomic(value))
    }

    deinit {
        pointer.deinitialize(count: 1)
        memory.deallocate()
    }

    @inline(__always) var relaxed: UInt32 { pointer.pointee.load(ordering: .relaxed) }
    @inline(__always) var acquired: UInt32 { pointer.pointee.load(ordering: .acquiring) }
    /// Sequentially consistent, as are all writes.
    @inline(__always) var value: UInt32 { pointer.pointee.load(ordering: .sequentiallyConsistent) }
    @inline(__always) func set(_ value: UInt32) { pointer.pointee.store(value, ordering: .sequentiallyConsistent) }
    /// Returns the new value.
    @discardableResult
    @inline(__always) func increment() -> UInt32 { pointer.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }
    @inline(__always) func decrement() { pointer.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent) }

    func wakeAll() { hadal_system_futex_wake(UnsafeRawPointer(memory).assumingMemoryBound(to: UInt32.self), Int32.max) }

    /// Returns once the word differs from `value`. Sleepers are counted, so that nobody makes a system call to wake no one.
    @inline(__always) func waitWhile(_ value: UInt32, sleepers: AtomicWord) {
        for _ in 0..<Barrier.spins {
            if acquired != value { return }
            hadal_system_relax()
        }
        sleepers.increment()
        while self.value == value {
            hadal_system_futex_wait(UnsafeRawPointer(memory).assumingMemoryBound(to: UInt32.self), value)
        }
        sleepers.decrement()
    }
}
