/// Bounds on what one rendering may use. Templates come with models from strangers, so none is unlimited.
package struct TemplateLimits: Sendable, Equatable {
    /// Expressions and statements evaluated, plus one per list item and per 16 bytes of text produced.
    package var steps: Int
    /// Nested macro calls, recursive loops and printed containers.
    package var depth: Int
    /// UTF-8 bytes of the rendered text, and of any single string on the way to it.
    package var outputBytes: Int
    /// Items of a `range`; Jinja's sandbox has the same bound.
    package var rangeLength: Int

    package init(steps: Int = 20_000_000, depth: Int = 200, outputBytes: Int = 32 << 20, rangeLength: Int = 100_000) {
        self.steps = steps
        self.depth = depth
        self.outputBytes = outputBytes
        self.rangeLength = rangeLength
    }

    package static let standard = TemplateLimits()

    /// Depth of the syntax tree: nested parentheses, chained operators, nested blocks.
    static let syntaxDepth = 200
    /// UTF-8 bytes of a template's source.
    static let sourceBytes = 4 << 20
    /// Lists in lists in lists.
    static let containerDepth = 400
}
