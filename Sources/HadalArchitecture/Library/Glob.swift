/// Names with `*` for any run of characters.
public enum Glob {
    /// Takes time proportional to the product of the lengths at worst.
    public static func matches(_ pattern: String, _ text: String) -> Bool {
        let p = Array(pattern.utf8), t = Array(text.utf8)
        var (i, j) = (0, 0)
        var star: (Int, Int)?
        while j < t.count {
            if i < p.count, p[i] == UInt8(ascii: "*") {
                star = (i, j)
                i += 1
            } else if i < p.count, p[i] == t[j] {
                i += 1
                j += 1
            } else if let (at, from) = star {
                star = (at, from + 1)
                i = at + 1
                j = from + 1
            } else {
                return false
            }
        }
        while i < p.count, p[i] == UInt8(ascii: "*") { i += 1 }
        return i == p.count
    }
}
