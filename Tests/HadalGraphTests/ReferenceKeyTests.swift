import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalGraph

/// The key `reference` of a contract.
@Suite struct ReferenceKeyTests {
    private func contract(
        _ reference: String,
        inputs: String = #"{"name": "x", "kind": "value", "dims": ["N", "D"]}, {"name": "w", "kind": "weight", "dims": ["D"]}"#,
        more: String = ""
    ) throws -> OpContract {
        let directory = try KernelDirectory()
        try directory.write(
            "my/op.json",
            """
            {"hadal": "op/1", "op": "my", "summary": "s", "inputs": [\(inputs)], "outputs": [{"name": "y", "dims": ["N", "D"]}],
             "attributes": [{"name": "mode", "type": "string", "default": "a", "choices": ["a", "b"]}, {"name": "f", "type": "float", "default": 1}],
             "reference": \(reference), "tolerance": {"absolute": 1e-5}\(more)}
            """)
        return try OpContract(contentsOf: "\(directory.path)/my/op.json")
    }

    @Test func formsThatAreRead() throws {
        guard case .backend("cpu")? = try contract("\"cpu\"").reference else { return #expect(Bool(false)) }
        guard
            case .expressions(let expressions)? = try contract(#"{"expression": {"y": "mode == 'a' ? x * w + f : x + index.D / D"}}"#)
                .reference
        else {
            return #expect(Bool(false))
        }
        #expect(expressions["y"]?.names == ["mode", "x", "w", "f", "index.D", "D"])
    }

    @Test(arguments: [
        ("\"cuda\"", "backend 'cuda'"), ("3", "must be an object"), ("{\"expression\": {}}", "'y' has no expression"),
        ("{\"expression\": {\"z\": \"x\"}}", "no output 'z'"), ("{\"expression\": {\"y\": \"x +\"}}", "expected a value"),
        ("{\"expression\": {\"y\": \"q\"}}", "unknown name 'q'"), ("{\"expression\": {\"y\": \"index.Q\"}}", "no extent 'Q'"),
        ("{\"expression\": {\"y\": \"gamma(x)\"}}", "unknown function 'gamma'"),
        ("{\"expression\": {\"y\": \"x\"}, \"note\": 1}", "unknown key 'note'"),
    ])
    func faults(_ text: String, _ message: String) {
        expectError(.malformed, message, "op.json:3:") { try contract(text) }
    }

    @Test func whatAnExpressionCannotSay() {
        let other = #"{"name": "x", "kind": "value", "dims": ["N", "E"]}, {"name": "u", "kind": "value", "dims": ["N", "D"]}"#
        expectError(.malformed, "no one element of 'x'") { try contract(#"{"expression": {"y": "x"}}"#, inputs: other) }
        let repeated = #"{"name": "x", "kind": "value", "dims": ["N", "D"], "variadic": true}"#
        expectError(.malformed, "input 'x' repeats") { try contract(#"{"expression": {"y": "x"}}"#, inputs: repeated) }
        expectError(.malformed, "an op with a cache") {
            try contract(#"{"expression": {"y": "x * w"}}"#, more: #", "states": [{"name": "s", "heads": 1, "width": 4}]"#)
        }
    }

    /// Where the contract says that one extent is a multiple of the other, an element goes with its share of neighbours.
    @Test func shorterInputs() throws {
        let inputs = #"{"name": "x", "kind": "value", "dims": ["N", "D"]}, {"name": "g", "kind": "value", "dims": ["N", "E"]}"#
        let condition = #""require": ["D % E == 0"]"#
        expectError(.malformed, condition) { try contract(#"{"expression": {"y": "x * g"}}"#, inputs: inputs) }
        for require in ["D % E == 0", "D%E==0"] {
            #expect(throws: Never.self) {
                try contract(#"{"expression": {"y": "x * g"}}"#, inputs: inputs, more: #", "require": ["\#(require)"]"#)
            }
        }
        expectError(.malformed, condition) {
            try contract(#"{"expression": {"y": "x * g"}}"#, inputs: inputs, more: #", "require": ["E % D == 0"]"#)
        }
    }
}
