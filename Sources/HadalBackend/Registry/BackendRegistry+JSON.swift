package import HadalCore

extension BackendRegistry {
    /// What `hadal backends --json` prints: `backends`, `unavailable`, `directories` and the host's ABI versions.
    package func json() -> JSON {
        let (available, unavailable) = list()
        return [
            "abi": [
                "minimum": .init(.int(Int64(PluginLoader.abiRange.lowerBound))),
                "maximum": .init(.int(Int64(PluginLoader.abiRange.upperBound))),
            ],
            "directories": JSON(.array(directories.map { JSON(.string($0.path)) })),
            "backends": JSON(.array(available.map { $0.json })),
            "unavailable": JSON(
                .array(
                    unavailable.map {
                        [
                            "name": $0.name.map { JSON(.string($0)) } ?? .null, "path": $0.path.map { JSON(.string($0)) } ?? .null,
                            "reason": JSON(.string($0.reason)),
                        ]
                    })),
        ]
    }
}

extension BackendRegistry.Entry {
    /// The backend with its options and devices. Devices that cannot be listed give `devices_error` in their place.
    package var json: JSON {
        var object = JSONObject([
            ("name", JSON(.string(backend.name))), ("version", JSON(.string(backend.version))),
            ("description", JSON(.string(backend.summary))), ("path", plugin?.path.map { JSON(.string($0)) } ?? .null),
        ])
        if let plugin {
            object["abi"] = [
                "agreed": JSON(.int(Int64(plugin.abiVersion))), "minimum": JSON(.int(Int64(plugin.abiRange.lowerBound))),
                "maximum": JSON(.int(Int64(plugin.abiRange.upperBound))),
            ]
        } else {
            object["abi"] = .null
        }
        object["capabilities"] = JSON(.array(backend.capabilities.names.map { JSON(.string($0)) }))
        object["options"] = JSON(.array(backend.options.map(\.json)))
        do {
            object["devices"] = JSON(.array(try backend.devices().enumerated().map { $1.json(index: $0) }))
        } catch {
            object["devices"] = []
            object["devices_error"] = JSON(.string("\(error)"))
        }
        return JSON(.object(object))
    }
}

extension BackendCapabilities {
    /// Names of the bits that are set; those that this host does not know as `bit_N`.
    public var names: [String] {
        let known = ["block_scales", "trace", "multi_node", "state", "multi_sequence", "symbolic_dims", "bit_6", "stable_steps"]
        return (0..<64).filter { rawValue & (1 << UInt64($0)) != 0 }.map { $0 < known.count ? known[$0] : "bit_\($0)" }
    }
}

extension OptionValue {
    package var json: JSON {
        switch self {
        case .bool(let b): JSON(.bool(b))
        case .int(let i): JSON(.int(i))
        case .float(let d): JSON(.double(d))
        case .string(let s): JSON(.string(s))
        }
    }
}

extension OptionSpec {
    package var json: JSON {
        var object = JSONObject([
            ("name", JSON(.string(name))), ("type", JSON(.string("\(kind)"))), ("default", defaultValue.json),
        ])
        func number(_ value: Double) -> JSON {
            kind == .int ? Int64(exactly: value).map { JSON(.int($0)) } ?? JSON(.double(value)) : JSON(.double(value))
        }
        if let minimum { object["minimum"] = number(minimum) }
        if let maximum { object["maximum"] = number(maximum) }
        if !choices.isEmpty { object["choices"] = JSON(.array(choices.map { JSON(.string($0)) })) }
        object["help"] = JSON(.string(help))
        return JSON(.object(object))
    }
}

extension DeviceInfo {
    public var kindName: String {
        switch kind {
        case .cpu: "cpu"
        case .gpu: "gpu"
        case .integratedGPU: "integrated_gpu"
        case .accelerator: "accelerator"
        case .software: "software"
        }
    }

    func json(index: Int) -> JSON {
        func bytes(_ n: UInt64) -> JSON { JSON(.int(Int64(clamping: n))) }
        var object = JSONObject([
            ("index", JSON(.int(Int64(index)))), ("id", JSON(.string(id))), ("name", JSON(.string(name))),
            ("kind", JSON(.string(kindName))),
            ("driver", JSON(.string(driver))), ("features", JSON(.array(features.map { JSON(.string($0)) }))),
            ("dtypes", JSON(.array(dtypes.map { JSON(.string($0.name)) }))),
            (
                "heaps",
                JSON(
                    .array(
                        heaps.map {
                            [
                                "bytes_total": bytes($0.bytesTotal), "bytes_free": bytes($0.bytesFree),
                                "host_visible": JSON(.bool($0.hostVisible)), "device_local": JSON(.bool($0.deviceLocal)),
                            ]
                        }))
            ),
        ])
        if let sizes = subgroupSizes {
            object["subgroup_minimum"] = JSON(.int(Int64(sizes.lowerBound)))
            object["subgroup_maximum"] = JSON(.int(Int64(sizes.upperBound)))
        }
        object["import_alignment"] = JSON(.int(Int64(importAlignment)))
        object["buffer_range_limit"] = JSON(.int(Int64(bufferRangeLimit)))
        return JSON(.object(object))
    }
}
