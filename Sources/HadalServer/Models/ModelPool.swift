import Dispatch
import Foundation
import Hadal
import HadalCore
import HadalServing
import Synchronization

/// A model that a server offers.
package struct ServedModel: Sendable, Equatable {
    /// What requests call it.
    package var name: String
    /// A GGUF file or a Hugging Face directory.
    package var path: String

    package init(name: String, path: String) { (self.name, self.path) = (name, path) }
}

/// The models of a server: loaded when they are asked for, and let go when nobody needs them.
///
/// Thread safety: any thread.
final class ModelPool: Sendable {
    struct Options: Sendable {
        var engine = EngineOptions()
        var scheduler = Scheduler.Options()
        /// After so long without a request a model is let go; nil: never for this reason.
        var idle: Duration?
        /// Any other name means the first model.
        var takesAnyName = false
    }

    enum State: Sendable {
        case idle
        /// The part that is done, 0 to 1.
        case loading(Double)
        case ready(LoadedModel)
        case failed(APIError)
    }

    private struct Entry {
        let model: ServedModel
        var state = State.idle
        var loading: Task<LoadedModel, any Error>?
        /// Requests that use it or wait for it.
        var users = 0
        var lastUse = ContinuousClock.now

        var loaded: LoadedModel? { if case .ready(let loaded) = state { loaded } else { nil } }
    }

    private struct Pool {
        var entries: [Entry]
        /// Bytes that all loaded models may take together; nil until the first one is planned.
        var budget: Int?
        var isClosed = false
    }

    let options: Options
    private let pool: Mutex<Pool>
    /// Whose blocks are not kept on disk any more.
    private let removedSalts = Mutex<Set<String>>([])
    private let facts = Mutex<[String: ModelFacts]>([:])
    /// Loading is done for one model at a time, so that each is planned with the memory that is really left.
    private let turn = LoadTurn()
    /// Told of a model whose state has changed; on any thread.
    private let observers = Mutex<[Int: @Sendable (String) -> Void]>([:])

    /// - Parameter models: the first is that of requests which name none.
    init(_ models: [ServedModel], options: Options) {
        self.options = options
        pool = Mutex(Pool(entries: models.map { Entry(model: $0) }, budget: options.engine.memory))
    }

    // MARK: Names

    var names: [String] { pool.withLock { $0.entries.map(\.model.name) } }

    /// The model that a request means.
    ///
    /// - Throws: `notFound`. A name is looked up in the list of what is served, and never becomes a path.
    func name(for asked: String?) throws -> String {
        try pool.withLock { pool in
            guard let asked, !asked.isEmpty else { return pool.entries[0].model.name }
            let plain = asked.hasSuffix(":latest") ? String(asked.dropLast(":latest".count)) : asked
            if let found = pool.entries.first(where: { ExactString($0.model.name) == ExactString(plain) }) { return found.model.name }
            guard options.takesAnyName else {
                throw APIError(
                    .notFound,
                    "the model '\(asked.prefix(200))' is not served here; served: \(pool.entries.map(\.model.name).joined(separator: ", "))",
                    field: "model")
            }
            return pool.entries[0].model.name
        }
    }

    func state(of name: String) -> State { pool.withLock { pool in pool.entries.first { $0.model.name == name }?.state ?? .idle } }

    /// What the model's files say of it. Blocks the first time, to read their headers.
    ///
    /// - Throws: where they cannot be read.
    func facts(of name: String) throws -> ModelFacts {
        if let found = facts.withLock({ $0[name] }) { return found }
        guard let path = pool.withLock({ pool in pool.entries.first { $0.model.name == name }?.model.path }) else {
            throw APIError(.notFound, "no such model", field: "model")
        }
        let made = try ModelFacts(path: path, options: options.engine)
        facts.withLock { $0[name] = made }
        return made
    }

    /// When the model is let go if nobody uses it; nil: never for that reason.
    func expiry(of name: String) -> Date? {
        guard let idle = options.idle, let entry = pool.withLock({ pool in pool.entries.first { $0.model.name == name } }) else {
            return nil
        }
        let unused = entry.users > 0 ? .zero : ContinuousClock.now - entry.lastUse
        return Date().addingTimeInterval(max(0, (idle - unused).seconds))
    }

