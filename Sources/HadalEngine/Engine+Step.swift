import HadalBackend
import HadalCore
import Synchronization

/// The share of one session in a step: tokens of its storage, from its end on.
struct StepPart {
    let session: Session
    var count: Int
    /// The length that the session will reach with later steps.
    let plannedLength: Int
    /// How many of the last tokens need logits.
    var wantedRows: Int
    /// The tokens after the first are guesses: where pages run out, some are left off.
    var hasDrafts = false
    /// Tokens before them that are computed again for the states of fixed size.
    var replayed = 0

    /// Tokens of the step.
    var stepTokens: Int { replayed + count }
}

extension Engine {
    /// Appends one token to each of several sessions in one step: their weights are read once for all.
    ///
    /// Blocks the calling thread, which must be the only one to use these sessions.
    /// - Throws: as `Session.append`. On an error no session has changed.
    public func step(_ entries: [(session: Session, token: Int32)]) throws {
        guard entries.allSatisfy({ $0.session.engine === self }), Set(entries.map { ObjectIdentifier($0.session) }).count == entries.count
        else { throw HadalError(.invalidArgument, "a batch requires distinct sessions of one engine") }
        // Sessions that cross a rope switch or must find their states again, or more than fit one step, go on their own.
        let crossing = entries.contains { $0.session.ropeRegime != ropeRegime(of: $0.session.count + 1) || $0.session.lacksState }
        guard !entries.isEmpty, entries.count <= batchSequences, !crossing, supportsBatches else {
            for entry in entries { try entry.session.append([entry.token]) }
            return
        }
        for (session, token) in entries {
            try session.checkRoom(for: 1)
            try checkVocabulary(token)
        }
        for (session, token) in entries { session.storage[session.count] = token }
        var parts = entries.map {
            StepPart(
                session: $0.session, count: 1, plannedLength: $0.session.count + 1, wantedRows: 1, replayed: $0.session.replayedTokens)
        }
        try step(&parts, cancel: nil) { part, logits in part.session.accept(logits: logits) }
    }

    /// Runs a step of several sessions, which must fit one, and hands out what it left: `take` receives each part, as it was run, with its
    /// logits `[wantedRows, vocabulary]`. Sessions do not move on by themselves.
    ///
    /// - Throws: `contextFull` when pages run out; the sessions are then as they were.
    func step(
        _ parts: inout some MutableCollection<StepPart>, cancel: UnsafePointer<UInt32>?,
        take: (StepPart, UnsafePointer<Float>) throws -> Void
    ) throws {
        try state.withLock { state in
            // Drafts that were taken may have ended a block.
            if fixedStates != nil { for part in parts { part.session.keepSnapshot(&state) } }
            for index in parts.indices { try parts[index].session.reservePages(for: &parts[index], &state) }
            try fixedStates?.begin(parts)
            do { try run(parts, cancel: cancel, trace: state.trace, take: take) } catch {
                fixedStates?.abandon(parts)
                throw error
            }
            if snapshotStates != nil { for part in parts { part.session.keepSnapshot(&state) } }
        }
    }

    /// The same without pages to take. Called with the engine's state locked. Allocates nothing.
    private func run(
        _ parts: some Collection<StepPart>, cancel: UnsafePointer<UInt32>?, trace: TraceSink?,
        take: (StepPart, UnsafePointer<Float>) throws -> Void
    ) throws {
        runner.begin()
        for part in parts {
            let session = part.session, past = session.count - part.replayed
            try runner.add(
                UnsafeBufferPointer(rebasing: session.storage[past..<(session.count + part.count)]), past: past,
                pageList: UnsafeBufferPointer(rebasing: session.pages.storage[..<session.pages.count]), plannedLength: part.plannedLength,
                wantedRows: part.wantedRows, slots: session.slots)
        }
        try runner.run(cancel: cancel, trace: trace)
        fixedStates?.commit(parts)
        var slot = 0
        for part in parts {
            part.session.recordHidden(row: runner.firstToken(of: slot) + part.replayed, count: part.count)
            try take(part, runner.logits + runner.firstRow(of: slot) * resultWidth)
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
