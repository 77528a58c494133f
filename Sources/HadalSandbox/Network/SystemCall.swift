/// A system call as the two processors that have a filter number it.
struct SystemCall: Sendable {
    let name: String
    private let x86: UInt32
    private let arm: UInt32

    /// - Parameters:
    ///   - x86: the number on x86-64.
    ///   - arm: the number on 64-bit Arm; nil: the same, as of all calls that are younger than Linux 5.1.
    private init(_ name: String, _ x86: UInt32, _ arm: UInt32? = nil) {
        self.name = name
        self.x86 = x86
        self.arm = arm ?? x86
    }

    func number(on processor: FilterProcessor) -> UInt32 { processor == .x86 ? x86 : arm }
}

extension SystemCall {
    static let socket = SystemCall("socket", 41, 198)
    static let connect = SystemCall("connect", 42, 203)
    static let sendto = SystemCall("sendto", 44, 206)
    static let socketpair = SystemCall("socketpair", 53, 199)
    static let clone = SystemCall("clone", 56, 220)
    static let clone3 = SystemCall("clone3", 435)

    /// Refused whatever their arguments are.
    static let forbidden: [SystemCall] = [
        // A connection, and a message that carries its own address or a descriptor of somebody else's.
        socket, connect, SystemCall("sendmsg", 46, 211), SystemCall("sendmmsg", 307, 269),
        // A ring does all of the above without making a call for it.
        SystemCall("io_uring_setup", 425), SystemCall("io_uring_enter", 426), SystemCall("io_uring_register", 427),
        // Another process of the user may connect: nothing may act through its memory, or take its descriptors.
        SystemCall("ptrace", 101, 117), SystemCall("process_vm_readv", 310, 270), SystemCall("process_vm_writev", 311, 271),
        SystemCall("pidfd_getfd", 438),
        // Programs in the kernel, and another view of the system.
        SystemCall("bpf", 321, 280), SystemCall("unshare", 272, 97), SystemCall("setns", 308, 268),
        // The kernel answers a request for a key by starting a program as root, of which one looks names up in the network.
        SystemCall("add_key", 248, 217), SystemCall("request_key", 249, 218), SystemCall("keyctl", 250, 219),
        // A file system of the network is a connection that the kernel opens.
        SystemCall("mount", 165, 40), SystemCall("fsopen", 430),
    ]

    /// The last call that this list was made with, `file_setattr` of Linux 6.17. Whatever is younger may be another way out.
    static let newest: UInt32 = 469
}
