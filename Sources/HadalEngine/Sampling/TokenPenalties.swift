/// Lowers the logits of tokens that were there before, and keeps count of these as a sequence grows.
///
/// A call costs as much as there are different tokens in the window, and what was appended since the last. Allocates at `init` only. Not
/// thread-safe.
struct TokenPenalties {
    private let options: SamplingOptions
    private let vocabulary: Int
    private let isActive: Bool
    /// How often each token is in the window, and how often of these it was generated. `[vocabulary]`
    private let counts: UnsafeMutablePointer<Int32>
    private let generated: UnsafeMutablePointer<Int32>
    /// Tokens that are or were in the window, each once, and which they are. `[vocabulary]`
    private let seen: UnsafeMutablePointer<Int32>
    private let isSeen: UnsafeMutablePointer<Bool>
    private var seenCount = 0
    /// The tokens of the history that are counted: those in the window.
    private var window = 0..<0
    private var promptLength = 0

    init(_ options: SamplingOptions, vocabulary: Int) {
        self.options = options
        isActive =
            (options.repetitionPenalty != 1 || options.presencePenalty != 0 || options.frequencyPenalty != 0) && options.penaltyWindow != 0
        self.vocabulary = isActive ? vocabulary : 0
        counts = .allocate(capacity: self.vocabulary)
        generated = .allocate(capacity: self.vocabulary)
        seen = .allocate(capacity: self.vocabulary)
        isSeen = .allocate(capacity: self.vocabulary)
        counts.initialize(repeating: 0, count: self.vocabulary)
        generated.initialize(repeating: 0, count: self.vocabulary)
        isSeen.initialize(repeating: false, count: self.vocabulary)
    }

    func deallocate() {
        counts.deallocate()
        generated.deallocate()
        seen.deallocate()
        isSeen.deallocate()
    }

    /// - Parameter logits: `[vocabulary]`, changed in place.
    mutating func apply(to logits: UnsafeMutablePointer<Float>, history: UnsafeBufferPointer<Int32>, promptLength: Int) {
        guard isActive else { return }
        follow(history, promptLength)
        for index in 0..<seenCount {
            let token = Int(seen[index])
            guard counts[token] > 0 else { continue }
            var logit = Double(logits[token])
            logit = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty
            if generated[token] > 0 { logit -= options.presencePenalty + Double(generated[token]) * options.frequencyPenalty }
            logits[token] = Float(logit)
        }
    }

    /// Counts what is new, and no longer what has left the window.
    private mutating func follow(_ history: UnsafeBufferPointer<Int32>, _ promptLength: Int) {
        if history.count < window.upperBound || promptLength != self.promptLength { forget() }
        self.promptLength = promptLength
        let first = options.penaltyWindow.map { max(0, history.count - $0) } ?? 0
        for index in window.lowerBound..<min(max(first, window.lowerBound), window.upperBound) { count(history[index], at: index, by: -1) }
        for index in max(first, window.upperBound)..<max(history.count, first, window.upperBound) {
            count(history[index], at: index, by: 1)
        }
        window = first..<history.count
    }

    private mutating func count(_ token: Int32, at position: Int, by change: Int32) {
        guard token >= 0, Int(token) < vocabulary else { return }
        counts[Int(token)] += change
        if position >= promptLength { generated[Int(token)] += change }
        guard !isSeen[Int(token)] else { return }
        isSeen[Int(token)] = true
        seen[seenCount] = token
        seenCount += 1
    }

    private mutating func forget() {
        for index in 0..<seenCount {
            let token = Int(seen[index])
            (counts[token], generated[token], isSeen[token]) = (0, 0, false)
        }
        seenCount = 0
        window = 0..<0
    }
}
