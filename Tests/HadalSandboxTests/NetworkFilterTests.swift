import Foundation
import Testing

@testable import HadalSandbox

/// The filter of both processors, run by `FilterMachine`.
@Suite("Network filter")
struct NetworkFilterTests {
    private let allow: UInt32 = 0x7FFF_0000
    private let refuse: UInt32 = 0x0005_0000 | UInt32(EPERM)
    private let unknown: UInt32 = 0x0005_0000 | UInt32(ENOSYS)

    private func verdict(_ processor: FilterProcessor, _ number: UInt32, _ arguments: UInt64...) -> UInt32? {
        FilterMachine(program: NetworkFilter.instructions(for: processor)).verdict(
            FilterMachine.Call(number: number, processor: processor.audit, arguments: arguments))
    }

    @Test("calls that open or use a connection are refused", arguments: FilterProcessor.allCases)
    func forbidden(processor: FilterProcessor) {
        for call in SystemCall.forbidden { #expect(verdict(processor, call.number(on: processor)) == refuse, "\(call.name)") }
        #expect(verdict(processor, SystemCall.clone3.number(on: processor)) == unknown)
        #expect(verdict(processor, 470) == unknown && verdict(processor, 469) == allow)
    }

    @Test("calls of another ABI are refused, whatever their number", arguments: FilterProcessor.allCases)
    func otherABI(processor: FilterProcessor) {
        let machine = FilterMachine(program: NetworkFilter.instructions(for: processor))
        // i386, 32-bit Arm, and the other of the two.
        for foreign: UInt32 in [0x4000_0003, 0x4000_0028] + FilterProcessor.allCases.filter({ $0 != processor }).map(\.audit) {
            for number: UInt32 in [0, 1, 20, 41, 102, 198, 400] {
                #expect(machine.verdict(FilterMachine.Call(number: number, processor: foreign)) == refuse)
            }
        }
        if processor == .x86 {
            #expect(verdict(.x86, 0x4000_0000) == refuse && verdict(.x86, 0x4000_0000 + 39) == refuse && verdict(.x86, .max) == refuse)
        }
    }

    @Test("arguments decide where a call is also used by what stays in the process", arguments: FilterProcessor.allCases)
    func byArguments(processor: FilterProcessor) {
        let pair = SystemCall.socketpair.number(on: processor)
        #expect(verdict(processor, pair, 1) == allow)
        // The kernel reads 32 bits: what stands above them changes nothing.
        #expect(verdict(processor, pair, 1 << 32 | 1) == allow && verdict(processor, pair, 1 << 32 | 2) == refuse)
        for family: UInt64 in [0, 2, 10, 16, 30, 40] { #expect(verdict(processor, pair, family) == refuse) }

        let send = SystemCall.sendto.number(on: processor)
        #expect(verdict(processor, send, 5, 0x7FFF_0000, 10, 0, 0, 0) == allow)
        #expect(verdict(processor, send, 5, 0x7FFF_0000, 10, 0, 0x1000, 16) == refuse)
        // An address whose lower half is zero is one as well.
        #expect(verdict(processor, send, 5, 0x7FFF_0000, 10, 0, 0x7F00_0000_0000, 16) == refuse)

        let clone = SystemCall.clone.number(on: processor)
        // What the C library's threads, and fork, are made of.
        #expect(verdict(processor, clone, 0x3D_0F00) == allow && verdict(processor, clone, 0x120_0011) == allow)
        for bit: UInt64 in [17, 25, 26, 27, 28, 29, 30] { #expect(verdict(processor, clone, 1 << bit | 0x11) == refuse, "bit \(bit)") }
    }

    @Test("what a conversation is made of is allowed")
    func allowed() {
        // read, write, poll, mmap, accept, recvfrom, bind, fork, execve, accept4, epoll_pwait2, memfd_create
        for number: UInt32 in [0, 1, 7, 9, 43, 45, 49, 57, 59, 288, 319, 441] { #expect(verdict(.x86, number) == allow, "\(number)") }
        for number: UInt32 in [63, 64, 73, 222, 202, 207, 200, 221, 242, 441, 279] { #expect(verdict(.arm, number) == allow, "\(number)") }
    }

    @Test("the filter has a form that the kernel takes", arguments: FilterProcessor.allCases)
    func form(processor: FilterProcessor) {
        let program = NetworkFilter.instructions(for: processor)
        #expect(program.count < 4096 && program.last == .end(.allow))
        for (at, instruction) in program.enumerated() {
            #expect(at + 1 + Int(max(instruction.ifTrue, instruction.ifFalse)) < program.count || instruction.code == 0x06)
        }
        #expect(FilterInstruction.load(.high(4)).encoded == 0x34 << 32 | 0x20)
        #expect(FilterInstruction.whereEqual(7, skip: 1).encoded == 7 << 32 | 1 << 16 | 0x15)
    }

    private static let headers = [
        (FilterProcessor.x86, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (.arm, "/usr/include/asm-generic/unistd.h"),
    ].filter { FileManager.default.fileExists(atPath: $0.1) }

    @Test("numbers are those of the kernel's headers", .enabled(if: !headers.isEmpty, "needs the kernel's headers"))
    func numbers() throws {
        for (processor, path) in Self.headers {
            var known: [Substring: UInt32] = [:]
            for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
                let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
                guard words.count >= 3, words[0] == "#define", words[1].hasPrefix("__NR_") else { continue }
                known[words[1].dropFirst(5)] = UInt32(words[2])
            }
            for call in SystemCall.forbidden + [.socketpair, .sendto, .clone, .clone3] {
                #expect(known[Substring(call.name)] == call.number(on: processor), "\(call.name) in \(path)")
            }
        }
    }
}
