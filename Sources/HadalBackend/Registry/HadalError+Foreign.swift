package import CHadalPlugin
package import HadalCore

extension HadalError {
    /// Reads and releases an error object that a plugin returned.
    ///
    /// The message names the plugin, and the op, tensor and bytes that the object carries.
    package init(taking error: UnsafeMutablePointer<hadal_error>, from plugin: String) {
        let size = UnsafePointer(error).withMemoryRebound(to: UInt32.self, capacity: 1) { $0.pointee }
        let copy = readPrefix(of: error, size: size, over: hadal_error())
        var text = "\(plugin): \(foreignString(copy.message) ?? "failed without a message")"
        var details: [String] = []
        if let op = foreignString(copy.op) { details.append("op \(op)") }
        if let tensor = foreignString(copy.tensor) { details.append("tensor \(tensor)") }
        if copy.code == Int32(HADAL_ERROR_OUT_OF_MEMORY), copy.bytes_wanted > 0 {
            details.append("wanted \(copy.bytes_wanted) bytes, \(copy.bytes_free) free")
        }
        if !details.isEmpty { text += " [\(details.joined(separator: "; "))]" }
        self.init(Code(foreign: copy.code), text)
        copy.release?(error)
    }
}

extension HadalError.Code {
    package init(foreign code: Int32) {
        self =
            switch Int(code) {
            case Int(HADAL_ERROR_INVALID_ARGUMENT): .invalidArgument
            case Int(HADAL_ERROR_NOT_FOUND): .notFound
            case Int(HADAL_ERROR_UNSUPPORTED): .unsupported
            case Int(HADAL_ERROR_OUT_OF_MEMORY): .outOfMemory
            case Int(HADAL_ERROR_CANCELLED): .cancelled
            case Int(HADAL_ERROR_IO): .io
            case Int(HADAL_ERROR_MISMATCH): .mismatch
            case Int(HADAL_ERROR_LIMIT): .limitExceeded
            default: .backend
            }
    }

    /// The ABI's number for this code.
    package var foreign: Int32 {
        let number =
            switch self {
            case .invalidArgument, .malformed: HADAL_ERROR_INVALID_ARGUMENT
            case .notFound: HADAL_ERROR_NOT_FOUND
            case .unsupported: HADAL_ERROR_UNSUPPORTED
            case .outOfMemory: HADAL_ERROR_OUT_OF_MEMORY
            case .cancelled: HADAL_ERROR_CANCELLED
            case .io: HADAL_ERROR_IO
            case .mismatch: HADAL_ERROR_MISMATCH
            case .limitExceeded, .contextFull: HADAL_ERROR_LIMIT
            case .corrupt, .backend: HADAL_ERROR_INTERNAL
            }
        return Int32(number)
    }
}
