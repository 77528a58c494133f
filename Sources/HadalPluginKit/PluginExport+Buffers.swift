import CHadalPlugin
import HadalBackend
import HadalCore

extension PluginExport {
    private static func buffer(_ handle: OpaquePointer?) throws -> any Buffer {
        guard let buffer = try object(handle, as: AnyObject.self, "buffer") as? any Buffer else { throw ForeignError.missing("buffer") }
        return buffer
    }

    private static func count(_ bytes: UInt64) throws -> Int {
        guard let count = Int(exactly: bytes) else { throw HadalError(.invalidArgument, "\(bytes) is not a size") }
        return count
    }

    static func fillBuffers(_ table: inout hadal_plugin) {
        table.buffer_allocate = { handle, bytes, buffer in
            ForeignError.catching(bytesWanted: bytes) {
                guard let buffer else { throw ForeignError.missing("place for the buffer") }
                let device = try PluginExport.object(handle, as: ExportedDevice.self, "device").device
                guard let made = try device.allocate(bytes: try PluginExport.count(bytes)) else {
                    throw HadalError(.unsupported, "the device has no memory of its own")
                }
                buffer.pointee = PluginExport.retained(made)
            }
        }
        table.buffer_import = { handle, host, bytes, buffer in
            ForeignError.catching(bytesWanted: bytes) {
                guard let buffer else { throw ForeignError.missing("place for the buffer") }
                let device = try PluginExport.object(handle, as: ExportedDevice.self, "device").device
                let memory = UnsafeMutableRawBufferPointer(start: host, count: host == nil ? 0 : try PluginExport.count(bytes))
                guard let made = try device.importMemory(memory) else {
                    throw HadalError(.unsupported, "the device cannot import host memory")
                }
                buffer.pointee = PluginExport.retained(made)
            }
        }
        table.buffer_release = { PluginExport.release($0) }
        table.buffer_write = { handle, offset, source, bytes in
            ForeignError.catching {
                let source = UnsafeRawBufferPointer(start: source, count: source == nil ? 0 : try PluginExport.count(bytes))
                try PluginExport.buffer(handle).write(offset: try PluginExport.count(offset), from: source)
            }
        }
        table.buffer_read = { handle, offset, destination, bytes in
            ForeignError.catching {
                let destination = UnsafeMutableRawBufferPointer(
                    start: destination, count: destination == nil ? 0 : try PluginExport.count(bytes))
                try PluginExport.buffer(handle).read(offset: try PluginExport.count(offset), into: destination)
            }
        }
        table.buffer_copy = { to, toOffset, from, fromOffset, bytes in
            ForeignError.catching {
                try PluginExport.buffer(to).copy(
                    from: try PluginExport.buffer(from), sourceOffset: try PluginExport.count(fromOffset),
                    to: try PluginExport.count(toOffset), bytes: try PluginExport.count(bytes))
            }
        }
        table.buffer_upload = { handle, offset, file, fileOffset, bytes in
            ForeignError.catching {
                try PluginExport.buffer(handle).upload(
                    offset: try PluginExport.count(offset), file: file, fileOffset: fileOffset, bytes: try PluginExport.count(bytes))
            }
        }
        table.buffer_host_pointer = { handle in (try? PluginExport.buffer(handle))?.hostPointer }
    }
}
