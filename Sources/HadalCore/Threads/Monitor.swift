#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// State behind a lock, which threads can wait for to change.
///
/// Where nobody waits, `Mutex` of the standard library is enough. The lock is not recursive: no call of a monitor from a closure that it runs.
///
/// Thread safety: any thread.
package final class Monitor<State>: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let state: UnsafeMutablePointer<State>
    /// What `wait` waits on where no other condition is named.
    package let changed = Condition()

    package init(_ initial: sending State) {
        lock = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        state = .allocate(capacity: 1)
        state.initialize(to: initial)
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Runs `body` alone with the state. Wakes nobody: see `update` and `Condition`.
    package func withLock<R>(_ body: (inout State) throws -> R) rethrows -> R {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body(&state.pointee)
    }

    /// Runs `body` alone with the state, and wakes all that wait for `changed`.
    package func update<R>(_ body: (inout State) throws -> R) rethrows -> R {
        defer { changed.wakeAll() }
        return try withLock(body)
    }

    /// Waits until `isReady` holds and runs `body` then, before anybody else can change the state.
    ///
    /// - Parameter condition: woken by whoever makes `isReady` hold; nil: `changed`.
    package func wait<R>(
        on condition: Condition? = nil, until isReady: (borrowing State) -> Bool, then body: (inout State) throws -> R
    ) rethrows -> R {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while !isReady(state.pointee) { (condition ?? changed).wait(lock) }
        return try body(&state.pointee)
    }

    /// The same, but goes on when a time has passed, whether `isReady` holds or not.
    package func wait<R>(
        on condition: Condition? = nil, atMost time: Duration, until isReady: (borrowing State) -> Bool,
        then body: (inout State) throws -> R
    ) rethrows -> R {
        let deadline = MonotonicClock.nanoseconds + UInt64(min(max(0, time.seconds), 1e9) * 1e9)
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while !isReady(state.pointee), (condition ?? changed).wait(lock, until: deadline) {}
        return try body(&state.pointee)
    }
}

/// What threads that wait in a monitor are woken by. One condition belongs to one monitor.
package final class Condition: @unchecked Sendable {
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init() {
        condition = .allocate(capacity: 1)
        #if os(Linux)
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(condition, &attributes)
            pthread_condattr_destroy(&attributes)
        #else
            pthread_cond_init(condition, nil)
        #endif
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
    }

    /// Wakes one thread that waits, if any does.
    package func wakeOne() { pthread_cond_signal(condition) }
    package func wakeAll() { pthread_cond_broadcast(condition) }

    fileprivate func wait(_ lock: UnsafeMutablePointer<pthread_mutex_t>) { pthread_cond_wait(condition, lock) }

    /// - Parameter deadline: as `MonotonicClock` counts.
    /// - Returns: false when it has passed.
    fileprivate func wait(_ lock: UnsafeMutablePointer<pthread_mutex_t>, until deadline: UInt64) -> Bool {
        #if os(Linux)
            var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
            return pthread_cond_timedwait(condition, lock, &time) == 0
        #else
            let now = MonotonicClock.nanoseconds
            guard now < deadline else { return false }
            var left = timespec(tv_sec: Int((deadline - now) / 1_000_000_000), tv_nsec: Int((deadline - now) % 1_000_000_000))
            return pthread_cond_timedwait_relative_np(condition, lock, &left) == 0
        #endif
    }
}
