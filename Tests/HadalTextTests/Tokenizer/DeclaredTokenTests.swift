import HadalCore
import HadalFormats
import Testing

@testable import HadalText

/// Tokens that stand beside tokenizer.json. Expected ids are those of transformers' AutoTokenizer.
@Suite struct DeclaredTokenTests {
    /// Ids 0 to 3 are a, b, space and newline; 4 is `<e>`, and new tokens begin at 5.
    private static let tokenizer = """
        {"added_tokens": [{"id": 4, "content": "<e>", "special": true, "normalized": false}], "pre_tokenizer": null, "decoder": null,
         "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, " ": 2, "\\n": 3}, "merges": []}}
        """

    private func tokenizer(_ files: [String: String]) throws -> Tokenizer {
        let all = ["tokenizer.json": Self.tokenizer].merging(files) { $1 }
        return try Tokenizer(#require(try TokenizerDirectory(FileProvider(files: all.mapValues { Array($0.utf8) }, directory: "m"))))
    }

    private static let object =
        #"{"content": "<x>", "lstrip": false, "rstrip": false, "normalized": false, "single_word": false, "special": true}"#

    @Test(
        arguments: [
            ["tokenizer_config.json": #"{"added_tokens_decoder": {"5": \#(object)}}"#],
            ["tokenizer_config.json": #"{"eos_token": "<x>"}"#],
            ["tokenizer_config.json": #"{"pad_token": {"__type": "AddedToken", "content": "<x>", "normalized": false}}"#],
            ["tokenizer_config.json": #"{"additional_special_tokens": ["<e>", "<x>"]}"#],
            ["tokenizer_config.json": #"{"extra_special_tokens": ["<x>"]}"#],
            ["tokenizer_config.json": #"{"extra_special_tokens": [], "additional_special_tokens": ["<x>"]}"#],
            ["tokenizer_config.json": #"{"extra_special_tokens": {"image_token": "<x>"}}"#],
            ["tokenizer_config.json": #"{"model_specific_special_tokens": {"image_token": "<x>"}}"#],
            ["tokenizer_config.json": #"{"image_token": "<x>", "add_bos_token": false, "odd_token": null}"#],
            ["special_tokens_map.json": #"{"mask_token": \#(object)}"#],
            ["special_tokens_map.json": #"{"additional_special_tokens": ["<x>"]}"#],
            ["added_tokens.json": #"{"<x>": 5}"#],
            [
                "added_tokens.json": #"{"<x>": 5}"#, "special_tokens_map.json": #"{"cls_token": "<x>"}"#,
                "tokenizer_config.json": #"{"cls_token": "<e>"}"#,
            ],
        ] as [[String: String]])
    func tokensAreFound(_ files: [String: String]) throws {
        let tokenizer = try tokenizer(files)
        #expect(try tokenizer.encode("a<x>b<e>") == [0, 5, 1, 4], "\(files)")
        #expect(try tokenizer.decode([0, 5]) == "a <x>")
    }

    @Test func anAddedTokensDecoderCountsAlone() throws {
        let files = [
            "tokenizer_config.json": #"{"added_tokens_decoder": {}}"#, "special_tokens_map.json": #"{"pad_token": "<x>"}"#,
            "added_tokens.json": #"{"<y>": 5}"#,
        ]
        #expect(try tokenizer(files).count == 5)
    }

    @Test(
        arguments: [
            // Flags of an added_tokens_decoder replace those of tokenizer.json, those of a role do not.
            (#"{"added_tokens_decoder": {"4": {"content": "<e>", "rstrip": true, "special": true, "normalized": false}}}"#, [0, 4, 1]),
            (
                #"{"added_tokens_decoder": {"4": {"content": "<e>", "lstrip": true, "special": false, "normalized": false}}}"#,
                [0, 4, 3, 3, 1]
            ),
            (
                #"{"added_tokens_decoder": {"4": {"content": "<e>", "single_word": true, "special": true, "normalized": false}}}"#,
                [0, 3, 3, 1]
            ),
            (#"{"eos_token": {"__type": "AddedToken", "content": "<e>", "rstrip": true}}"#, [0, 4, 3, 3, 1]),
        ] as [(String, [Int32])])
    func flagsAreReplaced(_ config: String, _ ids: [Int32]) throws {
        #expect(try tokenizer(["tokenizer_config.json": config]).encode("a<e>\n\nb") == ids)
    }

    @Test func flagsOfNewTokensCount() throws {
        let flags = #"{"content": "<x>", "lstrip": true, "rstrip": true, "normalized": false}"#
        for files in [
            ["special_tokens_map.json": #"{"pad_token": \#(flags)}"#],
            ["tokenizer_config.json": #"{"pad_token": "<x>", "added_tokens_decoder": {"5": \#(flags)}}"#],
        ] {
            let tokenizer = try tokenizer(files)
            #expect(try tokenizer.encode("a  <x>\n\nb") == [0, 5, 1])
            // A role makes a token special.
            #expect(try tokenizer.isControl(5) && tokenizer.special.padID == 5)
        }
    }

    @Test func newTokensFollowTheOrderOfRoles() throws {
        let config =
            #"{"mask_token": "<m>", "image_token": "<i>", "bos_token": "<s>", "extra_special_tokens": ["<x>"], "added_tokens_decoder": {"5": \#(Self.object)}}"#
        let tokenizer = try tokenizer(["tokenizer_config.json": config])
        #expect(try tokenizer.encode("<x><s><m><i>") == [5, 6, 7, 8])
        #expect(tokenizer.special.names.map(\.role).sorted() == ["bos_token", "image_token", "mask_token"])
    }

    /// A role of special_tokens_map.json replaces tokenizer_config.json's, but not where it is one that only some models have and is plain text there.
    @Test func rolesOfTheOlderFile() throws {
        let files = [
            "tokenizer_config.json": #"{"pad_token": "<p>", "image_token": "<i>", "extra_special_tokens": {"boi_token": "<b>"}}"#,
            "special_tokens_map.json": #"{"pad_token": "<q>", "image_token": "<j>", "eoi_token": "<c>"}"#,
        ]
        let tokenizer = try tokenizer(files)
        #expect(try tokenizer.encode("<q><i><c><b>") == [5, 6, 7, 8] && tokenizer.count == 9)
    }

    @Test func endOfGenerationIsThatOfTheModelToo() throws {
        let tokenizer = try tokenizer(["tokenizer_config.json": #"{"eos_token": "<x>"}"#, "config.json": #"{"eos_token_id": [4, 1]}"#])
        #expect(tokenizer.special.eosID == 5 && tokenizer.special.endIDs == [1, 4, 5])
    }

    @Test func takenAndRepeatedIDsAreSettled() throws {
        func ids(_ added: String, _ text: String) throws -> [Int32] {
            try TokenizerFixtures.tokenizer(json: #"{"added_tokens": [\#(added)], "model": {"vocab": {"a": 0, "b": 1}, "merges": []}}"#)
                .encode(text)
        }
        // The id of another token, one id twice, one text twice: the first keeps it, the other gets the next.
        #expect(try ids(#"{"id": 1, "content": "<x>"}"#, "b<x>") == [1, 2])
        #expect(try ids(#"{"id": 2, "content": "<x>"}, {"id": 2, "content": "<y>"}"#, "<x><y>") == [2, 3])
        #expect(try ids(#"{"id": 2, "content": "<x>"}, {"id": 3, "content": "<x>"}, {"id": 4, "content": "<y>"}"#, "<x><y>") == [2, 4])
        let both = try TokenizerFixtures.tokenizer(json: #"{"model": {"vocab": {"a": 0, "b": 0, "c": 1, "c": 2}, "merges": []}}"#)
        #expect(try both.encode("abc") == [0, 0, 2] && both.count == 3)
    }
}
