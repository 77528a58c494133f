import HadalCore

/// Keywords of numbers and strings, and constants.
extension SchemaCompiler {
    func numbers(_ keywords: SchemaKeywords) throws -> NumberSet {
        var interval = NumberInterval.all
        for (key, isLower) in [("minimum", true), ("maximum", false)] {
            let exclusive = isLower ? "exclusiveMinimum" : "exclusiveMaximum"
            var bounds: [(DecimalNumber, isOpen: Bool)] = []
            if let json = keywords[exclusive], let isOpen = json.bool {
                guard source.dialect == .draft4 || !isOpen else { throw keywords.malformed(exclusive, "a number") }
                if let bound = try keywords.number(key) { bounds.append((bound, isOpen)) }
            } else {
                if let bound = try keywords.number(key) { bounds.append((bound, false)) }
                if let bound = try keywords.number(exclusive) { bounds.append((bound, true)) }
            }
            for (bound, isOpen) in bounds {
                guard abs(bound.exponent) < 400 else { throw keywords.unsupported(key, "the bound is beyond what doubles can say") }
                interval = interval.intersection(
                    isLower ? NumberInterval(lower: bound, lowerIsOpen: isOpen) : NumberInterval(upper: bound, upperIsOpen: isOpen))
            }
        }
        if let number = try keywords.number("multipleOf") {
            guard number > .zero else { throw keywords.malformed("multipleOf", "a positive number") }
            guard let divisor = Divisor(number) else { throw keywords.unsupported("multipleOf", "the number is too large or too precise") }
            interval.divisors.insert(divisor)
            if divisorNodes[divisor] == nil { divisorNodes[divisor] = keywords.node }
        }
        return interval == .all ? .all : NumberSet(interval)
    }

    func stringSet(_ keywords: SchemaKeywords) throws -> StringSets.ID {
        var result = strings.all
        let minimum = try keywords.count("minLength") ?? 0
        let maximum = try keywords.count("maxLength")
        if minimum > 0 || maximum != nil {
            guard max(minimum, maximum ?? 0) <= 1 << 20 else {
                throw keywords.unsupported(maximum == nil ? "minLength" : "maxLength", "the length is too large")
            }
            if let maximum, minimum > maximum { return strings.none }
            result = maximum == 0 ? strings.finite([""]) : strings.regex(.repetition(.set(.all), minimum: minimum, maximum: maximum))
        }
        if let pattern = try keywords.string("pattern") {
            result = strings.intersection(result, try matching(pattern) { source.error($0, $1, at: keywords.node, key: "pattern") })
        }
        return result
    }

    /// Strings that contain a match of a pattern.
    ///
    /// - Parameter failure: an error at the pattern's place.
    func matching(_ pattern: String, failure: (HadalError.Code, String) -> HadalError) throws -> StringSets.ID {
        if let known = patterns[ExactString(pattern)] { return known }
        do {
            let set = strings.regex(try RegexReader.read(pattern, mode: .search))
            patterns[ExactString(pattern)] = set
            return set
        } catch let error as HadalError {
            var message = error.message
            if case .text(_, let column) = error.place?.position { message += " (at column \(column) of the pattern)" }
            throw failure(error.code, message)
        }
    }

    func restrict(_ record: inout SchemaRecord, format json: JSON, _ keywords: SchemaKeywords) throws {
        guard let name = json.string else { throw keywords.malformed("format", "a string") }
        if let numbers = SchemaFormats.numbers(name) {
            record.numbers = record.numbers.intersection(numbers)
        } else if let regex = SchemaFormats.strings(name) {
            record.strings = strings.intersection(record.strings, strings.regex(regex))
        } else {
            throw keywords.unsupported("format", "the format '\(name)' is not supported")
        }
    }

    // MARK: Constants

    func constant(_ value: JSON) throws -> SchemaRecord { try constants([value]) }

    /// Any of some values.
    func constants(_ values: [JSON]) throws -> SchemaRecord {
        var record = SchemaRecord.none(strings)
        var names: [String] = []
        var whole: [NumberInterval] = []
        var fractional: [NumberInterval] = []
        try spend(values.count)
        for value in values {
            switch value.value {
            case .null: record.allowsNull = true
            case .bool(let value): if value { record.allowsTrue = true } else { record.allowsFalse = true }
            case .string(let string): names.append(string)
            case .int, .bigInteger, .double:
                // What is no JSON number, such as an infinity, no text is equal to.
                guard let number = DecimalNumber(value), abs(number.exponent) < 400 else { continue }
                let point = NumberInterval(lower: number, upper: number)
                if number.isInteger { whole.append(point) } else { fractional.append(point) }
            case .array(let items):
                record.arrays.append(
                    ArrayShape(prefix: items.map { terms.constant($0) }, rest: SchemaTerms.none, minimum: items.count, maximum: items.count)
                )
            case .object(let object):
                var shape = ObjectShape.any(strings)
                shape.groups = [.init(names: strings.all, term: SchemaTerms.none)]
                shape.properties = object.members.map {
                    .init(name: ExactString($0.key), term: terms.constant($0.value), isRequired: true)
                }
                record.objects.append(shape)
            }
        }
        record.numbers = try checked(NumberSet(plain: whole, pointed: whole, fractional: fractional))
        record.strings = names.isEmpty ? strings.none : strings.finite(names)
        record.arrays = try checked(record.arrays)
        record.objects = try checked(record.objects)
        return record
    }
}
