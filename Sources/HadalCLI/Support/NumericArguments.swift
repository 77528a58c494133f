/// Arguments as the parser takes them: a negative number in an argument of its own would be read as the name of an option.
enum NumericArguments {
    /// Joins an option and the negative number after it: `--seed -1` becomes `--seed=-1`.
    static func joined(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var isOption = false
        for (index, argument) in arguments.enumerated() {
            if argument == "--" { return result + arguments[index...] }
            if isOption, isNegativeNumber(argument) {
                result[result.count - 1] += "=" + argument
                isOption = false
                continue
            }
            result.append(argument)
            isOption = isBareOption(argument)
        }
        return result
    }

    private static func isNegativeNumber(_ argument: String) -> Bool {
        argument.first == "-" && argument.utf8.count > 1 && argument.dropFirst().first != "-" && Double(argument) != nil
    }

    /// `--name` or `-n`, with no value yet.
    private static func isBareOption(_ argument: String) -> Bool {
        guard argument.first == "-", !argument.contains("="), !isNegativeNumber(argument) else { return false }
        return argument.hasPrefix("--") || argument.count == 2
    }
}
