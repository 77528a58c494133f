import HadalCore

/// What the conformance kit found about one device of one backend.
public struct ConformanceReport: Sendable {
    public enum Status: String, Sendable {
        case pass, fail
        /// The device says that it cannot, and why.
        case unsupported
    }

    /// A check of the plugin's boundary rather than of an op.
    public struct Check: Sendable {
        public var name: String
        public var status: Status
        public var detail: String
        public init(name: String, status: Status, detail: String = "") {
            self.name = name
            self.status = status
            self.detail = detail
        }
    }

    public struct Failure: Sendable {
        public enum Kind: String, Sendable {
            /// A result beyond the tolerance.
            case mismatch
            /// Bytes written that are not the op's to write.
            case overwritten
            /// A cache that does not hold what it should after the step.
            case state
            /// The same step gave other bits the second time.
            case unrepeatable
            /// What lies outside of the operands changes the result.
            case outside
            /// A step without tokens failed.
            case empty
            /// No report, or a wrong one, though the backend claims to trace.
            case trace
            /// An error from a node that the device said it supports.
            case error
        }
        public var kind: Kind
        /// Names the case; with the seed, replays it.
        public var id: String
        public var summary: String
        public var message: String
        /// Output or state, and its shape in this step.
        public var operand: String
        public var shape: [Int]
        /// The worst element.
        public var index: [Int]
        public var expected: Double?
        public var got: Double?
        /// Shape and type of every operand: "x f32[5, 64], weight q4_0[7, 64] -> y f32[5, 7]".
        public var operands = ""
        /// Settings of the backend, beside the user's, with which it came about: "cpu.threads=3".
        public var settings: [String] = []
        /// Elements beyond the tolerance, of how many; nil where they are not judged one by one.
        public var wrong: (count: Int, of: Int)?

        public init(
            kind: Kind, id: String, summary: String, message: String, operand: String = "", shape: [Int] = [], index: [Int] = [],
            expected: Double? = nil, got: Double? = nil
        ) {
            self.kind = kind
            self.id = id
            self.summary = summary
            self.message = message
            self.operand = operand
            self.shape = shape
            self.index = index
            self.expected = expected
            self.got = got
        }
    }

    public struct Op: Sendable {
        public var name: String
        /// Cases that ran.
        public var cases = 0
        /// Cases that failed.
        public var failedCases = 0
        public var failures: [Failure] = []
        /// Why cases did not run, and how many for each reason.
        public var unsupported: [(reason: String, cases: Int)] = []

        public init(name: String) { self.name = name }

        public var status: Status { failures.isEmpty ? (cases > 0 ? .pass : .unsupported) : .fail }

        mutating func skip(_ reason: String) {
            if let i = unsupported.firstIndex(where: { $0.reason == reason }) {
                unsupported[i].cases += 1
            } else {
                unsupported.append((reason, 1))
            }
        }
    }

    public var backend: String
    public var version: String
    public var device: String
    public var seed: UInt64
    public var checks: [Check] = []
    public var ops: [Op] = []

    public init(backend: String, version: String, device: String, seed: UInt64) {
        self.backend = backend
        self.version = version
        self.device = device
        self.seed = seed
    }

    /// Nothing failed, and there is an op that the device runs.
    public var passed: Bool {
        !checks.contains { $0.status == .fail } && !ops.contains { $0.status == .fail } && ops.contains { $0.status == .pass }
    }
}
