import Foundation
public enum ModelStore {
    public static var directory: String {
        let e = ProcessInfo.processInfo.environment
        return e["HADAL_MODELS"] ?? (e["XDG_DATA_HOME"] ?? "\(NSHomeDirectory())/.local/share") + "/hadal/models"
    }
    public static func resolve(_ name: String) throws -> String {
        if FileManager.default.fileExists(atPath: name) { return name }
        let d = "\(directory)/\(name)"
        if let f = try? FileManager.default.contentsOfDirectory(atPath: d).first(where: { $0.hasSuffix(".gguf") }) { return "\(d)/\(f)" }
        throw HadalError(.notFound, "no such file, directory or catalogue name", at: Place(name))
    }
}
