import Foundation
import HadalCore

/// A disk of 256 KiB, in memory, mounted on a fixture's directory.
package struct TinyDisk {
    package let directory: String

    package init(on directory: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        guard Self.run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", directory) else {
            throw HadalError(.unsupported, "cannot mount")
        }
    }

    package func setReadOnly(_ isReadOnly: Bool) -> Bool { Self.run("mount", "-o", "remount,\(isReadOnly ? "ro" : "rw")", directory) }

    package func unmount() { _ = Self.run("umount", "-l", directory) }

    package static let isPossible: Bool = {
        guard geteuid() == 0, let parent = try? Fixtures.temporaryDirectory() else { return false }
        defer { try? FileManager.default.removeItem(atPath: parent) }
        guard let disk = try? TinyDisk(on: "\(parent)/disk") else { return false }
        disk.unmount()
        return true
    }()

    private static func run(_ arguments: String...) -> Bool {
        guard let run = try? ChildProcess.run("/usr/bin/env", arguments, seconds: 30), case .exited(0) = run.end else { return false }
        return true
    }
}
