import Hadal
import HadalCore

/// Texts of JSON lines on stdin, read and made into tokens by a thread of its own while others are computed.
///
/// Thread safety: one thread reads `next`.
final class EncoderRows: Sendable {
    private struct State {
        var inputs: [EncoderInput] = []
        /// The thread waits for whoever writes to stdin: what is there is all there is for now.
        var isWaiting = false
        var isAtEnd = false
        var error: (any Error)?
    }

    /// Rows that are handed out at once, and those that are read ahead.
    private static let group = 128, ahead = 256
    private let state = Monitor(State())

    /// - Parameter encode: runs on the thread that reads.
    init(_ encode: @escaping @Sendable (String) throws -> EncoderInput) throws {
        // The thread ends with stdin, or waits for it when the program ends.
        let thread = SystemThread(name: "hadal-rows") { [state] in
            do {
                var rows = TextRows()
                while let text = try rows.next({ state.update { $0.isWaiting = true } }) {
                    let input = try encode(text)
                    state.wait(until: { $0.inputs.count < Self.ahead }, then: { _ in })
                    state.update {
                        $0.inputs.append(input)
                        $0.isWaiting = false
                    }
                }
            } catch {
                state.withLock { $0.error = error }
            }
            state.update { $0.isAtEnd = true }
        }
        guard thread != nil else { throw HadalError(.io, "the system has no thread to read stdin") }
    }

    /// Some rows, as soon as there are many or no more have come; nil after the last.
    ///
    /// - Throws: what a row has wrong, after the rows before it.
    func next() throws -> [EncoderInput]? {
        defer { state.changed.wakeAll() }
        return try state.wait(
            until: { $0.inputs.count >= Self.group || $0.isWaiting && !$0.inputs.isEmpty || $0.isAtEnd },
            then: { state in
                if state.inputs.isEmpty, let error = state.error { throw error }
                guard !state.inputs.isEmpty else { return nil }
                let taken = Array(state.inputs.prefix(Self.group))
                state.inputs.removeFirst(taken.count)
                return taken
            })
    }
}

/// The texts of rows {"text"} on stdin. Empty lines are none.
struct TextRows {
    private var lines = InputLines()
    private var number = 0

    /// - Parameter willWait: as in `InputLines`.
    /// - Throws: `malformed` for a row that is not JSON or has no text.
    mutating func next(_ willWait: () -> Void = {}) throws -> String? {
        while let row = lines.next(willWait) {
            number += 1
            guard !row.isEmpty else { continue }
            let place = "row \(number)"
            let document = try JSONDocument(parsing: number == 1 ? InputText.withoutMark(row) : row, file: place)
            guard let text = document.root["text"]?.string else {
                throw HadalError(.malformed, "a row requires \"text\"", at: SourcePlace(place))
            }
            return text
        }
        return nil
    }
}