    // MARK: Use

    /// The model, loaded, and kept for as long as the lease lives.
    ///
    /// - Throws: why it cannot be loaded.
    func lease(_ name: String) async throws -> ModelLease {
        let task = try pool.withLock { pool -> Task<LoadedModel, any Error> in
            guard !pool.isClosed else { throw APIError(.draining, "the server is shutting down") }
            guard let at = pool.entries.firstIndex(where: { $0.model.name == name }) else {
                throw APIError(.notFound, "no such model", field: "model")
            }
            pool.entries[at].users += 1
            pool.entries[at].lastUse = .now
            if let loading = pool.entries[at].loading { return loading }
            let model = pool.entries[at].model
            let task = Task.detached { try await self.load(model) }
            pool.entries[at].loading = task
            pool.entries[at].state = .loading(0)
            return task
        }
        let lease = ModelLease { self.release(name) }
        do {
            lease.loaded = try await task.value
            return lease
        } catch {
            // The next request tries again.
            set(name, .failed(APIError(error))) { $0.loading = nil }
            throw error
        }
    }

    private func release(_ name: String) {
        pool.withLock { pool in
            guard let at = pool.entries.firstIndex(where: { $0.model.name == name }) else { return }
            pool.entries[at].users -= 1
            pool.entries[at].lastUse = .now
        }
    }

    private func set(_ name: String, _ state: State, _ change: (inout Entry) -> Void = { _ in }) {
        pool.withLock { pool in
            guard let at = pool.entries.firstIndex(where: { $0.model.name == name }) else { return }
            pool.entries[at].state = state
            change(&pool.entries[at])
        }
        let all = observers.withLock { Array($0.values) }
        for observer in all { observer(name) }
    }

    // MARK: Loading

    private func load(_ model: ServedModel) async throws -> LoadedModel {
        await turn.take()
        do {
            let engine = try await Blocking.run { try self.makeEngine(model) }
            let loaded = LoadedModel(name: model.name, engine: engine, scheduler: Scheduler(engine, options: options.scheduler))
            set(model.name, .ready(loaded))
            // Those that were removed while it was loaded.
            do { try engine.removeStoredBlocks(of: removedSalts.withLock { Array($0) }) } catch {
                options.engine.log.write(.warning, "blocks of deleted conversations remain in the cache: \(error)")
            }
            await turn.give()
            return loaded
        } catch {
            await turn.give()
            throw error
        }
    }

    /// Blocks. Lets models go that nobody uses, the one first that was used longest ago, until there is room.
    private func makeEngine(_ model: ServedModel) throws -> Engine {
        var options = options.engine
        let isAlone = pool.withLock { $0.entries.count == 1 }
        while true {
            let taken = pool.withLock { pool in pool.entries.reduce(0) { $0 + ($1.loaded?.bytes ?? 0) } }
            let budget = pool.withLock { $0.budget }
            if !isAlone || taken > 0 { options.memory = nil }
            let plan = try LoadPlan(path: model.path, options: options)
            let limit = budget ?? plan.memoryBudget.map { $0 + taken }
            pool.withLock { $0.budget = limit }
            let fits = limit.map { taken + plan.totalBytes <= $0 } ?? true
            if plan.obstacle == nil, fits || isAlone { return try engine(plan, model) }
            if dropOldest() { continue }
            if let limit, limit > taken { options.memory = limit - taken }
            // What loading it with what is left says, is what is wrong with it.
            return try engine(LoadPlan(path: model.path, options: options), model)
        }
    }

    private func engine(_ plan: LoadPlan, _ model: ServedModel) throws -> Engine {
        let told = Mutex(-1.0)
        return try Engine(plan) { progress in
            let fraction = progress.fraction
            let isNews = told.withLock { last in
                guard fraction >= last + 0.01 else { return false }
                last = fraction
                return true
            }
            if isNews { self.set(model.name, .loading(fraction)) }
        }
    }

