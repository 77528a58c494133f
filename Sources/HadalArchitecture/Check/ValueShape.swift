import HadalCore
import HadalGraph

/// What is known of a value's shape before there is a model: which symbol its rows may be, and how many dims it has.
struct ValueShape {
    struct Rows: OptionSet {
        let rawValue: Int
        /// T: a row for each token of the step.
        static let tokens = Rows(rawValue: 1)
        /// R: a row for each token whose logits are asked for.
        static let wanted = Rows(rawValue: 2)
        /// A number of rows of its own, or nothing is known.
        static let other = Rows(rawValue: 4)

        var letter: String? { self == .tokens ? "T" : self == .wanted ? "R" : nil }
    }

    var rows: Rows
    /// nil: it depends.
    var rank: Int?
    var dtype: DType?
    /// Who made it last.
    var place: SourcePlace?

    init(rows: Rows, rank: Int?, dtype: DType?, place: SourcePlace? = nil) {
        self.rows = rows
        self.rank = rank
        self.dtype = dtype
        self.place = place
    }

    init(_ dim: Dim, rank: Int, dtype: DType) {
        self.init(rows: dim == .tokens ? .tokens : dim == .rows ? .wanted : .other, rank: rank, dtype: dtype)
    }

    /// What it is where it may be either, this one or the later.
    func merged(with other: ValueShape) -> ValueShape {
        ValueShape(
            rows: rows.union(other.rows), rank: rank == other.rank ? rank : nil, dtype: dtype == other.dtype ? dtype : nil,
            place: other.place ?? place)
    }
}
