import ArgumentParser
import Foundation
import Hadal

/// Token ids on the command line: `1,2,3`, or `@FILE` with ids separated by commas or white space.
struct TokenList: ExpressibleByArgument {
    var ids: [Int32]

    init?(argument: String) {
        var text = argument
        if text.hasPrefix("@") {
            guard let read = try? String(contentsOfFile: String(text.dropFirst()), encoding: .utf8) else { return nil }
            text = read
        }
        var items = text.trimmingCharacters(in: .whitespacesAndNewlines)
        if items.hasPrefix("["), items.hasSuffix("]") { items = String(items.dropFirst().dropLast()) }
        ids = []
        // A comma ends an item: nothing between two of them is a mistake, white space around them is not.
        for part in items.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(whereSeparator: \.isWhitespace)
            guard !words.isEmpty else { return nil }
            for word in words {
                guard let id = Int32(word) else { return nil }
                ids.append(id)
            }
        }
    }
}
