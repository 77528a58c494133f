import ArgumentParser
import Hadal
import HadalConformance
import HadalCore
import HadalKernelTools

struct KernelListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List every op on every backend: types, status, and where its source is.",
        discussion: "Shows which conformance cases a backend supports, without running them.")

    @Argument(help: ArgumentHelp("Ops to list (default: all).", valueName: "op"))
    var ops: [String] = []
    @OptionGroup var search: SearchOptions
    @Option(help: ArgumentHelp("List only this backend; may be given several times.", valueName: "name"))
    var backend: [String] = []
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let listing = try KernelListing(environment: search.environment, backends: backend, ops: ops, log: search.log)
        if json { return Terminal.json(listing.json) }
        var rows = [["op", "backend", "status", "types", "cases", "source"]]
        for row in listing.rows {
            let types = row.support.dtypes.map { $0.supported == 0 ? nil : $0.dtype.name + ($0.supported < $0.cases ? "*" : "") }.compactMap
            { $0 }
            let source: String
            switch row.status {
            case .missing(let reason): source = reason
            case .overridden(let path): source = path
            case .native: source = row.source ?? "\(listing.folders[row.op] ?? "")/op.json (kernel inside the backend)"
            }
            rows.append([
                row.op, row.backend, row.status.name, types.isEmpty ? "-" : types.joined(separator: " "),
                "\(row.support.supported)/\(row.support.cases)",
                source,
            ])
        }
        Terminal.line(Terminal.table(rows))
        if listing.rows.contains(where: { $0.support.dtypes.contains { $0.supported > 0 && $0.supported < $0.cases } }) {
            Terminal.line("* some cases of this type are refused; --json has the reasons")
        }
        for item in listing.unavailable { Terminal.line("\(item.backend) is not available: \(item.reason)") }
    }
}
