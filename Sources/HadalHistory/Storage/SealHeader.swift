import Foundation
import GRDB
import HadalCipher
import HadalCore

/// What a sealed history says openly: how its keys are made of the passphrase, and what shows that a passphrase is the right one. A value.
struct SealHeader: Sendable, Equatable {
    /// Of the derivation as a whole: scrypt, the labels below, AES-256-GCM.
    static let version = 1
    static let saltBytes = 32

    var scrypt: Scrypt
    var salt: [UInt8]
    /// 32 bytes that only the passphrase's key makes.
    var proof: [UInt8]

    init(scrypt: Scrypt, salt: [UInt8], proof: [UInt8]) {
        self.scrypt = scrypt
        self.salt = salt
        self.proof = proof
    }

    /// A header for a new passphrase, with its keys. Takes as long as `scrypt` makes it.
    static func make(passphrase: String, scrypt: Scrypt) throws -> (SealHeader, PassphraseKeys) {
        let salt = RandomBytes.make(saltBytes)
        let keys = PassphraseKeys(root: try scrypt.key(passphrase: Array(passphrase.utf8), salt: salt))
        return (SealHeader(scrypt: scrypt, salt: salt, proof: keys.proof), keys)
    }

    /// The keys of a passphrase; nil for a wrong one. Takes as long as `scrypt` makes it.
    func keys(passphrase: String) throws -> PassphraseKeys? {
        let keys = PassphraseKeys(root: try scrypt.key(passphrase: Array(passphrase.utf8), salt: salt))
        return keys.proof == proof ? keys : nil
    }
}

extension SealHeader {
    /// The header in a database; nil where no passphrase is set.
    ///
    /// - Throws: `unsupported` for one that this version cannot read.
    static func read(_ db: Database) throws -> SealHeader? {
        guard let row = try Row.fetchOne(db, sql: "SELECT version, cost, blocks, lanes, salt, proof FROM seal") else { return nil }
        let scrypt = Scrypt(cost: try row.integer("cost"), blocks: try row.integer("blocks"), lanes: try row.integer("lanes"))
        return try checked(
            SealHeader(scrypt: scrypt, salt: try row.bytes("salt"), proof: try row.bytes("proof")), version: try row.integer("version"))
    }

    func write(_ db: Database) throws {
        try db.execute(
            sql: "INSERT INTO seal (version, cost, blocks, lanes, salt, proof) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [Self.version, scrypt.cost, scrypt.blocks, scrypt.lanes, Data(salt), Data(proof)])
    }

    private static func checked(_ header: SealHeader, version: Int) throws -> SealHeader {
        guard version == Self.version, header.scrypt.isReasonable, header.salt.count >= 16, header.proof.count == 32 else {
            throw HadalError(.unsupported, "the history is sealed in a way that this version cannot read (\(version))")
        }
        return header
    }
}

extension SealHeader {
    /// The header as a file of its own, see `HistoryFiles.passphrase`.
    var json: JSON {
        [
            "hadal": "passphrase/1", "cost": JSON(.int(Int64(scrypt.cost))), "blocks": JSON(.int(Int64(scrypt.blocks))),
            "lanes": JSON(.int(Int64(scrypt.lanes))), "salt": JSON(.string(salt.hexadecimal)), "proof": JSON(.string(proof.hexadecimal)),
        ]
    }

    /// - Throws: `malformed` or `unsupported` for a file that is not what `json` gives.
    init(parsing text: String, file: String) throws {
        let document = try JSONDocument(parsing: text, file: file)
        var fields = try JSONFields(document.root, in: document, what: "header of a passphrase")
        let kind = try fields.string("hadal")
        func bytes(_ text: String) throws -> [UInt8] {
            let digits = text.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
            guard digits.count % 2 == 0, !digits.contains(nil) else { throw fields.fail("is not hexadecimal") }
            return stride(from: 0, to: digits.count, by: 2).map { UInt8((digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)) }
        }
        let scrypt = Scrypt(cost: try fields.int("cost"), blocks: try fields.int("blocks"), lanes: try fields.int("lanes"))
        let (salt, proof) = (try fields.string("salt"), try fields.string("proof"))
        self = try Self.checked(
            SealHeader(scrypt: scrypt, salt: bytes(salt), proof: bytes(proof)), version: kind == "passphrase/1" ? Self.version : 0)
    }
}
