extension TemplateRun {
    func executeLoop(_ loop: TemplateStatement.Loop, _ activation: Activation) throws -> Flow {
        let iterable = try evaluate(loop.iterable, activation)
        guard loop.isRecursive else { return try run(loop, over: iterable, activation, depth: 0) }
        try write(try renderRecursively(loop, over: iterable, outer: activation, depth: 0))
        return .normal
    }

    private func renderRecursively(_ loop: TemplateStatement.Loop, over iterable: TemplateValue, outer: Activation, depth: Int) throws
        -> String
    {
        try nested {
            let activation = Activation(loop.scopes.body.frame, parent: outer)
            return try capturing { try run(loop, over: iterable, activation, depth: depth) }.text
        }
    }

    private func run(_ loop: TemplateStatement.Loop, over iterable: TemplateValue, _ activation: Activation, depth: Int) throws -> Flow {
        var iterator = try iterable.iterate(self)
        if let test = loop.test {
            enter(loop.scopes.test, activation)
            var source = iterator
            iterator = TemplateIterator { [self] in
                while let item = try source.next() {
                    try charge(1)
                    try assign(item, to: loop.testTarget, activation)
                    if try evaluate(test, activation).isTrue { return item }
                }
                return nil
            }
        }
        let scope = loop.scopes.body
        var context: TemplateLoop?
        if let slot = scope.loopSlot {
            let made = TemplateLoop(iterator, over: loop.test == nil ? iterable : nil, depth: depth, sourceDepth: iterable.depth)
            if loop.isRecursive, let outer = activation.parent {
                capture(activation)
                made.recurse = { [unowned self] nested, level in try renderRecursively(loop, over: nested, outer: outer, depth: level) }
            }
            activation.slots[slot] = .object(made)
            context = made
        }
        // As in Jinja, `else` runs when no pass through the body got to its end.
        var completed = false
        loop: while let item = try context.map({ try $0.advance(self) }) ?? iterator.next() {
            try charge(1)
            try assign(item, to: loop.target, activation)
            enter(scope, activation)
            switch try execute(loop.body, activation) {
            case .normal: completed = true
            case .continueLoop: continue
            case .breakLoop: break loop
            }
        }
        if completed || loop.otherwise.isEmpty { return .normal }
        enter(loop.scopes.otherwise, activation)
        return try execute(loop.otherwise, activation)
    }
}
