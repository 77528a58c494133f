/// One instruction of the kernel's filters (classic BPF), which see a call's number, ABI and arguments, and cannot jump backwards.
struct FilterInstruction: Equatable, Sendable {
    let code: UInt16
    /// Instructions to skip where the comparison holds, and where it does not.
    let ifTrue: UInt8
    let ifFalse: UInt8
    let value: UInt32

    /// As a `struct sock_filter` lies in memory, on a machine whose lowest byte comes first.
    var encoded: UInt64 { UInt64(code) | UInt64(ifTrue) << 16 | UInt64(ifFalse) << 24 | UInt64(value) << 32 }

    /// Loads a word of what the kernel shows of the call.
    static func load(_ word: Word) -> FilterInstruction { FilterInstruction(code: 0x20, ifTrue: 0, ifFalse: 0, value: word.offset) }

    /// Skips where the loaded word is `value`.
    static func whereEqual(_ value: UInt32, skip: UInt8) -> FilterInstruction {
        FilterInstruction(code: 0x15, ifTrue: skip, ifFalse: 0, value: value)
    }

    /// Goes on where the loaded word is `value`, else skips.
    static func unlessEqual(_ value: UInt32, skip: UInt8) -> FilterInstruction {
        FilterInstruction(code: 0x15, ifTrue: 0, ifFalse: skip, value: value)
    }

    /// Goes on where the loaded word is at least `value`, else skips.
    static func unlessAtLeast(_ value: UInt32, skip: UInt8) -> FilterInstruction {
        FilterInstruction(code: 0x35, ifTrue: 0, ifFalse: skip, value: value)
    }

    /// Goes on where the loaded word has one of the bits, else skips.
    static func unlessAnyBit(_ bits: UInt32, skip: UInt8) -> FilterInstruction {
        FilterInstruction(code: 0x45, ifTrue: 0, ifFalse: skip, value: bits)
    }

    static func end(_ verdict: Verdict) -> FilterInstruction {
        FilterInstruction(code: 0x06, ifTrue: 0, ifFalse: 0, value: verdict.value)
    }
}

extension FilterInstruction {
    /// A word of `struct seccomp_data`, 32 bits.
    enum Word {
        case number, processor
        /// Half of an argument, counted from 0.
        case low(Int), high(Int)

        var offset: UInt32 {
            switch self {
            case .number: 0
            case .processor: 4
            case .low(let argument): 16 + 8 * UInt32(argument)
            case .high(let argument): 20 + 8 * UInt32(argument)
            }
        }
    }

    /// What becomes of a call.
    enum Verdict: Equatable {
        case allow
        /// It is not made, and fails with this error number.
        case fail(Int32)

        var value: UInt32 {
            switch self {
            case .allow: 0x7FFF_0000
            case .fail(let number): 0x0005_0000 | UInt32(UInt16(truncatingIfNeeded: number))
            }
        }
    }
}
