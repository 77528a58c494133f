import CHadalPlugin
import HadalBackend
import HadalCore

/// Swift errors as the ABI's error objects.
enum ForeignError {
    /// An object that the host releases.
    static func make(_ error: any Error, bytesWanted: UInt64 = 0) -> UnsafeMutablePointer<hadal_error> {
        let hadal = error as? HadalError ?? HadalError(.backend, "\(error)")
        let text = hadal.description.utf8CString
        let message = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
        text.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { message.initialize(from: base, count: source.count) }
        }
        let object = UnsafeMutablePointer<hadal_error>.allocate(capacity: 1)
        object.initialize(to: hadal_error())
        object.pointee.size = UInt32(MemoryLayout<hadal_error>.size)
        object.pointee.code = hadal.code.foreign
        object.pointee.message = UnsafePointer(message)
        if hadal.code == .outOfMemory { object.pointee.bytes_wanted = bytesWanted }
        object.pointee.release = { error in
            guard let error else { return }
            error.pointee.message?.deallocate()
            error.deallocate()
        }
        return object
    }

    /// NULL when `body` succeeds.
    @inline(__always)
    static func catching(bytesWanted: UInt64 = 0, _ body: () throws -> Void) -> UnsafeMutablePointer<hadal_error>? {
        do {
            try body()
            return nil
        } catch {
            return make(error, bytesWanted: bytesWanted)
        }
    }

    static func missing(_ what: String) -> HadalError { HadalError(.invalidArgument, "the host passed no \(what)") }
}
