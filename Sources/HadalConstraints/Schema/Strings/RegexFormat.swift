/// Regular expressions that every engine accepts, themselves as a regular expression: groups nest two deep.
enum RegexFormat {
    static let pattern: String = {
        let plain = "[^\\\\^$.*+?()\\[\\]{}|/\\x00-\\x1F]|/"
        let escape = "\\\\[dDwWsStnrfv.*+?()\\[\\]{}|^$/\\\\-]"
        let member = "(?:[A-Za-z0-9_ .,:;@#%&*+?=!<>/'\"~`(){}|$]|\\\\[dDwWsStnrfv.*+?()\\[\\]{}|^$/\\\\-])"
        let span = "(?:a-z|A-Z|0-9|a-f|A-F|1-9|a-zA-Z)"
        let set = "\\[\\^?(?:\(span)|\(member))+-?\\]"
        // The second count is not below the first.
        let ascending = "0,[0-9]|1,[1-9]|2,[2-9]|3,[3-9]|4,[4-9]|5,[5-9]|[0-9],[1-9][0-9]{1,2}|[1-9][0-9],[1-9][0-9]{2}"
        let quantifier = "(?:[*+?]|\\{(?:[0-9]{1,3},?|\(ascending))\\})?"
        func alternatives(_ atom: String) -> String {
            let sequence = "\\^?(?:(?:\(atom))\(quantifier))*\\$?"
            return "\(sequence)(?:\\|\(sequence))*"
        }
        let simple = "\(plain)|\\.|\(escape)|\(set)"
        let group = "\\((?:\\?:)?\(alternatives(simple))\\)"
        let outer = "\\((?:\\?:)?\(alternatives("\(simple)|\(group)"))\\)"
        return alternatives("\(simple)|\(group)|\(outer)")
    }()
}
