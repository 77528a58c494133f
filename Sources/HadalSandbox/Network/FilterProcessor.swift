/// A processor whose system calls a filter can tell apart.
enum FilterProcessor: CaseIterable, Sendable {
    case x86
    case arm

    /// The one that this code was compiled for; nil: there is no filter for it.
    static var current: FilterProcessor? {
        #if os(Linux) && arch(x86_64)
            .x86
        #elseif os(Linux) && arch(arm64)
            .arm
        #else
            nil
        #endif
    }

    /// What the kernel calls the processor's own ABI (`AUDIT_ARCH_…`). Its 32-bit ABI has another number.
    var audit: UInt32 { self == .x86 ? 0xC000_003E : 0xC000_00B7 }

    /// Numbers from here on belong to another ABI, x32, that shares the name of the processor's own; nil: there is none.
    var foreignNumbers: UInt32? { self == .x86 ? 0x4000_0000 : nil }
}
