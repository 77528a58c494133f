import HadalBackend
import HadalCore
import HadalGraph

/// Checks of a backend's boundary: names, options, devices, buffers, and that faults come back as errors.
struct BoundaryChecks {
    let backend: any Backend
    let index: Int
    let catalogue: OpCatalogue

    private typealias Check = ConformanceReport.Check

    func run() -> [ConformanceReport.Check] {
        var checks = [names(), options(), devices(), reopening(), wrongOptions(), wrongDevice()]
        guard let device = try? backend.open(device: index, options: [:], log: .silent) else { return checks }
        checks += [buffers(device), outOfMemory(device), unknownOp(device), quiesce(device), cancelling(device), liveKernels(device)]
        return checks
    }

    private func check(_ name: String, _ body: () throws -> String?) -> Check {
        do {
            if let fault = try body() { return Check(name: name, status: .fail, detail: fault) }
            return Check(name: name, status: .pass)
        } catch {
            return Check(name: name, status: .fail, detail: "\(error)")
        }
    }

    /// What a person can type after `--backend` or `--set name.`.
    private static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first), bytes.count <= 64 else { return false }
        return bytes.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        }
    }

    private func names() -> Check {
        check("name and version") {
            if !Self.isName(backend.name) {
                return "the name '\(backend.name)' is not a lower-case word of at most 64 letters, digits, - and _"
            }
            return backend.version.isEmpty ? "there is no version" : nil
        }
    }

    private func options() -> Check {
        check("published options") {
            var seen: Set<String> = []
            for option in backend.options {
                if !Self.isName(option.name) { return "'\(option.name)' is not an option name" }
                if !seen.insert(option.name).inserted { return "option '\(option.name)' is published twice" }
                if option.help.isEmpty { return "option '\(option.name)' says nothing about itself" }
                let text: String =
                    switch option.defaultValue {
                    case .bool(let b): "\(b)"
                    case .int(let i): "\(i)"
                    case .float(let d): "\(d)"
                    case .string(let s): s
                    }
                do { _ = try option.parse(text) } catch { return "the default of option '\(option.name)' is not a legal value: \(error)" }
            }
            return nil
        }
    }

    private func devices() -> Check {
        check("devices listed twice") {
            let (first, second) = (try backend.devices(), try backend.devices())
            if first.map(\.id) != second.map(\.id) { return "ids differ: \(first.map(\.id)), then \(second.map(\.id))" }
            if Set(first.map(\.id)).count != first.count { return "two devices have one id: \(first.map(\.id))" }
            return first.contains { $0.id.isEmpty || $0.name.isEmpty } ? "a device has no id or no name" : nil
        }
    }

    private func reopening() -> Check {
        check("opened twice") {
            let first = try backend.open(device: index, options: [:], log: .silent)
            let second = try backend.open(device: index, options: [:], log: .silent)
            if first.info.id != second.info.id { return "the device calls itself '\(first.info.id)', then '\(second.info.id)'" }
            return nil
        }
    }

    private func wrongOptions() -> Check {
        check("wrong options are errors") {
            var wrong: [(String, OptionValue)] = [("no-such-option", .bool(true))]
            for option in backend.options {
                wrong.append((option.name, option.kind == .string ? .bool(true) : .string("no such value")))
                guard let maximum = option.maximum, maximum < 1e15 else { continue }
                if option.kind == .int { wrong.append((option.name, .int(Int64(maximum) + 1))) }
                if option.kind == .float { wrong.append((option.name, .float(maximum + 1))) }
            }
            for (name, value) in wrong {
                do {
                    _ = try backend.open(device: index, options: [name: value], log: .silent)
                    return "option \(name) = \(value) was accepted"
                } catch {}
            }
            return nil
        }
    }

    private func wrongDevice() -> Check {
        check("a device that is not there is an error") {
            let count = try backend.devices().count
            do {
                _ = try backend.open(device: max(count, 1) + 1000, options: [:], log: .silent)
                return "device \(max(count, 1) + 1000) of \(count) was opened"
            } catch { return nil }
        }
    }

    private func buffers(_ device: any Device) -> Check {
        let name = "buffers"
        guard let made = try? device.allocate(bytes: 1000) else {
            return Check(name: name, status: .unsupported, detail: "the device computes on host memory")
        }
        return check(name) {
            if made.bytes < 1000 { return "a buffer of 1000 bytes has \(made.bytes)" }
            var random = SplitMix64(seed: 7)
            let data = (0..<997).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var back = [UInt8](repeating: 0, count: data.count)
            try back.withUnsafeMutableBytes { try made.read(offset: 3, into: $0) }
            if back.contains(where: { $0 != 0 }) { return "a new buffer does not hold zeros" }
            try data.withUnsafeBytes { try made.write(offset: 3, from: $0) }
            try back.withUnsafeMutableBytes { try made.read(offset: 3, into: $0) }
            if back != data { return "bytes written at offset 3 do not read back" }
            guard let other = try device.allocate(bytes: 500) else { return "a second buffer was refused" }
            try other.copy(from: made, sourceOffset: 10, to: 20, bytes: 400)
            var part = [UInt8](repeating: 0, count: 400)
            try part.withUnsafeMutableBytes { try other.read(offset: 20, into: $0) }
            if part != Array(data[7..<407]) { return "bytes copied between buffers differ" }
            let past = made.bytes - 10
            do {
                try data.withUnsafeBytes { try made.write(offset: past, from: $0) }
                return "a write beyond the end was accepted"
            } catch {}
            do {
                try back.withUnsafeMutableBytes { try made.read(offset: past, into: $0) }
                return "a read beyond the end was accepted"
            } catch {}
            do {
                try other.copy(from: made, sourceOffset: 0, to: 400, bytes: 400)
                return "a copy beyond the end was accepted"
            } catch {}
            return nil
        }
    }

    private func outOfMemory(_ device: any Device) -> Check {
        let name = "out of memory is an error"
        let small = try? device.allocate(bytes: 64)
        guard small != nil else { return Check(name: name, status: .unsupported, detail: "the device computes on host memory") }
        return check(name) {
            do {
                if try device.allocate(bytes: 1 << 60) != nil { return "2^60 bytes were granted" }
                return "2^60 bytes were refused without an error"
            } catch let error as HadalError {
                if error.code != .outOfMemory {
                    return "the error is \(error.code.rawValue), not \(HadalError.Code.outOfMemory.rawValue): \(error)"
                }
            }
            return try device.allocate(bytes: 64) == nil ? "the device is of no use afterwards" : nil
        }
    }

    private func unknownOp(_ device: any Device) -> Check {
        check("an unknown op is refused") {
            var graph = Graph(name: "unknown")
            graph.values = [
                .init(name: "x", dtype: .f32, dims: [.tokens, .fixed(4)]), .init(name: "y", dtype: .f32, dims: [.tokens, .fixed(4)]),
            ]
            graph.nodes = [.init(label: "node", op: "no_such_op", inputs: [.value(0)], outputs: [1])]
            graph.inputs = [0]
            graph.outputs = [1]
            let segment = Segment(withoutData: graph, bounds: .init(tokens: 2, sequences: 1, rows: 1))
            guard let reason = device.unsupported(node: 0, of: segment) else { return "it is reported as supported" }
            if reason.isEmpty { return "it is refused without a reason" }
            do {
                _ = try device.compile(segment)
                return "it was compiled"
            } catch { return nil }
        }
    }

    private func quiesce(_ device: any Device) -> Check {
        check("quiesced twice") {
            device.quiesce()
            device.quiesce()
            return nil
        }
    }

    /// An exchange of kernels that cannot be made is an error, and the executable goes on as before.
    private func liveKernels(_ device: any Device) -> Check {
        let name = "a kernel that is not there is refused"
        guard backend.capabilities.contains(.liveKernels) else {
            return Check(name: name, status: .unsupported, detail: "the backend does not exchange kernels")
        }
        guard let (op, trial) = simplestTrial(device) else {
            return Check(name: name, status: .unsupported, detail: "the device runs none of the catalogue's ops")
        }
        return check(name) {
            let executable = try device.compile(trial.segment)
            let before = try trial.run(executable, on: device).outputs
            for wrong in [op, "no_such_op"] {
                do {
                    try executable.replaceKernel(op: wrong, from: "/nonexistent/hadal-kernels")
                    return "the kernel of '\(wrong)' was exchanged for one from a folder that does not exist"
                } catch {}
            }
            return try trial.run(executable, on: device).outputs == before ? nil : "results changed though the exchange failed"
        }
    }

    /// A step whose cancel flag is set from the start: it ends early, or at least ends well.
    private func cancelling(_ device: any Device) -> Check {
        let name = "cancelled steps"
        guard let (_, trial) = simplestTrial(device) else {
            return Check(name: name, status: .unsupported, detail: "the device runs none of the catalogue's ops")
        }
        return check(name) {
            let executable = try device.compile(trial.segment)
            do { _ = try trial.run(executable, on: device, cancelled: true) } catch let error as HadalError where error.code == .cancelled {
            }
            // Either way the executable remains usable.
            _ = try trial.run(executable, on: device)
            return nil
        }
    }

    /// The first case of the first op without state that the device runs.
    private func simplestTrial(_ device: any Device) -> (op: String, trial: ConformanceTrial)? {
        for op in catalogue.contracts.keys.sorted() {
            guard let contract = catalogue.contracts[op], !contract.cases.isEmpty, contract.states.isEmpty,
                let space = try? ConformanceSpace(contract, case: 0), let point = try? space.point(0),
                TrialBuilder.isLegal(point, contract, catalogue)
            else { continue }
            let builder = TrialBuilder(
                catalogue: catalogue, contract: contract, point: point, stateDType: .f32, pageTokens: 64, manySequences: false,
                blockScales: false)
            var random = SplitMix64(seed: 1)
            guard let trial = try? builder.build(&random), device.unsupported(node: 0, of: trial.segment) == nil else { continue }
            return (op, trial)
        }
        return nil
    }
}
