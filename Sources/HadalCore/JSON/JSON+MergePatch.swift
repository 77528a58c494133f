extension JSON {
    /// The value with `patch` applied as RFC 7396 says: objects merge member by member, null removes, anything else replaces.
    ///
    /// Offsets are kept, so that each value still tells where it was written.
    package func mergePatched(with patch: JSON) -> JSON {
        guard let changes = patch.object else { return patch }
        var merged = object ?? JSONObject()
        for member in changes.members {
            if member.value.isNull {
                merged[member.key] = nil
            } else {
                merged.set(member.key, (merged[member.key] ?? .null).mergePatched(with: member.value), keyOffset: member.keyOffset)
            }
        }
        return JSON(.object(merged), offset: object == nil ? patch.offset : offset)
    }

    /// The value with every offset in it moved by `distance`.
    func shifted(by distance: Int) -> JSON {
        switch value {
        case .array(let items): JSON(.array(items.map { $0.shifted(by: distance) }), offset: offset + distance)
        case .object(let object): JSON(.object(object.shifted(by: distance)), offset: offset + distance)
        default: JSON(value, offset: offset + distance)
        }
    }
}
