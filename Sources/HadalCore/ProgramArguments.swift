import CHadalSystem

/// What this program was started with.
package enum ProgramArguments {
    /// All arguments after the program's name.
    ///
    /// The standard library reads them from /proc, which a minimal root need not have; then the C library's are taken.
    package static let afterName: [String] = {
        let known = CommandLine.arguments
        if !known.isEmpty { return Array(known.dropFirst()) }
        guard let values = hadal_system_arguments() else { return [] }
        var list: [String] = []
        var index = 0
        while let value = values[index] {
            list.append(String(cString: value))
            index += 1
        }
        return Array(list.dropFirst())
    }()
}
