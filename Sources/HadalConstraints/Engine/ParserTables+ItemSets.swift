import HadalCore

extension ParserTables {
    /// The item set of a place where terminals end that began in these item sets.
    mutating func itemSet(after ended: [(origin: Int32, terminal: Int32)]) throws -> Int32 {
        let single =
            ended.count == 1 ? UInt64(UInt32(bitPattern: ended[0].origin)) << 32 | UInt64(UInt32(bitPattern: ended[0].terminal)) : nil
        if let single, let known = followers[single] { return known }
        var items: [Item] = []
        for (origin, terminal) in ended {
            for place in waiting(in: origin, for: grammar.ruleCount + terminal) { items.append(waits[place].item) }
        }
        let set = try itemSet(items)
        if let single { followers[single] = set }
        return set
    }

    private func waiting(in set: Int32, for code: Int32) -> Range<Int> {
        let first = Int(itemSets[Int(set)].first)
        let end = Int(itemSets[Int(set)].end)
        var low = first
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if waits[middle].code < code { low = middle + 1 } else { high = middle }
        }
        var last = low
        while last < end, waits[last].code == code { last += 1 }
        return low..<last
    }

    /// The item set of these items, with all that they complete and predict.
    mutating func itemSet(_ items: [Item]) throws -> Int32 {
        var work = items
        var seen = SmallSet<Item>()
        var finished = SmallSet<UInt64>()
        var isAccepting = false
        while let item = work.popLast() {
            let code = grammar.symbols[Int(item.position)]
            if code == FlatGrammar.end {
                if item.origin < 0 {
                    isAccepting = true
                } else if finished.insert(UInt64(UInt32(bitPattern: item.origin)) << 32 | UInt64(UInt32(bitPattern: item.returns))) {
                    let places = waiting(in: item.origin, for: item.returns)
                    arena.work += places.count + 1
                    for place in places { work.append(waits[place].item) }
                }
                continue
            }
            guard seen.insert(item) else { continue }
            guard seen.members.count <= limits.parserItems, work.count <= limits.parserItems * 4 else {
                throw HadalError(.limitExceeded, "a grammar is too ambiguous: more than \(limits.parserItems) items in one state")
            }
            if grammar.isNullable[Int(code)] {
                work.append(Item(position: item.position + 1, returns: item.returns, origin: item.origin))
            }
        }
        let kernel = seen.members.sorted()
        arena.work += kernel.count
        var key: [Int32] = [isAccepting ? 1 : 0]
        key.reserveCapacity(kernel.count * 3 + 1)
        for item in kernel {
            key.append(item.position)
            key.append(item.returns)
            key.append(item.origin)
        }
        if let known = knownItemSets[key] { return known }
        let index = Int32(itemSets.count)
        knownItemSets[key] = index
        appendItemSet(kernel, isAccepting: isAccepting)
        try checkMemory()
        return index
    }

    /// A rule that one item alone waits for, as its last symbol, returns to where that item's rule returns to. Lists that are written with
    /// the recursion at the right would otherwise grow a chain of item sets as long as they are.
    private mutating func appendItemSet(_ kernel: [Item], isAccepting: Bool) {
        struct Prediction {
            var rule: Int32
            /// Where the first item that waits for it stands, and what it returns to.
            var position: Int32
            var source: Item
            var waits: Int
        }
        let own = Int32(itemSets.count)
        var predictions: [Prediction] = []
        var found: [Int32: Int] = [:]
        func predict(_ code: Int32, at position: Int32, source: Item) {
            guard code < grammar.ruleCount else { return }
            if let index = found[code] {
                predictions[index].waits += 1
            } else {
                found[code] = predictions.count
                predictions.append(Prediction(rule: code, position: position, source: source, waits: 1))
            }
        }
        for item in kernel { predict(grammar.symbols[Int(item.position)], at: item.position, source: item) }
        var next = 0
        while next < predictions.count {
            let rule = predictions[next].rule
            for position in grammar.firstPositions[Int(rule)] {
                predict(grammar.symbols[Int(position)], at: position, source: Item(position: -1, returns: Int32(next), origin: own))
            }
            next += 1
        }
        var made: [Wait] = []
        for item in kernel {
            let advanced = Item(position: item.position + 1, returns: item.returns, origin: item.origin)
            made.append(Wait(code: grammar.symbols[Int(item.position)], item: advanced))
        }
        // In the order of discovery, so that the prediction that an item stems from is resolved before it.
        var returns: [(code: Int32, origin: Int32)] = []
        for prediction in predictions {
            if prediction.waits == 1, grammar.symbols[Int(prediction.position) + 1] == FlatGrammar.end {
                let source = prediction.source
                returns.append(source.position < 0 ? returns[Int(source.returns)] : (source.returns, source.origin))
            } else {
                returns.append((prediction.rule, own))
            }
        }
        for (prediction, target) in zip(predictions, returns) {
            for position in grammar.firstPositions[Int(prediction.rule)] {
                let item = Item(position: position + 1, returns: target.code, origin: target.origin)
                made.append(Wait(code: grammar.symbols[Int(position)], item: item))
            }
        }
        arena.work += made.count
        made.sort { $0.code != $1.code ? $0.code < $1.code : $0.item < $1.item }
        let first = Int32(waits.count)
        waits += made
        var terminals: [Int32] = []
        for wait in made where wait.code >= grammar.ruleCount && terminals.last != wait.code - grammar.ruleCount {
            terminals.append(wait.code - grammar.ruleCount)
        }
        let state = startTerminals(terminals)
        itemSets.append(ItemSet(first: first, end: Int32(waits.count), terminals: state, isAccepting: isAccepting))
    }
}

/// A set that is a list while it is small.
struct SmallSet<Element: Hashable> {
    private(set) var members: [Element] = []
    private var table: Set<Element> = []

    /// Whether the element was not in the set.
    mutating func insert(_ element: Element) -> Bool {
        if members.count < 16 {
            if members.contains(element) { return false }
        } else {
            if table.isEmpty { table = Set(members) }
            guard table.insert(element).inserted else { return false }
        }
        members.append(element)
        return true
    }
}
