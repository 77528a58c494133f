#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The filter that keeps a process from the network: which system calls are made, and which fail.
///
/// What fails does so with EPERM, as if the user had not the right to it, which programs know how to deal with. Two kinds answer ENOSYS instead,
/// as an older kernel does: `clone3`, whose arguments a filter cannot see and for which the C library then takes `clone`, and calls that are
/// younger than the filter.
enum NetworkFilter {
    /// The flags with which `clone` makes a namespace: of mounts, control groups, names, IPC, users, processes, or the network.
    static let namespaceFlags: UInt32 = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000

    static func instructions(for processor: FilterProcessor) -> [FilterInstruction] {
        func number(_ call: SystemCall) -> UInt32 { call.number(on: processor) }
        let refuse = FilterInstruction.end(.fail(EPERM))
        // A call by another ABI has other numbers: none of what follows would know it.
        var list: [FilterInstruction] = [.load(.processor), .whereEqual(processor.audit, skip: 1), refuse, .load(.number)]
        if let foreign = processor.foreignNumbers { list += [.unlessAtLeast(foreign, skip: 1), refuse] }
        list += [.unlessAtLeast(SystemCall.newest + 1, skip: 1), .end(.fail(ENOSYS))]
        for call in SystemCall.forbidden { list += [.unlessEqual(number(call), skip: 1), refuse] }
        list += [.unlessEqual(number(.clone3), skip: 1), .end(.fail(ENOSYS))]
        // The kernel takes family and flags as 32 bits, and drops the rest of the register.
        list += [
            .unlessEqual(number(.socketpair), skip: 4), .load(.low(0)), .unlessEqual(UInt32(AF_UNIX), skip: 1), .end(.allow), refuse,
            .unlessEqual(number(.clone), skip: 4), .load(.low(0)), .unlessAnyBit(namespaceFlags, skip: 1), refuse, .end(.allow),
            // Without an address it is what send() makes of itself.
            .unlessEqual(number(.sendto), skip: 6), .load(.low(4)), .unlessEqual(0, skip: 3), .load(.high(4)), .unlessEqual(0, skip: 1),
            .end(.allow), refuse,
            .end(.allow),
        ]
        return list
    }
}
