import HadalBackend
import HadalCore
import HadalGraph

/// The workgroups of a dispatch for every step there can be, worked out beforehand.
///
/// A step then looks three numbers up and calculates nothing. No workgroups: the stage is left out of that step.
struct Grid {
    /// What the extent that varies is; nil: nothing varies, and there is one entry.
    let symbol: Dim.Symbol?
    /// Three for each value of the extent, from 0 on.
    let groups: [UInt32]

    init(_ stage: OpContract.Stage, _ use: KernelUse, _ parameters: [String: Int], bounds: Segment.Bounds, limits: (UInt32, UInt32, UInt32))
        throws
    {
        let expressions = stage.grid + (stage.when.map { [$0] } ?? [])
        let symbols = use.symbols(in: expressions)
        guard symbols.count <= 1 else { throw HadalError(.unsupported, "a grid that depends on more than one varying extent") }
        symbol = symbols.first
        let most = symbol.map { bounds[$0] } ?? 0
        var groups: [UInt32] = []
        groups.reserveCapacity(3 * (most + 1))
        for n in 0...most {
            let runs = try stage.when.map { try use.evaluate($0, parameters) { _ in n }.bool == true } ?? true
            for axis in 0..<3 {
                guard axis < stage.grid.count else { groups.append(runs ? 1 : 0); continue }
                let value = try use.evaluate(stage.grid[axis], parameters) { _ in n }
                guard let count = value.int, count >= 0 else {
                    throw HadalError(.unsupported, "\(stage.grid[axis].text) is \(value), not a number of workgroups")
                }
                guard count > 0 || !runs || n < most || (symbol != nil && most == 0) else {
                    throw HadalError(
                        .unsupported, "\(stage.grid[axis].text) is 0 workgroups, so that stage '\(stage.name)' would never run")
                }
                let limit = [limits.0, limits.1, limits.2][axis]
                guard !runs || count <= Int(limit) else {
                    throw HadalError(.unsupported, "\(count) workgroups along one axis; the device takes \(limit)")
                }
                groups.append(runs ? UInt32(count) : 0)
            }
        }
        self.groups = groups
    }
}
