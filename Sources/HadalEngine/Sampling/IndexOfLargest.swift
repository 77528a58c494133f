/// The index of the largest value: the first of several; NaN is never the largest; 0 when all are NaN.
func indexOfLargest(_ values: UnsafePointer<Float>, _ count: Int) -> Int32 {
    let values = UnsafeBufferPointer(start: values, count: count)
    guard var best = values.firstIndex(where: { !$0.isNaN }) else { return 0 }
    for i in best..<count where values[i] > values[best] { best = i }
    return Int32(best)
}
