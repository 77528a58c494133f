import HadalCore

/// How far a session's prediction head has come, and the hidden states that it has yet to process.
///
/// The head's entry for position i takes token i + 1 and the main graph's hidden state of token i. Entries lie one after the other in pages of
/// the head's own; where a hidden state is gone (a session was rolled back, or loaded from a file) an entry is left out, which
/// shifts the ones after it. That can make drafts worse and nothing else. Not thread-safe: used within `Engine.state`.
final class PredictionState {
    private let head: PredictionHead
    private var pages: PageList
    /// In the head's state.
    private var entries = 0
    /// Position of the newest entry, less the entries before it.
    private var base = 0
    /// The token that the newest entry took.
    private var newestToken: Int32 = -1
    /// Hidden states of positions `first` ..< `first + held`: `[held, width]`.
    private let hidden: UnsafeMutablePointer<Float>
    private let capacity: Int
    private var first = 0
    private var held = 0

    /// - Parameter stepTokens: most tokens that the main graph processes in a step.
    init(_ head: PredictionHead, contextLength: Int, stepTokens: Int) {
        self.head = head
        pages = PageList(capacity: (contextLength + head.pageTokens - 1) / head.pageTokens)
        capacity = max(stepTokens, 1)
        hidden = .allocate(capacity: capacity * head.width)
    }

    deinit { hidden.deallocate() }

    /// Gives the pages back. Called before the last reference goes.
    func release() {
        while pages.count > 0 { head.pool.release(pages.removeLast()) }
        entries = 0
        held = 0
    }

    /// Hidden states that the next draft has to process before its own.
    var behind: Int { held }

    /// Takes the hidden states of tokens that the main graph has processed.
    ///
    /// - Parameters:
    ///   - rows: `[count, width]`.
    ///   - tokens: the session's, `position + count` of them or more.
    func record(_ rows: UnsafePointer<Float>, position: Int, count: Int, tokens: UnsafePointer<Int32>) {
        // An entry for the position before may have taken a token that was then not the one to come.
        keep(entries: position - base)
        if entries > 0, base + entries == position, newestToken != tokens[position] { keep(entries: entries - 1) }
        held = max(0, min(held, position - first))
        if first + held != position { held = 0 }
        if held > 0, held + count > capacity { _ = try? process(upTo: position, tokens: tokens, rows: 0, cancel: nil) }
        guard count <= capacity else { return }
        if held == 0 || held + count > capacity { (first, held) = (position, 0) }
        (hidden + held * head.width).update(from: rows, count: count * head.width)
        held += count
    }

    /// Forgets what comes after the first `length` tokens.
    func rollBack(to length: Int) {
        keep(entries: length - 1 - base)
        held = max(0, min(held, length - first))
    }

    /// What another session with the same tokens starts from: pages are shared until one of the two writes.
    func fork(contextLength: Int) -> PredictionState {
        let copy = PredictionState(head, contextLength: contextLength, stepTokens: capacity)
        for index in 0..<pageCount(entries) {
            head.pool.retain(pages[index])
            copy.pages.append(pages[index])
        }
        (copy.entries, copy.base, copy.newestToken, copy.first, copy.held) = (entries, base, newestToken, first, held)
        copy.hidden.update(from: hidden, count: held * head.width)
        return copy
    }

    /// Drafts what follows the first `count + 1` tokens, of which the main graph has processed all but the last.
    ///
    /// - Returns: how many drafts there are; 0 when the hidden state to start from is gone.
    /// - Throws: `cancelled`. Any other failure is none of the session's: there are just no drafts.
    func draft(
        _ limit: Int, count: Int, tokens: UnsafePointer<Int32>, into drafts: UnsafeMutablePointer<Int32>, cancel: UnsafePointer<UInt32>
    ) throws -> Int {
        held = max(0, min(held, count - first))
        guard limit > 0, held > 0, first + held == count else { return 0 }
        do {
            guard var logits = try process(upTo: count, tokens: tokens, rows: 1, cancel: cancel) else { return 0 }
            var drafted = 0
            var row = lastStepTokens - 1
            while true {
                drafts[drafted] = indexOfLargest(logits, head.vocabularySize)
                drafted += 1
                guard drafted < limit, let next = head.next else { return drafted }
                // Entries on a draft's account are written over by the next true ones.
                let past = entries + drafted - 1
                try reserve(past + 1)
                logits = try head.step(
                    UnsafeBufferPointer(start: drafts + drafted - 1, count: 1), hidden: next + row * head.width, past: past,
                    pages: pageList, rows: 1,
                    cancel: cancel)
                row = 0
            }
        } catch let error as HadalError where error.code == .cancelled {
            held = 0
            throw error
        } catch {
            keep(entries: 0)
            held = 0
            return 0
        }
    }

    private var lastStepTokens = 0

    /// Makes entries of the hidden states up to a position, whose following tokens are known.
    @discardableResult
    private func process(upTo end: Int, tokens: UnsafePointer<Int32>, rows: Int, cancel: UnsafePointer<UInt32>?) throws -> UnsafePointer<
        Float
    >? {
        // Where states are missing, the entries move up.
        base = first - entries
        var logits: UnsafePointer<Float>?
        var done = 0
        while done < end - first {
            let size = min(end - first - done, head.stepTokens)
            try reserve(entries + size)
            logits = try head.step(
                UnsafeBufferPointer(start: tokens + first + done + 1, count: size), hidden: hidden + done * head.width, past: entries,
                pages: pageList,
                rows: done + size == end - first ? rows : 0, cancel: cancel)
            entries += size
            done += size
            newestToken = tokens[first + done]
            lastStepTokens = size
        }
        (first, held) = (end, 0)
        return logits
    }

    private var pageList: UnsafeBufferPointer<UInt32> { UnsafeBufferPointer(rebasing: pages.storage[..<pages.count]) }

    private func pageCount(_ entries: Int) -> Int { (entries + head.pageTokens - 1) / head.pageTokens }

    /// Cuts the entries down to so many.
    private func keep(entries count: Int) {
        guard count < entries else { return }
        entries = max(count, 0)
        let needed = pageCount(entries)
        while pages.count > needed { head.pool.release(pages.removeLast()) }
    }

    /// Makes sure that pages exist for `length` entries and that those to be written are this session's alone.
    private func reserve(_ length: Int) throws {
        func take() throws -> UInt32 {
            guard let page = head.pool.take() else { throw HadalError(.contextFull, "the cache of the prediction layer is full") }
            return page
        }
        for index in entries / head.pageTokens..<max(pages.count, entries / head.pageTokens) where head.pool.isShared(pages[index]) {
            let page = try take()
            try head.copyPage(from: pages[index], to: page)
            head.pool.release(pages[index])
            pages[index] = page
        }
        while pages.count < pageCount(length) { pages.append(try take()) }
    }
}
