import CHadalSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Something that a sealed process must not be able to do, and a way to try it that harms nothing where it can.
///
/// Most are tried with arguments that the kernel refuses with another error number than the filter's: no such descriptor, no such address. So a
/// refusal is the filter's, and a missing filter shows.
struct SealAttempt: Sendable {
    let name: String
    /// The error number that the filter gives.
    let refusal: Int32
    /// - Returns: the error number; 0 when it worked.
    let perform: @Sendable () -> Int32

    private init(_ name: String, refusal: Int32 = EPERM, _ perform: @escaping @Sendable () -> Int32) {
        self.name = name
        self.refusal = refusal
        self.perform = perform
    }

    /// All attempts for a processor, which must be the one that runs this.
    static func all(on processor: FilterProcessor) -> [SealAttempt] {
        @Sendable func call(_ call: SystemCall, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0) -> Int32
        {
            result(hadal_sandbox_call(Int(call.number(on: processor)), a, b, c, d, e, f))
        }
        var list = families.map { family in
            SealAttempt("socket of \(family.name)") {
                opened(hadal_sandbox_call(Int(SystemCall.socket.number(on: processor)), family.number, 1, 0, 0, 0, 0))
            }
        }
        list.append(SealAttempt("socketpair of AF_INET") { call(.socketpair, Int(AF_INET), 1, 0, 0) })
        list.append(
            SealAttempt("sendto with an address") {
                var address = sockaddr()
                return withUnsafeMutableBytes(of: &address) { call(.sendto, -1, 0, 0, 0, Int(bitPattern: $0.baseAddress), $0.count) }
            })
        // No such descriptor, request or process, and no memory at address 0.
        list += SystemCall.forbidden.filter { $0.name != SystemCall.socket.name }.map { forbidden in
            SealAttempt(forbidden.name) { call(forbidden, -1, 0, 0, 0, 0, 0) }
        }
        // Two flags that exclude each other, so that there is no child in any case.
        list.append(SealAttempt("clone with a new namespace") { call(.clone, 0x1000_0000 | 0x200) })
        list.append(SealAttempt("clone3", refusal: ENOSYS) { call(.clone3) })
        if processor == .x86 {
            list.append(
                SealAttempt("a call by the x32 ABI") { result(hadal_sandbox_call(0x4000_0000 + 39, 0, 0, 0, 0, 0, 0)) })
            list.append(SealAttempt("a call by the i386 ABI") { hadal_sandbox_try_32_bit_call() })
        }
        return list
    }

    /// Families of sockets, each another way to somewhere else: the network, programs of this machine, the kernel, the host of a virtual machine.
    private static let families: [(name: String, number: Int)] = [
        ("AF_UNIX", 1), ("AF_INET", 2), ("AF_INET6", 10), ("AF_NETLINK", 16), ("AF_PACKET", 17), ("AF_VSOCK", 40),
    ]

    private static func result(_ value: Int) -> Int32 { value < 0 ? Int32(clamping: -value) : 0 }

    /// Closes what was opened after all.
    private static func opened(_ value: Int) -> Int32 {
        guard value >= 0 else { return result(value) }
        close(Int32(clamping: value))
        return 0
    }
}
