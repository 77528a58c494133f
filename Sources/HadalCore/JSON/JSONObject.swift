/// The members of a JSON object, in source order.
package struct JSONObject: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package var key: String
        package var value: JSON
        /// Byte offset of the key in the source.
        package var keyOffset: Int
        package static func == (a: Member, b: Member) -> Bool { a.key == b.key && a.value == b.value }
    }

    package private(set) var members: [Member]
    private var index: [ExactString: Int]

    package init() {
        members = []
        index = [:]
    }

    package init(_ pairs: [(String, JSON)]) {
        self.init()
        for (key, value) in pairs { self[key] = value }
    }

    /// Members must have distinct keys.
    init(members: [Member], index: [ExactString: Int]) {
        self.members = members
        self.index = index
    }

    package var count: Int { members.count }
    package var keys: [String] { members.map(\.key) }

    package subscript(key: String) -> JSON? {
        get { index[ExactString(key)].map { members[$0].value } }
        set {
            if let newValue {
                if let at = index[ExactString(key)] {
                    members[at].value = newValue
                } else {
                    index[ExactString(key)] = members.count
                    members.append(Member(key: key, value: newValue, keyOffset: newValue.offset))
                }
            } else if let at = index.removeValue(forKey: ExactString(key)) {
                members.remove(at: at)
                for i in at..<members.count { index[ExactString(members[i].key)] = i }
            }
        }
    }

    /// Sets a member and where its key was written.
    mutating func set(_ key: String, _ value: JSON, keyOffset: Int) {
        self[key] = value
        if let at = index[ExactString(key)] { members[at].keyOffset = keyOffset }
    }

    func shifted(by distance: Int) -> JSONObject {
        let moved = members.map { Member(key: $0.key, value: $0.value.shifted(by: distance), keyOffset: $0.keyOffset + distance) }
        return JSONObject(members: moved, index: index)
    }

    package static func == (a: JSONObject, b: JSONObject) -> Bool {
        a.count == b.count && a.members.allSatisfy { b[$0.key] == $0.value }
    }
}
