extension DType {
    /// Types that the cached rows of a state may have.
    package static let stateTypes: [DType] = [.f32, .f16, .bf16, .q8_0]

    /// Bytes from one row of a state to the next, rows being of `width` elements; nil if the size overflows.
    ///
    /// A row of a quantised type is padded with zeros to whole blocks, and to a multiple of 4 bytes: so every width may be cached, and no
    /// two rows share a 32-bit word, the least that a GPU writes.
    package func stateRowBytes(width: Int) -> Int? {
        guard isQuantised else { return byteCount(elements: width) }
        let (padded, isTooWide) = width.addingReportingOverflow(blockElements - 1)
        guard width >= 0, !isTooWide, let bytes = byteCount(elements: padded / blockElements * blockElements), bytes <= Int.max - 3 else {
            return nil
        }
        return (bytes + 3) / 4 * 4
    }
}
