/// Filters that compare items.
extension TemplateFilters {
    static let orderFilters: [String: Filter] = [
        "sort": { value, arguments, run in
            let bound = try arguments.bound(to: ["reverse", "case_sensitive", "attribute"], of: "sort")
            let isSensitive = bound.isTrue(1)
            let attributes: [TemplateValue?] =
                bound.given(2)?.text.map { StringMethods.split($0, at: ",", limit: nil).map { .string($0) } } ?? [bound.given(2)]
            let getters = attributes.map { getter($0) }
            let keyed = try value.items(run).map { item in
                (
                    TemplateValue.list(
                        try getters.map { get in
                            let key = try get(item, run)
                            return isSensitive ? key : ignoringCase(key)
                        }), item
                )
            }
            return .list(try sorted(keyed, reverse: bound.isTrue(0), run))
        },
        "dictsort": { value, arguments, run in
            let bound = try arguments.bound(to: ["case_sensitive", "by", "reverse"], of: "dictsort")
            let by = try bound.text(1) ?? "key"
            guard by == "key" || by == "value" else { throw TemplateError.runtime("You can only sort by either \"key\" or \"value\"") }
            guard case .dict(let dictionary) = value else {
                if case .undefined(let why) = value { throw why.error }
                throw TemplateError.runtime("'\(value.typeName)' object has no attribute 'items'")
            }
            let keyed = zip(dictionary.keys, dictionary.values).map { key, value in
                let wanted = by == "key" ? key : value
                return (bound.isTrue(0) ? wanted : ignoringCase(wanted), TemplateValue.tuple([key, value]))
            }
            return .list(try sorted(keyed, reverse: bound.isTrue(2), run))
        },
        "unique": { value, arguments, run in
            let bound = try arguments.bound(to: ["case_sensitive", "attribute"], of: "unique")
            let get = getter(bound.given(1))
            let isSensitive = bound.isTrue(0)
            var seen: Set<TemplateKey> = []
            var iterator: TemplateIterator?
            return generator(value) {
                if iterator == nil { iterator = try value.iterate(run) }
                while let item = try iterator?.next() {
                    try run.charge(1)
                    let key = try get(item, run)
                    if seen.insert(try TemplateKey(isSensitive ? key : ignoringCase(key))).inserted { return item }
                }
                return nil
            }
        },
        "groupby": { value, arguments, run in
            let bound = try arguments.bound(to: ["attribute", "default", "case_sensitive"], required: 1, of: "groupby")
            let isSensitive = bound.isTrue(2)
            let get = getter(bound[0], default: bound.given(1))
            let keyed = try value.items(run).map { item in
                let key = try get(item, run)
                return (isSensitive ? key : ignoringCase(key), item)
            }
            let ordered = try StableSort.sorted(keyed, run) { try TemplateValue.order($0.0, $1.0) == .less }
            var groups: [(key: TemplateValue, items: [TemplateValue])] = []
            for (key, item) in ordered {
                if let last = groups.last, try last.key.equals(key) {
                    groups[groups.count - 1].items.append(item)
                } else {
                    groups.append((key, [item]))
                }
            }
            return .list(
                try groups.map { group in
                    let shown = isSensitive ? group.key : try group.items.first.map { try get($0, run) } ?? group.key
                    return .object(TemplateGroup(grouper: shown, list: .list(group.items)))
                })
        },
        "min": extreme("min", .less),
        "max": extreme("max", .greater),
    ]

    private static func sorted(_ keyed: [(TemplateValue, TemplateValue)], reverse: Bool, _ run: TemplateRun) throws -> [TemplateValue] {
        // Reversed, equal items still keep their order.
        let input = reverse ? keyed.reversed() : keyed
        let result = try StableSort.sorted(input, run) { try TemplateValue.order($0.0, $1.0) == .less }.map(\.1)
        return reverse ? result.reversed() : result
    }

    private static func extreme(_ name: String, _ wanted: TemplateValue.Order) -> Filter {
        { value, arguments, run in
            let bound = try arguments.bound(to: ["case_sensitive", "attribute"], of: name)
            let get = getter(bound.given(1))
            func key(_ item: TemplateValue) throws -> TemplateValue {
                let key = try get(item, run)
                return bound.isTrue(0) ? key : ignoringCase(key)
            }
            var iterator = try value.iterate(run)
            guard var best = try iterator.next() else { return .undefined(.hint("No aggregated item, sequence was empty.")) }
            var bestKey = try key(best)
            while let item = try iterator.next() {
                try run.charge(1)
                let itemKey = try key(item)
                if try TemplateValue.order(itemKey, bestKey) == wanted { (best, bestKey) = (item, itemKey) }
            }
            return best
        }
    }
}
