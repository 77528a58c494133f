import CHadalPlugin
import HadalCore

/// What a device is given of the host: a log. Lives as long as the device.
final class PluginHost: @unchecked Sendable {
    private let log: LogSink
    private let plugin: String
    let pointer: UnsafeMutablePointer<hadal_host>

    init(log: LogSink, plugin: String, abiVersion: Int) {
        self.log = log
        self.plugin = plugin
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: hadal_host())
        pointer.pointee.size = UInt32(MemoryLayout<hadal_host>.size)
        pointer.pointee.abi_version = UInt32(abiVersion)
        // Unretained: the device owns this object and outlives every call that the plugin may make with it.
        pointer.pointee.context = Unmanaged.passUnretained(self).toOpaque()
        pointer.pointee.log = { context, level, message in
            guard let context, let message else { return }
            let host = Unmanaged<PluginHost>.fromOpaque(context).takeUnretainedValue()
            host.log.write(LogSink.Level(rawValue: level) ?? .error, "\(host.plugin): \(String(cString: message))")
        }
    }

    deinit { pointer.deallocate() }
}
