package import CHadalPlugin
package import HadalCore

/// A plugin's function table after every check that can be made without calling it.
///
/// Functions that the plugin leaves out are nil, whether they are NULL or lie beyond the table's `size`.
/// Thread safety: immutable. The functions live as long as the library is loaded.
package struct PluginTable: @unchecked Sendable {
    package typealias Failure = UnsafeMutablePointer<hadal_error>
    package typealias Supports =
        @convention(c) (
            OpaquePointer?, UnsafePointer<hadal_segment>?, UInt32, UnsafeMutablePointer<CChar>?, UInt32
        ) -> UInt32
    package typealias Compile =
        @convention(c) (
            OpaquePointer?, UnsafePointer<hadal_segment>?, UnsafeMutablePointer<OpaquePointer?>?
        ) -> Failure?
    package typealias Execute = @convention(c) (OpaquePointer?, UnsafePointer<hadal_execution>?) -> Failure?
    package typealias Release = @convention(c) (OpaquePointer?) -> Void

    package let name: String
    package let version: String
    package let summary: String
    package let capabilities: BackendCapabilities
    package let options: [OptionSpec]
    package let supports: Supports
    package let compile: Compile
    package let execute: Execute
    package let executableRelease: Release
    /// The table with zeros for what the plugin left out.
    package let raw: hadal_plugin

    /// - Throws: `.unsupported` or `.malformed` with the reason why the plugin cannot be used.
    package init(_ pointer: UnsafePointer<hadal_plugin>) throws {
        let size = pointer.withMemoryRebound(to: UInt32.self, capacity: 1) { $0.pointee }
        let raw = readPrefix(of: pointer, size: size, over: hadal_plugin())
        self.raw = raw
        guard let name = foreignString(raw.name) else { throw HadalError(.malformed, "the plugin has no name") }
        guard PluginTable.isLegal(name: name) else {
            throw HadalError(
                .malformed, "the plugin's name '\(name.prefix(80))' is not legal",
                hint: "a name starts with a lower-case letter and has up to 64 lower-case letters, digits, '-' and '_'")
        }
        self.name = name
        version = foreignString(raw.version) ?? ""
        summary = foreignString(raw.description) ?? ""
        capabilities = BackendCapabilities(rawValue: raw.capabilities)

        func missing(_ function: String) -> HadalError {
            HadalError(.unsupported, "plugin '\(name)' lacks the required function \(function) (its table has \(size) bytes)")
        }
        guard let supports = raw.supports else { throw missing("supports") }
        guard let compile = raw.compile else { throw missing("compile") }
        guard let executableRelease = raw.executable_release else { throw missing("executable_release") }
        guard let execute = raw.execute else { throw missing("execute") }
        (self.supports, self.compile, self.executableRelease, self.execute) = (supports, compile, executableRelease, execute)
        if raw.open_device != nil, raw.close_device == nil { throw missing("close_device, which open_device needs") }
        if raw.buffer_allocate != nil || raw.buffer_import != nil, raw.buffer_release == nil {
            throw missing("buffer_release, which buffer_allocate and buffer_import need")
        }
        if raw.buffer_allocate != nil, raw.buffer_host_pointer == nil, raw.buffer_write == nil || raw.buffer_read == nil {
            throw missing("buffer_write and buffer_read (or buffer_host_pointer), which buffer_allocate needs")
        }
        options = try PluginTable.options(of: raw, plugin: name)
    }

    static func isLegal(name: String) -> Bool {
        guard let first = name.utf8.first, (0x61...0x7A).contains(first), name.utf8.count <= 64 else { return false }
        return name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F }
    }

    // MARK: options

    private static func options(of raw: hadal_plugin, plugin: String) throws -> [OptionSpec] {
        guard raw.option_count > 0 else { return [] }
        func bad(_ what: String) -> HadalError { HadalError(.malformed, "plugin '\(plugin)': \(what)") }
        guard let base = raw.options else { throw bad("has \(raw.option_count) options and no list of them") }
        guard raw.option_count <= 4096 else { throw bad("claims \(raw.option_count) options") }
        // The part that version 1 of the ABI has; a plugin's structs may be larger, never smaller.
        guard Int(raw.option_stride) >= MemoryLayout<hadal_option_spec>.size else {
            throw bad("option_stride of \(raw.option_stride) is less than an option's \(MemoryLayout<hadal_option_spec>.size) bytes")
        }
        var specs: [OptionSpec] = []
        for i in 0..<Int(raw.option_count) {
            let pointer = UnsafeRawPointer(base).advanced(by: i * Int(raw.option_stride)).assumingMemoryBound(to: hadal_option_spec.self)
            let spec = readPrefix(of: pointer, size: pointer.pointee.size, over: hadal_option_spec())
            guard let name = foreignString(spec.name), isLegal(name: name) else {
                throw bad("option \(i) has no legal name ('\(foreignString(spec.name) ?? "")')")
            }
            guard !specs.contains(where: { $0.name == name }) else { throw bad("has two options named '\(name)'") }
            specs.append(try option(spec, name: name, bad: { bad("option '\(name)' \($0)") }))
        }
        return specs
    }

    private static func option(_ spec: hadal_option_spec, name: String, bad: (String) -> HadalError) throws -> OptionSpec {
        guard let kind = OptionSpec.Kind(rawValue: spec.kind) else { throw bad("is of unknown kind \(spec.kind)") }
        var choices: [String] = []
        if spec.choice_count > 0 {
            guard kind == .string else { throw bad("has choices but is not a string") }
            guard let list = spec.choices, spec.choice_count <= 4096 else {
                throw bad("has \(spec.choice_count) choices and no list of them")
            }
            for i in 0..<Int(spec.choice_count) {
                guard let choice = foreignString(list[i]) else { throw bad("has a choice without text") }
                choices.append(choice)
            }
        }
        let value: OptionValue
        switch kind {
        case .bool: value = .bool(spec.default_int != 0)
        case .int: value = .int(spec.default_int)
        case .float: value = .float(spec.default_float)
        case .string: value = .string(foreignString(spec.default_string) ?? "")
        }
        let ranged = kind == .int || kind == .float
        let minimum = ranged && spec.range & UInt32(HADAL_RANGE_MINIMUM) != 0 ? spec.minimum : nil
        let maximum = ranged && spec.range & UInt32(HADAL_RANGE_MAXIMUM) != 0 ? spec.maximum : nil
        if let minimum, let maximum, !(minimum <= maximum) { throw bad("has an empty range \(minimum)...\(maximum)") }
        let result = OptionSpec(
            name: name, kind: kind, defaultValue: value, minimum: minimum, maximum: maximum, choices: choices,
            help: foreignString(spec.help) ?? "")
        if let problem = result.problem(with: value) { throw bad("has a default that \(problem)") }
        return result
    }
}
