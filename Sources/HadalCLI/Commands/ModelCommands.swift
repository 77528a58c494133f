import ArgumentParser
import Foundation
import Hadal
import HadalCore
import HadalHub
import Synchronization

struct PullCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Download a model of the catalogue into the store and verify it.",
        discussion: "An interrupted download resumes where it stopped. This is the only command that opens a network connection.")

    @Argument(help: ArgumentHelp("A catalogue name (hadal models lists them).", valueName: "name"))
    var name: String
    @Option(help: ArgumentHelp("Use this local file instead of downloading.", valueName: "file"))
    var from: String?

    func run() throws {
        let store = try ModelStore()
        let progress = Progress("pull \(name)")
        let outcome = Mutex<Result<InstalledModel, any Error>?>(nil)
        let finished = DispatchSemaphore(value: 0)
        let (name, from) = (name, from)
        let task = Task {
            do {
                let model = try await store.pull(name, from: from) { event in
                    let share = event.total > 0 ? Double(event.bytes) / Double(event.total) : 0
                    progress.update(
                        share, detail: "\(event.phase.rawValue) \(Terminal.bytes(event.bytes)) of \(Terminal.bytes(event.total))")
                }
                outcome.withLock { $0 = .success(model) }
            } catch {
                outcome.withLock { $0 = .failure(error) }
            }
            finished.signal()
        }
        Interrupt.onInterrupt { task.cancel() }
        finished.wait()
        progress.finish()
        let model = try outcome.withLock { try $0?.get() }
        if let model { Terminal.line("\(model.name): \(Terminal.bytes(model.bytes)), checked, in \(model.directory)") }
    }
}

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "List the models in the store and in the catalogue, or verify those in the store.")

    @Flag(
        help:
            "Read every file of the models in the store again and print a manifest: SHA-256, bytes, file, and where it is from, if that is known. Exit status 1 where a file is not what the catalogue says."
    )
    var verify = false

    @Argument(help: ArgumentHelp("With --verify: only these models.", valueName: "name"))
    var names: [String] = []

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if !names.isEmpty, !verify { throw ValidationError("Names of models require --verify.") }
    }

    func run() throws {
        if verify { return try printManifest() }
        let listing = try ModelStore().list()
        if json { return Terminal.json(listing.json) }
        Terminal.line("in \(listing.directory)")
        if listing.installed.isEmpty {
            Terminal.line("  nothing yet")
        } else {
            Terminal.line(
                Terminal.table(
                    listing.installed.map { model in
                        let state =
                            switch model.state {
                            case .complete: model.isVerified ? "checked" : "not checked"
                            case .partial: "partial: hadal pull \(model.name) resumes it"
                            case .wrongLength: "damaged: hadal pull \(model.name) repairs it"
                            }
                        return ["  \(model.name)", Terminal.bytes(model.bytes), state, model.entry?.description ?? ""]
                    }))
        }
        if !listing.available.isEmpty {
            Terminal.line("available (hadal pull NAME)")
            Terminal.line(Terminal.table(listing.available.map { ["  \($0.name)", Terminal.bytes($0.bytes), $0.licence, $0.description] }))
        }
    }

    private func printManifest() throws {
        let progress = Progress("verify")
        let manifest = try ModelStore().manifest(of: names) { file, done, total in
            progress.update(
                total > 0 ? Double(done) / Double(total) : 0, detail: "\(file), \(Terminal.bytes(done)) of \(Terminal.bytes(total))")
        }
        progress.finish()
        if json { Terminal.json(manifest.json) } else { Terminal.line(ManifestListing.text(manifest)) }
        let wrong = manifest.files.filter(\.isWrong)
        guard let first = wrong.first else { return }
        throw HadalError(
            .corrupt,
            "\(wrong.count) of \(manifest.files.count) files are not what the catalogue says: \(wrong.map { "\($0.model)/\($0.name)" }.joined(separator: ", "))",
            hint: [.action(.pull(first.model))])
    }
}
