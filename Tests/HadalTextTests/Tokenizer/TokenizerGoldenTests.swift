import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

@testable import HadalText

/// Every row of the reference data beside the checkout.
@Suite(.enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
struct TokenizerGoldenTests {
    private func rows(_ name: String) throws -> [TokenizerRow] {
        let rows = try TokenizerRow.load("\(try #require(Fixtures.goldens))/tokenizer_goldens.jsonl").filter { $0.tokenizer == name }
        #expect(!rows.isEmpty)
        return rows
    }

    private func check(_ tokenizer: Tokenizer, _ name: String, decodes: Bool) throws {
        for row in try rows(name) {
            let ids = try tokenizer.encode(row.text, parseSpecial: row.parseSpecial)
            #expect(ids == row.ids, "\(row.text.prefix(80).debugDescription)")
            if decodes { #expect(try Array(tokenizer.decode(row.ids).utf8) == Array(row.text.utf8)) }
        }
    }

    private func gguf(_ path: String) throws -> Tokenizer {
        let file = try GGUFFile(path: path)
        return try Tokenizer(file: path, metadata: { file.metadata($0) })
    }

    @Test func deepseekV3() throws {
        let folder = "\(try #require(Fixtures.goldens))/tokenizers"
        try check(Tokenizer(contentsOf: "\(folder)/deepseek_v3.tokenizer.json"), "deepseek_v3", decodes: true)
    }

    @Test func deepseekV4() throws {
        let folder = "\(try #require(Fixtures.goldens))/tokenizers"
        var root = try #require(try JSONDocument(contentsOf: "\(folder)/deepseek_v3.tokenizer.json").root.object)
        root["added_tokens"] = try JSONDocument(contentsOf: "\(folder)/deepseek_v4.added_tokens.json").root
        let document = try JSONDocument(parsing: JSON(.object(root)).text(), file: "deepseek_v4")
        try check(Tokenizer(document: document), "deepseek_v4", decodes: true)
    }

    @Test func deepseekV2() throws {
        let folder = "\(try #require(Fixtures.goldens))/tokenizers"
        let unpack = Process()
        unpack.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        unpack.arguments = ["gzip", "-dc", "\(folder)/deepseek_v2.tokenizer.json.gz"]
        let pipe = Pipe()
        unpack.standardOutput = pipe
        try unpack.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        unpack.waitUntilExit()
        try check(
            Tokenizer(document: JSONDocument(parsing: String(decoding: data, as: UTF8.self), file: "deepseek_v2")), "deepseek_v2",
            decodes: true)
    }

    @Test func smollm2() throws {
        let tokenizer = try gguf("\(try #require(Fixtures.goldens))/tokenizers/smollm2.vocab.gguf")
        try check(tokenizer, "smollm2", decodes: true)
        #expect(tokenizer.special.endIDs.contains(try #require(tokenizer.id(of: "<|im_end|>"))))
    }

    static let gemma = ProcessInfo.processInfo.environment["HADAL_GEMMA3_GGUF"]

    @Test(.enabled(if: gemma != nil, "HADAL_GEMMA3_GGUF names no file"))
    func gemma3() throws { try check(gguf(try #require(Self.gemma)), "gemma3", decodes: false) }
}
