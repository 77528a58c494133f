import Foundation
import TestSupport

/// Runs the built `hadal` as a user would.
struct CommandRun {
    var status: Int32
    var out: String
    var error: String

    static let executable = "\(Fixtures.products)/hadal"

    init(_ arguments: [String], input: String? = nil, environment: [String: String] = [:], executable: String = CommandRun.executable)
        throws
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        let (out, error, input_) = (Pipe(), Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = error
        process.standardInput = input_
        try process.run()
        if let input { input_.fileHandleForWriting.write(Data(input.utf8)) }
        try input_.fileHandleForWriting.close()
        // Both pipes are drained at once, so that neither can fill up and stop the program.
        let errorText = Box()
        let reader = Thread { errorText.set(error.fileHandleForReading.readDataToEndOfFile()) }
        reader.start()
        self.out = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        self.error = String(decoding: errorText.wait(), as: UTF8.self)
        status = process.terminationStatus
    }

    private final class Box: @unchecked Sendable {
        private let done = DispatchSemaphore(value: 0)
        private var data = Data()
        func set(_ new: Data) {
            data = new
            done.signal()
        }
        func wait() -> Data {
            done.wait()
            return data
        }
    }
}
