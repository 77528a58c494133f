import Foundation

/// Files that tests read.
public enum Fixtures {
    /// The repository's root folder.
    public static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// A file or folder under `Tests/Fixtures`.
    public static func path(_ name: String) -> String { "\(repository)/Tests/Fixtures/\(name)" }

    /// The reference data beside the checkout, or nil where it is absent.
    /// A test that needs it is declared `.enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout")`.
    public static let goldens: String? = {
        let path = ProcessInfo.processInfo.environment["HADAL_GOLDENS"] ?? "\(repository)/../shared/goldens"
        return FileManager.default.fileExists(atPath: "\(path)/README.md") ? path : nil
    }()

    /// The folder that holds the built executable and the plugins.
    public static let products: String = {
        let image = Bundle.main.bundlePath
        return FileManager.default.fileExists(atPath: "\(image)/hadal") ? image : "\(repository)/.build/debug"
    }()

    /// A fresh temporary folder; the caller removes it.
    public static func temporaryDirectory() throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hadal-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}

extension Fixtures {
    /// The default model in the user's store, as `make test` fetches it; nil when it could not be.
    public static let smollm2: String? = {
        let environment = ProcessInfo.processInfo.environment
        let data = environment["XDG_DATA_HOME"] ?? "\(NSHomeDirectory())/.local/share"
        let store = environment["HADAL_MODELS"] ?? "\(data)/hadal/models"
        let path = "\(store)/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()
}
