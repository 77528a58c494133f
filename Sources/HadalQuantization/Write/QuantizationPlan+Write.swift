import Foundation
import HadalArchitecture
import HadalCore
import HadalFormats
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension QuantizationPlan {
    /// Writes the file. It appears under its name only when it is complete; whatever fails leaves nothing behind.
    ///
    /// - Parameters:
    ///   - threads: that encode; nil: as many as there are processors.
    ///   - progress: called now and then with the bytes of tensors written and their total. What it throws ends the writing.
    /// - Throws: `invalidArgument` when the file would replace one that it is made from; `io`, for a full disk too;
    ///   `malformed` or `limitExceeded` for numbers that cannot be written, with the tensor.
    public func write(
        to path: String, threads: Int? = nil, progress: ((_ done: Int, _ total: Int) throws -> Void)? = nil
    ) throws -> QuantizationReport {
        try check(output: path)
        let threads = max(1, threads ?? Processors.usableHyperthreads)
        let total = bytes
        var done = 0
        // A class, as the closures below run while this method waits.
        let report = Box(QuantizationReport())
        let sources = try tensors.map { tensor in
            let rows: WeightRows?
            if case .stored(let recipe) = tensor.content { rows = try WeightRows(recipe, of: model) } else { rows = nil }
            return TensorSource(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape) { sink in
                func counted(_ bytes: UnsafeRawBufferPointer) throws {
                    try sink(bytes)
                    done += bytes.count
                    try progress?(done, total)
                }
                do {
                    switch tensor.content {
                    case .stored:
                        guard let rows else { return }
                        let difference = try TensorEncoder(tensor: tensor, rows: rows, threads: threads).produce(counted)
                        report.value.add(tensor, error: difference.relative)
                    case .values(let values):
                        try TensorSource(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, values: values).produce(counted)
                        report.value.add(tensor, error: 0)
                    }
                } catch let error as HadalError { throw error.located(at: SourcePlace(model.path)) }
            }
        }
        try GGUFWriter.write(to: path, metadata: metadata, tensors: sources, alignment: alignment)
        return report.value
    }

    private final class Box<T> {
        var value: T
        init(_ value: T) { self.value = value }
    }

    /// Refuses, before anything is read, to write over the model itself or more than the disk has room for.
    public func check(output path: String) throws {
        var target = stat()
        if stat(path, &target) == 0 {
            for file in model.sources.map(\.name) {
                var source = stat()
                guard stat(file, &source) == 0, source.st_dev == target.st_dev, source.st_ino == target.st_ino else { continue }
                throw HadalError(
                    .invalidArgument, "the output would replace the model that it is made from", at: SourcePlace(path),
                    hint: "choose another name")
            }
            guard target.st_mode & S_IFMT == S_IFREG else { return }
        }
        var info = statvfs()
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard statvfs(directory, &info) == 0 else { return }
        let (free, overflow) = Int(clamping: info.f_bavail).multipliedReportingOverflow(by: Int(clamping: info.f_frsize))
        guard overflow || bytes <= free else {
            throw HadalError(
                .io, "the file takes \(bytes) bytes; the disk has \(free) free", at: SourcePlace(directory),
                hint: "free some space, or choose another directory")
        }
    }
}
