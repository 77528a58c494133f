import CHadalKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// OpenBLAS, when the system has it: found at run time, so that nothing depends on it.
///
/// Each thread of the pool multiplies its own rows, so the library itself is told to use one thread.
struct BLASLibrary: Sendable {
    typealias Sgemm =
        @convention(c) (
            Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>?, Int32, UnsafePointer<Float>?, Int32, Float,
            UnsafeMutablePointer<Float>?, Int32
        ) -> Void

    static let shared = BLASLibrary()

    private let cblasSgemm: Sgemm

    private init?() {
        #if os(Linux)
            let names = ["libopenblas.so.0", "libopenblas.so"]
        #else
            let names = ["libopenblas.dylib"]
        #endif
        guard let handle = names.lazy.compactMap({ dlopen($0, RTLD_NOW | RTLD_LOCAL) }).first,
            let sgemm = dlsym(handle, "cblas_sgemm"), let setThreads = dlsym(handle, "openblas_set_num_threads")
        else { return nil }
        unsafeBitCast(setThreads, to: (@convention(c) (Int32) -> Void).self)(1)
        cblasSgemm = unsafeBitCast(sgemm, to: Sgemm.self)
    }

    /// C = A B^T in the kernels' form.
    var sgemm: hadal_kernel_sgemm {
        { m, n, k, a, lda, b, ldb, c, ldc in
            let rowMajor: Int32 = 101, plain: Int32 = 111, transposed: Int32 = 112
            BLASLibrary.shared?.cblasSgemm(
                rowMajor, plain, transposed, Int32(truncatingIfNeeded: m), Int32(truncatingIfNeeded: n), Int32(truncatingIfNeeded: k), 1,
                a, Int32(truncatingIfNeeded: lda), b, Int32(truncatingIfNeeded: ldb), 0, c, Int32(truncatingIfNeeded: ldc))
        }
    }
}
