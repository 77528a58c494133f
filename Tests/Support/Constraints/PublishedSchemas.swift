import Foundation
package import HadalConstraints
package import HadalCore

/// The schemas of MaskBench (guidance-ai/jsonschemabench, maskbench), with instances that they allow and some that they do not.
package struct PublishedSchemas {
    package struct Instance {
        package let text: String
        package let isValid: Bool
        /// Its number among the schema's tests.
        package let index: Int
    }

    package let name: String
    package let schema: JSON
    /// Valid ones in several ways of writing them.
    package let instances: [Instance]

    /// - Parameter path: lines of JSON, packed by xz.
    package static func all(_ path: String) throws -> [PublishedSchemas] {
        let unpack = Process()
        unpack.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        unpack.arguments = ["xz", "-dc", path]
        let pipe = Pipe()
        unpack.standardOutput = pipe
        try unpack.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        unpack.waitUntilExit()
        return try String(decoding: data, as: UTF8.self).split(separator: "\n").map {
            try PublishedSchemas(JSONDocument(parsing: String($0), file: "maskbench").root)
        }
    }

    private init(_ row: JSON) throws {
        guard let schema = row["schema"] else { throw HadalError(.malformed, "a row without a schema") }
        (name, self.schema) = (row["name"]?.string ?? "", schema)
        let order = SchemaOrder(root: schema)
        instances = (row["tests"]?.array ?? []).enumerated().flatMap { index, test in
            let isValid = test["valid"]?.bool == true
            let value = order.ordered(test["data"] ?? .null)
            let dumps = isValid ? [JSONDump.compact, JSONDump.all[3]] : [JSONDump.compact]
            return dumps.map { Instance(text: $0.text(value), isValid: isValid, index: index) }
        }
    }

    /// The tests of which a matcher of the schema allows an invalid instance, or refuses a valid one.
    package func mistakes(_ matcher: ConstraintMatcher) throws -> (allowed: [Int], refused: [Int]) {
        var (allowed, refused): ([Int], [Int]) = ([], [])
        for instance in instances {
            var matcher = matcher
            guard try (matcher.accept(bytes: Array(instance.text.utf8)) && matcher.canEnd()) != instance.isValid else { continue }
            if instance.isValid { refused.append(instance.index) } else { allowed.append(instance.index) }
        }
        return (allowed, refused)
    }
}
