extension TemplateRun {
    /// `value.name`: attributes first, then items.
    func attribute(_ name: String, of value: TemplateValue) throws -> TemplateValue {
        if case .dict(let dictionary) = value {
            if !TemplateMethods.has(value, name), let item = dictionary.get(name) { return item }
        }
        if let found = try pythonAttribute(name, of: value) { return found }
        if case .object(let object) = value, let item = try object.item(.string(name)) { return item }
        return .undefined(.attribute(name, ofType: value.typeName))
    }

    /// `value[key]`: items first, then attributes.
    func item(_ key: TemplateValue, of value: TemplateValue) throws -> TemplateValue {
        switch value {
        case .undefined(let why): throw why.error
        case .dict(let dictionary):
            switch key {
            case .list, .dict: break
            default: if let item = try? dictionary.get(key) { return item }
            }
        case .list(let list), .tuple(let list):
            if let index = key.index {
                let at = index < 0 ? index + list.items.count : index
                if list.items.indices.contains(at) { return list.items[at] }
            }
        case .string(let s), .markup(let s):
            if let index = key.index, let character = Slicing.character(index, of: s) {
                return value.isMarkup ? .markup(character) : .string(character)
            }
        case .object(let object):
            if let item = try object.item(key) { return item }
        default: break
        }
        if let name = key.text {
            if let found = try pythonAttribute(name, of: value) { return found }
            return .undefined(.attribute(name, ofType: value.typeName))
        }
        return .undefined(.element(try key.represented(self), ofType: value.typeName))
    }

    /// What Python's `getattr` would give, within the sandbox.
    private func pythonAttribute(_ name: String, of value: TemplateValue) throws -> TemplateValue? {
        if case .undefined(let why) = value { throw why.error }
        if TemplateMethods.has(value, name) {
            return .object(TemplateFunction(name, depth: value.depth + 1) { try TemplateMethods.call(value, name, $0, $1) })
        }
        if TemplateMethods.isForbidden(value, name) || TemplateMethods.objectAttributes.contains(name) {
            return .undefined(.unsafe(name, ofType: value.typeName))
        }
        switch value {
        case .object(let loop as TemplateLoop): return try loop.attribute(name, self)
        case .object(let object): return object.attribute(name)
        case .int, .bool, .bigInteger:
            switch name {
            case "real", "numerator": return value.integer.map { .integer($0) }
            case "imag": return .int(0)
            case "denominator": return .int(1)
            default: return nil
            }
        case .float:
            return name == "real" ? value : name == "imag" ? .float(0) : nil
        default: return nil
        }
    }
}
