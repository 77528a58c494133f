package import HadalCore

extension ConformanceReport {
    /// The whole report, for `--json`.
    package var json: JSON {
        object([
            ("backend", string(backend)), ("version", string(version)), ("device", string(device)),
            // As text: a 64-bit seed does not fit the numbers of every JSON reader.
            ("seed", string(String(seed))), ("passed", JSON(.bool(passed))),
            (
                "checks",
                JSON(
                    .array(
                        checks.map { check in
                            object([
                                ("name", string(check.name)), ("status", string(check.status.rawValue)), ("detail", string(check.detail)),
                            ])
                        }))
            ),
            (
                "ops",
                JSON(
                    .array(
                        ops.map { op in
                            object([
                                ("op", string(op.name)), ("status", string(op.status.rawValue)), ("cases", JSON(.int(Int64(op.cases)))),
                                ("failed_cases", JSON(.int(Int64(op.failedCases)))),
                                (
                                    "unsupported",
                                    JSON(
                                        .array(
                                            op.unsupported.map {
                                                object([("reason", string($0.reason)), ("cases", JSON(.int(Int64($0.cases))))])
                                            }))
                                ),
                                ("failures", JSON(.array(op.failures.map { $0.json(seed: seed) }))),
                            ])
                        }))
            ),
        ])
    }
}

extension ConformanceReport.Failure {
    package func json(seed: UInt64) -> JSON {
        var pairs: [(String, JSON)] = [
            ("kind", string(kind.rawValue)), ("case", string(id)), ("seed", string(String(seed))), ("summary", string(summary)),
            ("message", string(message)),
        ]
        if !operand.isEmpty {
            pairs += [("operand", string(operand)), ("shape", integers(shape)), ("index", integers(index))]
        }
        if !operands.isEmpty { pairs.append(("operands", string(operands))) }
        if !settings.isEmpty { pairs.append(("settings", JSON(.array(settings.map(string))))) }
        if let wrong { pairs += [("wrong_elements", JSON(.int(Int64(wrong.count)))), ("elements", JSON(.int(Int64(wrong.of))))] }
        // NaN and infinities have no JSON number.
        if let expected { pairs.append(("expected", number(expected))) }
        if let got { pairs.append(("got", number(got))) }
        return object(pairs)
    }
}

private func object(_ pairs: [(String, JSON)]) -> JSON { JSON(.object(JSONObject(pairs))) }
private func string(_ text: String) -> JSON { JSON(.string(text)) }
private func integers(_ values: [Int]) -> JSON { JSON(.array(values.map { JSON(.int(Int64($0))) })) }
private func number(_ value: Double) -> JSON { value.isFinite ? JSON(.double(value)) : string("\(value)") }
