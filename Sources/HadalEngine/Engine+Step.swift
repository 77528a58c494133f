import HadalBackend
import HadalCore
import Synchronization

/// The share of one session in a step: tokens of its storage, from its end on, for which it has pages.
struct StepPart {
    let session: Session
    let count: Int
    /// The length that the session will reach with later steps.
    let plannedLength: Int
    /// How many of the last tokens need logits.
    let wantedRows: Int
}

extension Engine {
    /// Appends one token to each of several sessions in one step: their weights are read once for all.
    ///
    /// Blocks the calling thread, which must be the only one to use these sessions.
    /// - Throws: as `Session.append`. On an error no session has changed.
    public func step(_ entries: [(session: Session, token: Int32)]) throws {
        guard entries.allSatisfy({ $0.session.engine === self }), Set(entries.map { ObjectIdentifier($0.session) }).count == entries.count
        else { throw HadalError(.invalidArgument, "a batch requires distinct sessions of one engine") }
        // Sessions that cross a rope switch, or more than fit one step, go on their own.
        let crossing = entries.contains { entry in model.ropeSwitches.contains { entry.session.count == $0 } }
        guard !entries.isEmpty, entries.count <= batchSequences, !crossing, supportsBatches else {
            for entry in entries { try entry.session.append([entry.token]) }
            return
        }
        for (session, token) in entries {
            try session.checkRoom(for: 1)
            try checkVocabulary(token)
        }
        try state.withLock { state in
            for (session, token) in entries {
                session.storage[session.count] = token
                try session.reservePages(upTo: session.count + 1, &state)
            }
            let parts = entries.map { StepPart(session: $0.session, count: 1, plannedLength: $0.session.count + 1, wantedRows: 1) }
            try run(parts, cancel: nil, trace: state.trace) { part, logits in part.session.accept(logits: logits) }
        }
    }

    /// Runs a step and hands out what it left: `take` receives each part with its logits `[wantedRows, vocabulary]`.
    ///
    /// Called with the engine's state locked. Sessions do not move on by themselves. Allocates nothing.
    func run(
        _ parts: some Collection<StepPart>, cancel: UnsafePointer<UInt32>?, trace: TraceSink?,
        take: (StepPart, UnsafePointer<Float>) throws -> Void
    ) throws {
        runner.begin()
        for part in parts {
            let session = part.session
            try runner.add(
                UnsafeBufferPointer(rebasing: session.storage[session.count..<(session.count + part.count)]), past: session.count,
                pageList: UnsafeBufferPointer(rebasing: session.pages.storage[..<session.pages.count]), plannedLength: part.plannedLength,
                wantedRows: part.wantedRows)
        }
        try runner.run(cancel: cancel, trace: trace)
        var slot = 0
        for part in parts {
            part.session.recordHidden(row: runner.firstToken(of: slot), count: part.count)
            try take(part, runner.logits + runner.firstRow(of: slot) * vocabularySize)
            slot += 1
        }
    }

    /// - Throws: `invalidArgument` for an id that the model does not have.
    func checkVocabulary(_ token: Int32) throws {
        guard token >= 0, Int(token) < vocabularySize else {
            throw HadalError(.invalidArgument, "token \(token) is outside the vocabulary of \(vocabularySize)")
        }
    }
}
