import HadalBackend
import HadalGraph

/// Which dispatches a step runs, by its extents: a stage may be for few tokens only, or for many.
///
/// Steps that leave out the same dispatches share their commands, in which the others, and the barriers between them, do not appear.
struct StepForms {
    /// Of tokens, sequences and rows, in this order.
    private struct Axis {
        /// The form that each value of the extent belongs to.
        var forms: [Int]
        /// Whether each dispatch runs in each form, as far as this extent decides.
        var runs: [[Bool]]
    }

    private let axes: [Axis]

    init(_ dispatches: [Dispatch], bounds: Segment.Bounds) {
        axes = [Dim.Symbol.tokens, .sequences, .rows].map { symbol in
            var axis = Axis(forms: [], runs: []), known: [[Bool]: Int] = [:]
            for n in 0...max(bounds[symbol], 0) {
                let runs = dispatches.map { dispatch in
                    guard dispatch.grid.symbol == symbol || dispatch.grid.symbol == nil else { return true }
                    let at = dispatch.grid.symbol == nil ? 0 : 3 * n
                    return dispatch.grid.groups[at..<at + 3].allSatisfy { $0 > 0 }
                }
                if let form = axis.forms.last, axis.runs[form] == runs {
                    axis.forms.append(form)
                    continue
                }
                let form = known[runs] ?? axis.runs.count
                if form == axis.runs.count {
                    known[runs] = form
                    axis.runs.append(runs)
                }
                axis.forms.append(form)
            }
            return axis
        }
    }

    /// A number that is the same for steps with the same dispatches. Allocates nothing.
    func form(tokens: Int, sequences: Int, rows: Int) -> Int {
        let (t, s, r) = (axes[0], axes[1], axes[2])
        return (t.forms[tokens] * s.runs.count + s.forms[sequences]) * r.runs.count + r.forms[rows]
    }

    /// Indices of the dispatches of a form, in order.
    func running(in form: Int) -> [Int] {
        let (t, s, r) = (axes[0], axes[1], axes[2])
        let runs = [t.runs[form / r.runs.count / s.runs.count], s.runs[form / r.runs.count % s.runs.count], r.runs[form % r.runs.count]]
        return runs[0].indices.filter { i in runs.allSatisfy { $0[i] } }
    }
}
