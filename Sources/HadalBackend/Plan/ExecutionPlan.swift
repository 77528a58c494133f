import HadalCore
package import HadalGraph

/// Which device runs which nodes, and why: made once when a model is loaded, and part of the API.
public struct ExecutionPlan: Sendable {
    /// A run of consecutive nodes on one device.
    public struct Part: Sendable, Equatable {
        /// Index into `devices`.
        public var device: Int
        public var nodes: Range<Int>
    }

    /// A node that the device it was meant for could not take.
    public struct Move: Sendable, Equatable {
        /// Index into the graph's nodes.
        public var node: Int
        public var label: String
        public var op: String
        public var from: String
        public var to: String
        public var reason: String
    }

    /// A value that one device makes and another one reads.
    public struct Crossing: Sendable, Equatable {
        public var value: Int
        /// Indices into `devices`.
        public var from: Int
        public var to: Int
    }

    /// Names of the devices that have nodes, the one meant for most of them first.
    public internal(set) var devices: [String]
    /// Whether each device has memory of its own. The others all compute on the host's.
    public internal(set) var ownsMemory: [Bool]
    public internal(set) var parts: [Part]
    public internal(set) var moves: [Move]
    /// Values that cross from one device to another in a step, whether or not that takes a copy.
    public internal(set) var crossings: [Crossing]
    /// Every copy that a step makes between the host's memory and a device's, in order.
    package internal(set) var transfers: [Transfer]

    /// Copies that a step makes because one device reads what another one made. What goes to and from the host itself is not among them.
    public var copies: Int { transfers.count { $0.purpose == .crossing } }

    /// The device of each node.
    public var deviceOfNode: [Int] { parts.flatMap { part in part.nodes.map { _ in part.device } } }

    /// The device that keeps each state.
    func deviceOfState(in graph: Graph) -> [Int] {
        var device = Array(repeating: 0, count: graph.states.count)
        for part in parts { for node in graph.nodes[part.nodes] { for state in node.states { device[state] = part.device } } }
        return device
    }
}

extension Graph.Value {
    /// Bytes at given extents; `Int.max` where that is too many.
    package func bytes(tokens: Int, sequences: Int, rows: Int) -> Int {
        var elements = 1
        for dim in dims {
            let extent: Int
            switch dim {
            case .fixed(let n): extent = n
            case .symbol(.tokens): extent = tokens
            case .symbol(.sequences): extent = sequences
            case .symbol(.rows): extent = rows
            }
            let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
            guard !overflow else { return .max }
            elements = product
        }
        return dtype.byteCount(elements: elements) ?? .max
    }
}

/// What happens when the chosen device cannot run an op that another one can.
public enum FallbackPolicy: String, Sendable, CaseIterable {
    /// Refuse the model, naming every op that would move and why.
    case error
    /// Move the op and say so.
    case warn
    /// Move the op; the plan still lists it.
    case allow
}
