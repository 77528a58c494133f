@testable import HadalSandbox

/// Runs a filter as the kernel does, for calls of a processor that this may not be.
struct FilterMachine {
    let program: [FilterInstruction]

    struct Call {
        var number: UInt32
        var processor: UInt32
        var arguments: [UInt64] = []

        /// The 32-bit word at an offset of `struct seccomp_data`.
        func word(_ offset: UInt32) -> UInt32? {
            switch offset {
            case 0: return number
            case 4: return processor
            case 16..<64 where offset % 4 == 0:
                let index = Int(offset - 16) / 8
                let argument = index < arguments.count ? arguments[index] : 0
                return UInt32(truncatingIfNeeded: offset % 8 == 0 ? argument : argument >> 32)
            default: return nil
            }
        }
    }

    /// The verdict's value; nil where the program does something that the kernel would not have taken.
    func verdict(_ call: Call) -> UInt32? {
        var (at, accumulator) = (0, UInt32(0))
        while at < program.count {
            let instruction = program[at]
            at += 1
            let holds: Bool
            switch instruction.code {
            case 0x20:
                guard let word = call.word(instruction.value) else { return nil }
                accumulator = word
                continue
            case 0x06: return instruction.value
            case 0x15: holds = accumulator == instruction.value
            case 0x35: holds = accumulator >= instruction.value
            case 0x45: holds = accumulator & instruction.value != 0
            default: return nil
            }
            at += Int(holds ? instruction.ifTrue : instruction.ifFalse)
        }
        return nil
    }
}
