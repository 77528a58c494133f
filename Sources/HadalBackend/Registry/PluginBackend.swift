import CHadalPlugin
package import HadalCore

/// A loaded plugin as a `Backend`.
package final class PluginBackend: Backend {
    package let plugin: LoadedPlugin

    package init(_ plugin: LoadedPlugin) { self.plugin = plugin }

    package var name: String { plugin.table.name }
    package var version: String { plugin.table.version }
    package var summary: String { plugin.table.summary }
    package var capabilities: BackendCapabilities { plugin.table.capabilities }
    package var options: [OptionSpec] { plugin.table.options }
    package var ownsMemory: Bool { plugin.table.raw.buffer_allocate != nil }

    package func devices() throws -> [DeviceInfo] {
        guard let list = plugin.table.raw.list_devices else {
            return [DeviceInfo(kind: .accelerator, id: name, name: name)]
        }
        var capacity = 8
        // A device may appear between two calls: ask again, but not for ever.
        for _ in 0..<4 {
            var structs = [hadal_device_info](repeating: hadal_device_info(), count: capacity)
            for i in structs.indices { structs[i].size = UInt32(MemoryLayout<hadal_device_info>.size) }
            var count: UInt32 = 0
            let failure = structs.withUnsafeMutableBufferPointer {
                list(plugin.table.raw.context, $0.baseAddress, UInt32(MemoryLayout<hadal_device_info>.stride), UInt32(capacity), &count)
            }
            if let failure { throw HadalError(taking: failure, from: name) }
            if Int(count) <= capacity { return structs[..<Int(count)].enumerated().map { info($1, index: $0) } }
            guard count <= 4096 else { throw HadalError(.backend, "\(name): claims \(count) devices") }
            capacity = Int(count)
        }
        throw HadalError(.backend, "\(name): the number of devices keeps changing")
    }

    private func info(_ c: hadal_device_info, index: Int) -> DeviceInfo {
        let c = withUnsafePointer(to: c) { readPrefix(of: $0, size: c.size, over: hadal_device_info()) }
        let id = foreignString(c.id) ?? "\(name)-\(index)"
        var info = DeviceInfo(
            kind: DeviceInfo.Kind(rawValue: c.kind) ?? .accelerator, id: id, name: foreignString(c.name) ?? id,
            driver: foreignString(c.driver) ?? "")
        info.features = (foreignString(c.features) ?? "").split(separator: " ").map(String.init)
        let heaps = [c.heaps.0, c.heaps.1, c.heaps.2, c.heaps.3].prefix(Int(min(c.heap_count, 4)))
        info.heaps = heaps.map {
            .init(
                bytesTotal: $0.bytes_total, bytesFree: $0.bytes_free, hostVisible: $0.flags & UInt32(HADAL_HEAP_HOST_VISIBLE) != 0,
                deviceLocal: $0.flags & UInt32(HADAL_HEAP_DEVICE_LOCAL) != 0)
        }
        if c.subgroup_minimum > 0, c.subgroup_maximum >= c.subgroup_minimum {
            info.subgroupSizes = Int(c.subgroup_minimum)...Int(c.subgroup_maximum)
        }
        // Types that this host does not know are of no use to it.
        if let dtypes = c.dtypes { info.dtypes = (0..<Int(min(c.dtype_count, 1024))).compactMap { DType(rawValue: dtypes[$0]) } }
        info.importAlignment = Int(clamping: c.import_alignment)
        info.bufferRangeLimit = Int(clamping: c.buffer_range_limit)
        return info
    }

    package func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
        try check(options: options)
        let devices = try devices()
        guard devices.indices.contains(index) else {
            throw HadalError(
                .notFound, "backend '\(name)' has no device \(index)",
                hint: devices.isEmpty ? "it has no devices" : "it has \(devices.count), counted from 0")
        }
        return try PluginDevice(plugin, index: index, info: devices[index], options: options, log: log)
    }
}
