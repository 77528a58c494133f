import CHadalPlugin
import HadalBackend
import HadalCore

extension PluginExport {
    /// Copies as much of a struct as the other side has room for.
    static func writePrefix<T: BitwiseCopyable>(_ value: T, to pointer: UnsafeMutableRawPointer, size: UInt32) {
        withUnsafeBytes(of: value) {
            pointer.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(pointer), byteCount: min(Int(size), $0.count))
        }
    }

    /// Fills in the struct at `slot`, whose size the host has set. Strings live as long as this object.
    func write(_ info: DeviceInfo, to slot: UnsafeMutableRawPointer) {
        var c = hadal_device_info()
        c.size = slot.load(as: UInt32.self)
        c.kind = info.kind.rawValue
        c.id = strings.string(info.id)
        c.name = strings.string(info.name)
        c.driver = info.driver.isEmpty ? nil : strings.string(info.driver)
        c.features = info.features.isEmpty ? nil : strings.string(info.features.joined(separator: " "))
        c.heap_count = UInt32(min(info.heaps.count, 4))
        if let sizes = info.subgroupSizes {
            c.subgroup_minimum = UInt32(clamping: sizes.lowerBound)
            c.subgroup_maximum = UInt32(clamping: sizes.upperBound)
        }
        c.dtype_count = UInt32(info.dtypes.count)
        c.dtypes = strings.array(info.dtypes.map(\.rawValue))
        let heaps = info.heaps.prefix(4).map {
            hadal_heap(
                flags: UInt32($0.hostVisible ? HADAL_HEAP_HOST_VISIBLE : 0) | UInt32($0.deviceLocal ? HADAL_HEAP_DEVICE_LOCAL : 0),
                reserved: 0, bytes_total: $0.bytesTotal, bytes_free: $0.bytesFree)
        }
        withUnsafeMutableBytes(of: &c.heaps) { to in heaps.withUnsafeBytes { to.copyMemory(from: $0) } }
        c.import_alignment = UInt64(clamping: info.importAlignment)
        c.buffer_range_limit = UInt64(clamping: info.bufferRangeLimit)
        PluginExport.writePrefix(c, to: slot, size: c.size)
    }

    static func options(_ base: UnsafePointer<hadal_option>?, stride: Int, count: Int) throws -> [String: OptionValue] {
        guard count > 0 else { return [:] }
        guard let base, stride >= MemoryLayout<hadal_option>.size else { throw ForeignError.missing("list of options") }
        var values: [String: OptionValue] = [:]
        for i in 0..<count {
            let c = UnsafeRawPointer(base).advanced(by: i * stride).load(as: hadal_option.self)
            guard let name = foreignString(c.name) else { throw ForeignError.missing("option name") }
            switch OptionSpec.Kind(rawValue: c.kind) {
            case .bool: values[name] = .bool(c.int_value != 0)
            case .int: values[name] = .int(c.int_value)
            case .float: values[name] = .float(c.float_value)
            case .string: values[name] = .string(foreignString(c.string_value) ?? "")
            case nil: throw HadalError(.invalidArgument, "option '\(name)' is of unknown kind \(c.kind)")
            }
        }
        return values
    }

    /// The host's log as a sink. The host keeps the struct as long as the device is open.
    static func log(_ host: UnsafePointer<hadal_host>?) -> LogSink {
        guard let host, Int(host.pointee.size) >= MemoryLayout<hadal_host>.size, let write = host.pointee.log else { return .silent }
        let context = UInt(bitPattern: host.pointee.context)
        return LogSink { level, message in
            message.withCString { write(UnsafeMutableRawPointer(bitPattern: context), level.rawValue, $0) }
        }
    }
}
