import HadalCore

/// What the kernel says of the threads of this process.
enum SealedThreads {
    struct Thread: Equatable, Sendable {
        var id: Int32
        var name: String
        /// A filter judges its system calls, and it cannot gain privileges.
        var isSealed: Bool
    }

    private static let folder = "/proc/self/task"

    /// Every thread that there is now, by id. A thread that ends meanwhile is left out.
    ///
    /// - Throws: `unsupported` where the system does not say.
    static func all() throws -> [Thread] {
        guard let names = DirectoryListing.names(folder), !names.isEmpty else {
            throw HadalError(.unsupported, "the threads of the process cannot be listed", at: SourcePlace(folder))
        }
        return names.compactMap(Int32.init).sorted().compactMap { id in
            guard let status = SystemFile.text("\(folder)/\(id)/status") else { return nil }
            return Thread(
                id: id, name: name(of: id), isSealed: field("Seccomp", in: status) == "2" && field("NoNewPrivs", in: status) == "1")
        }
    }

    /// What a thread calls itself; "" where it has ended.
    static func name(of id: Int32) -> String {
        var text = Substring(SystemFile.text("\(folder)/\(id)/comm") ?? "")
        while text.last == "\n" { text.removeLast() }
        return String(text)
    }

    private static func field(_ name: String, in status: String) -> String? {
        for line in status.split(separator: "\n") where line.hasPrefix("\(name):") {
            return line.dropFirst(name.utf8.count + 1).split(whereSeparator: { $0 == " " || $0 == "\t" }).first.map(String.init)
        }
        return nil
    }
}
