import Foundation
import GRDB
import HadalCipher
import HadalCore
import TestSupport

@testable import HadalHistory

/// A directory of its own for a history, removed with the fixture.
final class HistoryFixture {
    /// Cheap enough to guess: tests make many keys.
    static let scrypt = Scrypt(cost: 16, blocks: 8, lanes: 1)

    let directory: String
    let history: History

    var files: HistoryFiles { HistoryFiles(directory: directory) }

    init(schema: Schema = .current) throws {
        let parent = try Fixtures.temporaryDirectory()
        directory = "\(parent)/data"
        history = Self.open(directory, schema: schema)
    }

    deinit { try? FileManager.default.removeItem(atPath: (directory as NSString).deletingLastPathComponent) }

    static func open(_ directory: String, schema: Schema = .current, timeout: Double = 20) -> History {
        History(directory: directory, schema: schema, scrypt: scrypt, timeout: timeout)
    }

    /// What another process, or the next one, would open.
    func reopened(schema: Schema = .current) -> History { Self.open(directory, schema: schema) }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: directory).sorted()) ?? [] }

    static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    /// The names of the files in a directory that hold the text.
    static func files(in directory: String, with text: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).filter {
            TextSearch.first(of: Array(text.utf8), in: try bytes("\(directory)/\($0)"), from: 0) != nil
        }
    }

    func files(with text: String) throws -> [String] { try Self.files(in: directory, with: text) }

    func mode(_ path: String) throws -> Int { try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? 0 }
}

extension History {
    /// A conversation of one branch, whose messages have the texts in turn of the user and of a model.
    @discardableResult
    func add(_ title: String, _ texts: [String], settings: String = "{}") throws -> HistoryConversation {
        let conversation = try create(title: title, settings: settings)
        var messages: [HistoryMessage] = []
        for (number, text) in texts.enumerated() {
            messages.append(HistoryMessage(parent: messages.last?.id, role: number % 2 == 0 ? .user : .assistant, content: text))
        }
        try append(messages, to: conversation.id)
        return try self.conversation(conversation.id)
    }

    /// Has the disk be full when the database has so many pages.
    func limitPages(_ count: Int) throws {
        try locked { work in
            try self.database(&work).queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = \(count)") }
        }
    }

    func titles(_ query: String = "") throws -> [String] { try conversations(matching: query).map(\.conversation.title) }
}
