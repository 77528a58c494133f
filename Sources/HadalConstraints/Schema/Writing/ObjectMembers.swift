/// The members that an object can have, each as the symbols of its name and value.
struct ObjectMembers {
    struct Listed {
        let symbols: [Grammar.Symbol]
        let isRequired: Bool
    }

    /// At most once each, in this order.
    var listed: [Listed] = []
    /// Behind the listed ones, in any order.
    var required: [Required] = []
    /// How many requirements there are in `required`.
    var requirementCount = 0
    /// How many of them, the first, a member of its own must meet each; one member may meet all the others.
    var namedCount = 0
    /// Between the required ones, any number of times.
    var others: [[Grammar.Symbol]] = []

    /// How many members it takes at least to meet some requirements.
    func leastCount(_ missing: Int) -> Int {
        let named = 1 << namedCount - 1
        return (missing & named).nonzeroBitCount + (missing & ~named == 0 ? 0 : 1)
    }

    /// A member that meets some requirements.
    struct Required {
        let symbols: [Grammar.Symbol]
        /// Those, as bits.
        let requirements: Int
    }
}
