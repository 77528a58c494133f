import ArgumentParser
import HadalCore

/// Options of `hadal serve` that are not on its command line but in a variable or a file. The command line counts first, then variables, then the file.
struct ServeSettings {
    static let prefix = "HADAL_SERVE_"
    /// What names the file. It cannot stand in the file itself.
    private static let fileKey = "config"

    private let table: OptionTable
    /// What the command line does not say.
    private let settings: [Setting]
    private let own: [String]

    /// - Parameters:
    ///   - arguments: those after `serve`.
    ///   - environment: all variables.
    /// - Throws: `HadalError` with the variable, or the file's line and column, for what no option is called or does not take.
    init(_ arguments: [String], environment: [String: String]) throws {
        let table = try Self.table()
        let given = table.keys(in: arguments)
        let variables = try Self.variables(environment, table)
        let path =
            given.contains(Self.fileKey)
            ? try Self.path(in: arguments) : variables.first { $0.entry.key == Self.fileKey }?.values.first
        var settings = variables.filter { !given.contains($0.entry.key) && $0.entry.key != Self.fileKey }
        let known = given.union(settings.map(\.entry.key))
        if let path { settings += try Self.file(path, table).filter { !known.contains($0.entry.key) } }
        (self.table, self.settings, own) = (table, settings, arguments)
    }

    static func table() throws -> OptionTable { try OptionTable(help: ServeCommand._dumpHelp(), positional: "models") }

    /// The variable that stands for an option.
    static func variable(_ key: String) -> String { prefix + key.uppercased().replacing("-", with: "_") }

    /// All arguments of a program whose first is `serve`, with what variables and a file add to them; others as they are.
    ///
    /// - Throws: `HadalError` with the place of a setting that cannot be used.
    static func expanded(_ arguments: [String], environment: [String: String]) throws -> [String] {
        guard arguments.first == ServeCommand.configuration.commandName else { return arguments }
        let own = Array(arguments.dropFirst())
        let options = own.prefix { $0 != "--" }
        if options.contains("--help") || options.contains("-h") { return arguments }
        let settings = try ServeSettings(own, environment: environment)
        try settings.check()
        return arguments.prefix(1) + settings.arguments(without: nil)
    }

    /// - Parameter index: of a setting that is left out.
    private func arguments(without index: Int?) -> [String] {
        let used = settings.indices.filter { $0 != index }.map { settings[$0] }
        let models = used.filter(\.entry.names.isEmpty).flatMap(\.arguments)
        let options = used.filter { !$0.entry.names.isEmpty }.flatMap(\.arguments)
        // Behind the separator, since a model may begin with a dash.
        return options + own + (models.isEmpty || own.contains("--") ? models : ["--"] + models)
    }

    /// Finds the setting because of which the whole cannot be parsed: the first without which there is another mistake, or none. Models are not looked
    /// at: without them there is always another one, and the parser takes any text.
    private func check() throws {
        guard let fault = Self.fault(arguments(without: nil)) else { return }
        for index in settings.indices where !settings[index].entry.names.isEmpty && Self.fault(arguments(without: index)) != fault {
            throw HadalError(.invalidArgument, fault, at: settings[index].place)
        }
    }

    /// nil: they can be parsed.
    private static func fault(_ arguments: [String]) -> String? {
        do {
            _ = try ServeCommand.parse(NumericArguments.joined(arguments))
            return nil
        } catch { return ServeCommand.message(for: error) }
    }

    private static func path(in arguments: [String]) throws -> String? {
        let name = "--\(fileKey)"
        guard let index = arguments.lastIndex(where: { $0 == name || $0.hasPrefix("\(name)=") }) else { return nil }
        if let split = arguments[index].firstIndex(of: "=") {
            return String(arguments[index][arguments[index].index(after: split)...])
        }
        // Without a value the parser says what is missing.
        return arguments.indices.contains(index + 1) ? arguments[index + 1] : nil
    }

    /// - Throws: for a variable with the prefix that stands for no option. One that is empty counts as absent.
    private static func variables(_ environment: [String: String], _ table: OptionTable) throws -> [Setting] {
        try environment.filter { $0.key.hasPrefix(prefix) && !$0.value.isEmpty }.sorted { $0.key < $1.key }.map { name, value in
            guard let entry = table.entries.first(where: { variable($0.key) == name }) else {
                throw HadalError(
                    .invalidArgument, "the variable stands for no option of hadal serve", at: SourcePlace(name),
                    hint: "known: \(table.entries.map { variable($0.key) }.sorted().joined(separator: ", "))")
            }
            return try Setting(value, of: entry, variable: name)
        }
    }

    private static func file(_ path: String, _ table: OptionTable) throws -> [Setting] {
        let document = try JSONDocument(contentsOf: path, rejectDuplicateKeys: true)
        var fields = try JSONFields(document.root, in: document, what: "settings of hadal serve")
        let settings = try table.entries.filter { $0.key != fileKey }.compactMap { entry in
            try fields.optional(entry.key).map { try Setting($0, of: entry, in: document) }
        }
        try fields.finish()
        return settings
    }
}