    /// - Returns: whether there was one.
    private func dropOldest() -> Bool {
        let dropped = pool.withLock { pool -> (name: String, model: LoadedModel)? in
            let unused = pool.entries.indices.filter { pool.entries[$0].users == 0 && pool.entries[$0].loaded != nil }
            guard let at = unused.min(by: { pool.entries[$0].lastUse < pool.entries[$1].lastUse }), let loaded = pool.entries[at].loaded
            else {
                return nil
            }
            pool.entries[at].state = .idle
            pool.entries[at].loading = nil
            return (pool.entries[at].model.name, loaded)
        }
        guard let dropped else { return false }
        dropped.model.scheduler.close()
        set(dropped.name, .idle)
        return true
    }

    /// Lets models go that nobody has used for `Options.idle`, now and every few seconds until the task is cancelled.
    func watchIdle() async {
        guard let idle = options.idle else { return }
        while !Task.isCancelled {
            try? await Task.sleep(for: min(idle / 4 + .milliseconds(50), .seconds(15)))
            let late = pool.withLock { pool -> [(String, LoadedModel)] in
                var late: [(String, LoadedModel)] = []
                for at in pool.entries.indices where pool.entries[at].users == 0 && ContinuousClock.now - pool.entries[at].lastUse >= idle {
                    guard let loaded = pool.entries[at].loaded else { continue }
                    late.append((pool.entries[at].model.name, loaded))
                    pool.entries[at].state = .idle
                    pool.entries[at].loading = nil
                }
                return late
            }
            for (name, loaded) in late {
                loaded.scheduler.close()
                set(name, .idle)
            }
            // An engine's end waits for its cache on disk.
            if !late.isEmpty { try? await Blocking.run { withExtendedLifetime(late) {} } }
        }
    }

    /// Removes the blocks of some salts from the cache directory, and keeps none of them there any more. Blocks the thread.
    ///
    /// - Throws: `io` for the first file that cannot be removed; the others are.
    func removeStoredBlocks(of salts: [String]) throws {
        guard !salts.isEmpty, let directory = options.engine.cacheDirectory else { return }
        removedSalts.withLock { $0.formUnion(salts) }
        let loaded = pool.withLock { pool in pool.entries.compactMap(\.loaded) }
        for model in loaded { try model.engine.removeStoredBlocks(of: salts) }
        if loaded.isEmpty { try Engine.removeStoredBlocks(of: salts, in: directory) }
    }

    /// Ends all work; nothing is loaded any more.
    func close() {
        let schedulers = pool.withLock { pool in
            pool.isClosed = true
            return pool.entries.compactMap { $0.loaded?.scheduler }
        }
        for scheduler in schedulers { scheduler.close() }
    }

    // MARK: Watching

    /// Calls back whenever a model's state changes, until the token is let go.
    func observe(_ change: @escaping @Sendable (String) -> Void) -> Observation {
        let number = observers.withLock { all in
            let number = (all.keys.max() ?? 0) + 1
            all[number] = change
            return number
        }
        return Observation { _ = self.observers.withLock { $0.removeValue(forKey: number) } }
    }

    final class Observation: Sendable {
        private let end: @Sendable () -> Void
        init(_ end: @escaping @Sendable () -> Void) { self.end = end }
        deinit { end() }
    }
}

extension LoadPlan {
    /// Bytes of the host's memory that the model takes when its cache is full.
    fileprivate var totalBytes: Int { heldBytes + scratchBytes + draftBytes + cacheTokens * cacheBytesPerToken }
}

/// A model in memory.
final class LoadedModel: Sendable {
    let name: String
    let engine: Engine
    let scheduler: Scheduler
    let bytes: Int

    init(name: String, engine: Engine, scheduler: Scheduler) {
        (self.name, self.engine, self.scheduler) = (name, engine, scheduler)
        bytes = engine.plan.totalBytes
    }
}

/// Keeps a model loaded for as long as it lives.
final class ModelLease: @unchecked Sendable {
    /// Set once, before anybody else has the lease.
    fileprivate(set) var loaded: LoadedModel?
    private let end: @Sendable () -> Void

    init(_ end: @escaping @Sendable () -> Void) { self.end = end }
    deinit { end() }

    func model() throws -> LoadedModel {
        guard let loaded else { throw APIError(.internalFault, "the model is not loaded") }
        return loaded
    }
}

/// One at a time.
private actor LoadTurn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take() async {
        guard isTaken else { isTaken = true; return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func give() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}

/// Work that blocks, off the threads of Swift's cooperative pool.
enum Blocking {
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
        }
    }
}
