import HadalCore

extension KernelSupport {
    /// What stands before the tables of `docs/kernel-status.md`.
    package static let pageHead = """
        # Kernel status

        Which op each backend runs with weights of which type, as the backends say of the conformance cases in
        `kernels/ops/<op>/op.json`. This page is made by a test (`HADAL_WRITE_DOCS=1`), which also fails when it is out of date;
        `hadal kernels list` says the same of an installation, with the user's own kernels, and why a case is refused. An op
        without weights stands under f32. *yes*: every case; *3 of 8*: so many of them; *no*: none; empty: the contract has no
        such case.

        """

    /// One backend's table: a row an op, a column a type that some case has.
    package static func section(_ backend: String, _ rows: [KernelSupport]) -> String {
        let types = DType.allCases.filter { dtype in rows.contains { $0.dtypes.contains { $0.dtype == dtype } } }
        var text = "## \(backend)\n\n| op | \(types.map(\.name).joined(separator: " | ")) |\n|---|\(types.map { _ in "---|" }.joined())\n"
        for row in rows.sorted(by: { $0.op < $1.op }) {
            let cells = types.map { dtype -> String in
                guard let cell = row.dtypes.first(where: { $0.dtype == dtype }) else { return "" }
                return cell.supported == cell.cases ? "yes" : cell.supported == 0 ? "no" : "\(cell.supported) of \(cell.cases)"
            }
            text += "| [\(row.op)](ops.md#\(row.op)) | \(cells.joined(separator: " | ")) |\n"
        }
        return text
    }

    /// The sections of a page by their headings, in order.
    package static func sections(of page: String) -> [(backend: String, text: String)] {
        var sections: [(backend: String, text: String)] = []
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("## ") {
                sections.append((String(line.dropFirst(3)), "\(line)\n"))
            } else if !sections.isEmpty, !line.isEmpty || sections[sections.count - 1].text.split(separator: "\n").count == 1 {
                sections[sections.count - 1].text += "\(line)\n"
            }
        }
        return sections
    }
}
