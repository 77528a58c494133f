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
        let parts = text.split { ",[] \n\r\t".contains($0) }
        let ids = parts.compactMap { Int32($0) }
        guard ids.count == parts.count else { return nil }
        self.ids = ids
    }
}
