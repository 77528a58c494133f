/// Watches streamed text for stop strings, holding back what might be the start of one.
struct StopMatcher {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    /// Takes more text; returns what can be shown, and the stop string that ended it (its text is dropped): of several that begin at one place the first
    /// that was given.
    mutating func feed(_ text: String) -> (text: String, stop: String?) {
        guard !stops.isEmpty else { return (text, nil) }
        held += Array(text.utf8)
        var found: (at: Int, stop: [UInt8])?
        for stop in stops {
            if let at = firstIndex(of: stop), at < found?.at ?? .max { found = (at, stop) }
        }
        if let found {
            let shown = String(decoding: held[..<found.at], as: UTF8.self)
            held = []
            return (shown, String(decoding: found.stop, as: UTF8.self))
        }
        var keep = 0
        for stop in stops {
            for length in stride(from: min(stop.count - 1, held.count), to: keep, by: -1)
            where held.suffix(length).elementsEqual(stop.prefix(length)) {
                keep = length
                break
            }
        }
        // Never cut inside a character: what is held back starts where a stop string's first character would.
        let shown = String(decoding: held.dropLast(keep), as: UTF8.self)
        held = Array(held.suffix(keep))
        return (shown, nil)
    }

    /// What was held back, at the end of the stream.
    mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    /// Forgets what was held back.
    mutating func reset() { held = [] }

    private func firstIndex(of stop: [UInt8]) -> Int? {
        guard held.count >= stop.count else { return nil }
        for start in 0...(held.count - stop.count) where held[start..<(start + stop.count)].elementsEqual(stop) { return start }
        return nil
    }
}
