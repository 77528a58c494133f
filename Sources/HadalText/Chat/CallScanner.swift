import HadalCore

/// Finds out whether a call begins at a place of a streamed text.
struct CallScanner: Sendable {
    enum Result {
        /// No call, whatever follows.
        case none
        /// More must come to tell.
        case waiting
        /// Calls that end before this byte.
        case found([FoundCall], end: Int)
    }

    /// Longer calls are text.
    private static let longestCall = 4 << 20

    let formats: [ToolCallFormat]
    let offered: OfferedTools
    let acceptsBare: Bool
    /// Texts that begin calls, or groups of them.
    let triggers: [[UInt8]]
    private let boundaries: [[UInt8]]

    /// - Parameter between: texts of the reply's form that can stand only outside of calls.
    init(_ formats: [ToolCallFormat], tools: JSON?, between: [String] = []) {
        self.formats = formats
        offered = OfferedTools(tools)
        acceptsBare = formats.contains { !$0.bare.isEmpty }
        triggers = Self.unique(formats.flatMap(\.triggers))
        boundaries = Self.unique(
            formats.flatMap { $0.triggers + $0.end + $0.drops.map { Array($0.utf8) } } + between.map { Array($0.utf8) })
    }

    private static func unique(_ texts: [[UInt8]]) -> [[UInt8]] {
        var seen: Set<[UInt8]> = [[]]
        return texts.filter { seen.insert($0).inserted }
    }

    /// - Parameter isBare: nothing marks the call but that it stands here.
    func scan(_ text: [UInt8], at start: Int, isBare: Bool, ending: ToolCallMatcher.Ending) -> Result {
        for format in formats {
            for pattern in isBare ? format.bare : format.calls {
                var matcher = ToolCallMatcher(text, ending: ending, format: format, offered: offered, boundaries: boundaries)
                switch matcher.match(pattern, from: start) {
                case .failed: continue
                case .incomplete:
                    guard text.count - start <= Self.longestCall else { continue }
                    return .waiting
                case .matched(let end):
                    if let found = format.calls(matcher, isBare: isBare) { return .found(found, end: end) }
                }
            }
        }
        return .none
    }
}
