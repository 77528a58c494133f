import Foundation
import Hadal
import Synchronization

/// This program run once more, with other arguments.
enum ChildProcess {
    struct Outcome {
        var status: Int32
        var output: [UInt8]
        var errors: String
        var timedOut: Bool
    }

    /// - Parameter timeout: seconds after which the child is ended.
    /// - Throws: when it cannot be started.
    static func run(_ arguments: [String], timeout: Double) throws -> Outcome {
        guard let path = Bundle.main.executablePath else { throw HadalError(.notFound, "this program's own file is unknown") }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let (out, errors) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = errors
        do { try process.run() } catch { throw HadalError(.io, "cannot start \(path): \(error.localizedDescription)") }
        let timedOut = Atomic<Bool>(false)
        return withExtendedLifetime(process) {
            let identifier = process.processIdentifier
            let ended = Mutex(false)
            let errorText = Mutex(Data())
            // Both pipes are drained at once, so that neither can fill up and stop the child.
            let group = DispatchGroup()
            DispatchQueue.global().async(group: group) {
                let data = errors.fileHandleForReading.readDataToEndOfFile()
                errorText.withLock { $0 = data }
            }
            let watchdog = DispatchSource.makeTimerSource()
            watchdog.schedule(deadline: .now() + timeout)
            watchdog.setEventHandler {
                ended.withLock { ended in
                    guard !ended else { return }
                    timedOut.store(true, ordering: .relaxed)
                    kill(identifier, SIGKILL)
                }
            }
            watchdog.resume()
            let output = out.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            ended.withLock { $0 = true }
            watchdog.cancel()
            group.wait()
            return Outcome(
                status: process.terminationStatus, output: [UInt8](output), errors: String(decoding: errorText.withLock { $0 }, as: UTF8.self),
                timedOut: timedOut.load(ordering: .relaxed))
        }
    }
}
