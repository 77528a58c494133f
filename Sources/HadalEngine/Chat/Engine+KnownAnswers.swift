import HadalCache
import HadalCore
import HadalText

extension Engine {
    /// Keeps the tokens of an answer for prompts that hold it.
    ///
    /// - Parameter use: of the session that answered: whose they are, and whether the cache directory, if any, may get them.
    func noteAnswer(_ tokens: [Int32], to text: String, _ use: CacheUse) {
        guard !tokens.isEmpty else { return }
        var keys = AnswerKeys(salt: use.salt)
        keys.extend(with: Array(text.utf8)[...])
        answers.note(tokens, of: keys.key)
        if use.isKeptOnDisk { disk?.store.write(tokens, of: keys.key, under: use.seal) }
    }

    /// Has a text kept in the cache directory, if there is one, beside the blocks of the same salt.
    ///
    /// - Parameters:
    ///   - name: what it is found by; nobody else should be able to guess it.
    ///   - sealingKey: as of the requests with the salt.
    package func keepNote(_ text: String, of name: String, salt: String, sealingKey: [UInt8]? = nil) {
        disk?.store.write(text.utf8.map(Int32.init), of: Self.noteKey(name, salt), under: sealingKey.map { SealingKeys($0) })
    }

    /// The text that was kept; nil: there is none.
    package func note(of name: String, salt: String, sealingKey: [UInt8]? = nil) -> String? {
        let seal = sealingKey.map { SealingKeys($0) }
        guard let numbers = disk?.store.tokens(of: Self.noteKey(name, salt), under: seal) else { return nil }
        let bytes = numbers.compactMap { UInt8(exactly: $0) }
        return bytes.count == numbers.count ? String(validating: bytes, as: UTF8.self) : nil
    }

    private static func noteKey(_ name: String, _ salt: String) -> BlockKey {
        var keys = AnswerKeys(.note, salt: salt)
        keys.extend(with: Array(name.utf8)[...])
        return keys.key
    }

    /// The same prompt, with the answers that it holds as the tokens that the model wrote.
    ///
    /// An answer is known by all the text before it, and its own text must be there as it was, with a token of its own behind it that no text runs
    /// into. Everything else is as the tokenizer has it.
    func withKnownAnswers(_ prompt: ChatPrompt, _ use: CacheUse) throws -> ChatPrompt {
        guard let tokenizer, let opening = try Self.opening(of: prompt, tokenizer) else { return prompt }
        let text = Array(prompt.text.utf8)
        var keys = AnswerKeys(salt: use.salt), hashed = 0
        var ids: [Int32] = [], done = 0
        for start in Self.ends(of: opening, in: text) where start >= done {
            keys.extend(with: text[hashed..<start])
            hashed = start
            guard let answer = try knownAnswer(keys.key, use, at: text[start...], tokenizer) else { continue }
            ids += try tokenizer.encode(bytes: Array(text[done..<start]), parseSpecial: true) + answer.tokens
            done = start + answer.bytes
        }
        guard done > 0 else { return prompt }
        ids += try tokenizer.encode(bytes: Array(text[done...]), parseSpecial: true)
        return prompt.with(tokenizer.withPrefix(ids))
    }

    private func knownAnswer(_ key: BlockKey, _ use: CacheUse, at text: ArraySlice<UInt8>, _ tokenizer: Tokenizer) throws -> (
        tokens: [Int32], bytes: Int
    )? {
        let stored = disk?.store.tokens(of: key, under: use.seal).map { [$0] } ?? []
        for tokens in answers.answers(of: key) + stored {
            // What a file says is checked like everything from outside.
            guard tokens.allSatisfy({ (0..<Int32(tokenizer.count)).contains($0) }) else { continue }
            let bytes = try tokenizer.continuationBytes(tokens)
            guard text.starts(with: bytes), try Self.beginsWithMarker(text.dropFirst(bytes.count), tokenizer) else { continue }
            return (tokens, bytes.count)
        }
        return nil
    }

    /// Longest text of a token that is matched as a whole.
    private static let mostMarkerBytes = 256

    private static func beginsWithMarker(_ text: ArraySlice<UInt8>, _ tokenizer: Tokenizer) throws -> Bool {
        let first = try tokenizer.encode(bytes: Array(text.prefix(mostMarkerBytes)), parseSpecial: true).first
        return try first.map { try tokenizer.isMarker($0) } ?? false
    }

    /// What a prompt ends with, from its last token on that is matched as a whole: what an answer in it stands behind. nil: there is none.
    private static func opening(of prompt: ChatPrompt, _ tokenizer: Tokenizer) throws -> [UInt8]? {
        guard let last = try prompt.ids.lastIndex(where: { try tokenizer.isMarker($0) }) else { return nil }
        let bytes = try tokenizer.continuationBytes(Array(prompt.ids[last...]))
        return !bytes.isEmpty && prompt.text.utf8.suffix(bytes.count).elementsEqual(bytes) ? bytes : nil
    }

    /// Where a text has ended inside another, but for its end.
    private static func ends(of part: [UInt8], in text: [UInt8]) -> [Int] {
        var ends: [Int] = [], next = 0
        while next + part.count < text.count {
            if text[next] == part[0], text[next..<next + part.count].elementsEqual(part) { ends.append(next + part.count) }
            next += 1
        }
        return ends
    }
}

extension Tokenizer {
    /// Whether a token is matched as a whole in texts: a control token, or one of the user's.
    fileprivate func isMarker(_ id: Int32) throws -> Bool { try [.control, .userDefined].contains(kind(id)) }

    /// The bytes of tokens that go on after a text: a leading space counts.
    fileprivate func continuationBytes(_ ids: [Int32]) throws -> [UInt8] { try ids.flatMap { try tokenBytes($0) } }
}
