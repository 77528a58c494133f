import CPCRE2
import HadalCore

/// A compiled regular expression over UTF-8 bytes.
///
/// Thread safety: immutable after `init`; any thread may search with a scratch of its own.
final class Pattern: @unchecked Sendable {
    private static let maximumLength = 65_536
    /// Backtracking steps of one search before it is given up.
    private static let matchLimit: UInt32 = 10_000_000
    private static let heapLimitKiB: UInt32 = 256 * 1024

    /// The pattern as it was published.
    let source: String
    private let code: OpaquePointer

    /// What a search writes to. Not shared between threads.
    final class Scratch {
        fileprivate let data: OpaquePointer?
        fileprivate let context: OpaquePointer?

        init() {
            data = pcre2_match_data_create_8(1, nil)
            context = pcre2_match_context_create_8(nil)
            if let context {
                pcre2_set_match_limit_8(context, Pattern.matchLimit)
                pcre2_set_heap_limit_8(context, Pattern.heapLimitKiB)
            }
        }

        deinit {
            pcre2_match_data_free_8(data)
            pcre2_match_context_free_8(context)
        }
    }

    /// - Throws: `malformed` with PCRE2's message.
    init(_ source: String) throws {
        guard source.utf8.count <= Self.maximumLength else {
            throw HadalError(.limitExceeded, "a pattern of \(source.utf8.count) bytes; at most \(Self.maximumLength) are allowed")
        }
        let translated = Array(try PatternTranslator.translate(source).utf8)
        guard let context = pcre2_compile_context_create_8(nil) else { throw HadalError(.outOfMemory, "no memory for a pattern") }
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_LF))
        var error: Int32 = 0
        var offset = 0
        // Oniguruma's ^ and $ always match at line breaks.
        let options = UInt32(PCRE2_UTF) | UInt32(PCRE2_UCP) | UInt32(PCRE2_MULTILINE) | UInt32(PCRE2_NEVER_BACKSLASH_C)
        let compiled = translated.withUnsafeBufferPointer {
            pcre2_compile_8($0.baseAddress, $0.count, options, &error, &offset, context)
        }
        guard let compiled else { throw HadalError(.malformed, "cannot compile the pattern '\(source)': \(Self.message(error))") }
        // Without a just-in-time compiler the interpreter does the same, slower.
        _ = pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
        code = compiled
        self.source = source
    }

    deinit { pcre2_code_free_8(code) }

    private static func message(_ code: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let length = buffer.withUnsafeMutableBufferPointer { pcre2_get_error_message_8(code, $0.baseAddress, $0.count) }
        return length > 0 ? String(decoding: buffer[..<Int(length)], as: UTF8.self) : "error \(code)"
    }

    /// Calls `body` with the range of every match, from left to right.
    ///
    /// - Parameter text: valid UTF-8. Nothing before or after it is seen by the pattern.
    /// - Throws: `limitExceeded` when the pattern backtracks without end.
    func forEachMatch(
        in text: UnsafeBufferPointer<UInt8>, _ scratch: Scratch, _ body: (Range<Int>) -> Void
    ) throws {
        guard let base = text.baseAddress, let data = scratch.data, let context = scratch.context else { return }
        guard let ends = pcre2_get_ovector_pointer_8(data) else { return }
        var at = 0
        var previousEnd = -1
        while at <= text.count {
            var status = pcre2_match_8(code, base, text.count, at, UInt32(PCRE2_NO_UTF_CHECK), data, context)
            if status == PCRE2_ERROR_JIT_STACKLIMIT {
                // The interpreter keeps its stack on the heap.
                status = pcre2_match_8(code, base, text.count, at, UInt32(PCRE2_NO_UTF_CHECK) | UInt32(PCRE2_NO_JIT), data, context)
            }
            if status == PCRE2_ERROR_NOMATCH { return }
            guard status >= 0 else {
                throw HadalError(.limitExceeded, "the pattern '\(source)' failed on the text: \(Self.message(status))")
            }
            let (start, end) = (ends[0], ends[1])
            guard start <= end, end <= text.count, start >= at else {
                // \K can move the start of a match; such a match cuts nothing off.
                at = next(text, max(at, min(end, text.count)))
                continue
            }
            if start == end {
                if start != previousEnd { body(start..<end) }
                at = next(text, end)
            } else {
                body(start..<end)
                at = end
            }
            previousEnd = end
        }
    }

    private func next(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int {
        at < text.count ? min(at + UTF8Text.length(text[at]), text.count) : text.count + 1
    }
}
