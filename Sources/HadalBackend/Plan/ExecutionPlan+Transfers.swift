package import HadalGraph

extension ExecutionPlan {
    /// A copy of a value between the host's memory and that of a device.
    package struct Transfer: Sendable, Equatable {
        package enum Direction: String, Sendable { case upload, download }
        package enum Purpose: String, Sendable {
            /// Something that the host gives the model, and what it reads of it.
            case input, output
            /// One device reads what another one made.
            case crossing
        }

        package var value: Int
        /// Whose memory, an index into `devices`.
        package var device: Int
        package var direction: Direction
        package var purpose: Purpose
        /// The part before which (upload) or after which (download) it happens.
        package var part: Int
    }

    /// Bytes that the copies between devices, or all of them, move in a step.
    package func copiedBytes(in graph: Graph, tokens: Int, rows: Int, of purposes: Set<Transfer.Purpose> = [.crossing]) -> Int {
        transfers.reduce(0) { sum, transfer in
            guard purposes.contains(transfer.purpose) else { return sum }
            return Self.sum(sum, graph.values[transfer.value].bytes(tokens: tokens, sequences: 1, rows: rows))
        }
    }

    /// Bytes of the values that cross between devices in a step.
    package func crossingBytes(in graph: Graph, tokens: Int, rows: Int) -> Int {
        crossings.reduce(0) { Self.sum($0, graph.values[$1.value].bytes(tokens: tokens, sequences: 1, rows: rows)) }
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }

    /// Finds what has to be copied, and nothing twice: a value is downloaded once however many read it, and uploaded once to each
    /// device that reads it.
    mutating func findTransfers(in graph: Graph) {
        crossings = []
        transfers = []
        let outputs = Set(graph.outputs)
        // The part that makes each value, and the devices whose memory has it.
        var maker: [Int: Int] = [:]
        var holders: [Int: Set<Int>] = [:]
        var read: [Int: Set<Int>] = [:]
        var readers = Array(repeating: Set<Int>(), count: graph.values.count)
        for part in parts {
            for node in graph.nodes[part.nodes] { for case .value(let value) in node.inputs { readers[value].insert(part.device) } }
        }

        for (index, part) in parts.enumerated() {
            let device = part.device
            for node in graph.nodes[part.nodes] {
                for case .value(let value) in node.inputs {
                    let from = maker[value].map { parts[$0].device }
                    if let from, from != device, read[value, default: []].insert(device).inserted {
                        crossings.append(Crossing(value: value, from: from, to: device))
                    }
                    if ownsMemory[device], maker[value] != index, holders[value, default: []].insert(device).inserted {
                        transfers.append(
                            Transfer(
                                value: value, device: device, direction: .upload, purpose: from == nil ? .input : .crossing, part: index))
                    }
                }
                for value in node.outputs {
                    maker[value] = index
                    if ownsMemory[device] { holders[value, default: []].insert(device) }
                }
            }
            guard ownsMemory[device] else { continue }
            for node in graph.nodes[part.nodes] {
                for value in node.outputs {
                    let isRead = readers[value].contains { $0 != device }
                    guard isRead || outputs.contains(value) else { continue }
                    transfers.append(
                        Transfer(value: value, device: device, direction: .download, purpose: isRead ? .crossing : .output, part: index))
                }
            }
        }
    }
}
