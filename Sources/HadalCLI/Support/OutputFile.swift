import Foundation
import Hadal

/// Where a command will write its result.
enum OutputFile {
    /// Tells at once what would otherwise be found after the model was loaded and the work was done.
    static func check(_ path: String) throws {
        var folder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &folder) {
            guard !folder.boolValue else { throw HadalError(.io, "cannot create: a directory has this name", at: SourcePlace(path)) }
            return
        }
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: parent, isDirectory: &folder), folder.boolValue else {
            throw HadalError(.io, "cannot create: there is no directory '\(parent)'", at: SourcePlace(path))
        }
        guard FileManager.default.isWritableFile(atPath: parent) else {
            throw HadalError(.io, "cannot create: the directory is not writable", at: SourcePlace(path))
        }
    }
}
