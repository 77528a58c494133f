import HadalGraph

extension Segment {
    /// A sub-segment and how its indices map to the whole's.
    struct SubSegment {
        var segment: Segment
        /// Whole-graph value of each input and output of the part.
        var inputs: [Int]
        var outputs: [Int]
        /// Whole-graph index of each state of the part.
        var states: [Int]
        /// Whole-graph index of each weight of the part.
        var weights: [Int]
    }

    /// The nodes of a range as a segment of their own.
    ///
    /// Its inputs are the values made outside the range, its outputs those that later nodes or the host read.
    func part(_ range: Range<Int>) -> SubSegment {
        var graph = Graph(name: "\(self.graph.name)[\(range.lowerBound)..<\(range.upperBound)]")
        var valueIndex: [Int: Int] = [:]
        var weightIndex: [Int: Int] = [:]
        var stateIndex: [Int: Int] = [:]
        var weightData: [WeightData] = []
        var inputs: [Int] = []
        var states: [Int] = []
        var weightNumbers: [Int] = []

        func value(_ old: Int) -> Int {
            if let new = valueIndex[old] { return new }
            graph.values.append(self.graph.values[old])
            valueIndex[old] = graph.values.count - 1
            return graph.values.count - 1
        }
        var produced: Set<Int> = []
        for node in self.graph.nodes[range] {
            var copy = node
            copy.inputs = node.inputs.map { operand in
                switch operand {
                case .none: return .none
                case .value(let old):
                    if !produced.contains(old), valueIndex[old] == nil { inputs.append(old) }
                    return .value(value(old))
                case .weight(let old):
                    if let new = weightIndex[old] { return .weight(new) }
                    graph.weights.append(self.graph.weights[old])
                    weightData.append(weights[old])
                    weightNumbers.append(old)
                    weightIndex[old] = graph.weights.count - 1
                    return .weight(graph.weights.count - 1)
                }
            }
            copy.outputs = node.outputs.map {
                produced.insert($0); return value($0)
            }
            copy.states = node.states.map { old in
                if let new = stateIndex[old] { return new }
                graph.states.append(self.graph.states[old])
                states.append(old)
                stateIndex[old] = graph.states.count - 1
                return graph.states.count - 1
            }
            graph.nodes.append(copy)
        }
        var readLater = Set(self.graph.outputs)
        for node in self.graph.nodes[range.upperBound...] {
            for case .value(let v) in node.inputs { readLater.insert(v) }
        }
        let outputs = produced.intersection(readLater).sorted()
        graph.inputs = inputs.map { valueIndex[$0]! }
        graph.outputs = outputs.map { valueIndex[$0]! }
        let segment = Segment(graph: graph, weights: weightData, bounds: bounds, stateDType: stateDType, pageTokens: pageTokens)
        return SubSegment(segment: segment, inputs: inputs, outputs: outputs, states: states, weights: weightNumbers)
    }
}
