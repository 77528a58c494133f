import HadalCore
import Testing

@Suite("SHA-256") struct SHA256Tests {
    /// The examples of FIPS 180-4, and lengths around those at which a block more is needed (of hashlib).
    @Test(
        "hashes are those of the standard",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (String(repeating: "a", count: 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
            (String(repeating: "a", count: 56), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"),
            (String(repeating: "a", count: 63), "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"),
            (String(repeating: "a", count: 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
            (String(repeating: "a", count: 65), "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"),
            (String(repeating: "a", count: 119), "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"),
            (String(repeating: "a", count: 120), "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"),
            (String(repeating: "a", count: 128), "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e"),
        ])
    func vectors(text: String, hash: String) {
        #expect(SHA256.hash(Array(text.utf8)).hexadecimal == hash)
        var hasher = SHA256()
        Array(text.utf8).withUnsafeBytes { hasher.combine($0) }
        #expect(hasher.finish().hexadecimal == hash)
    }

    @Test("a million letters in uneven parts")
    func parts() {
        var hasher = SHA256()
        var left = 1_000_000, part = 1
        while left > 0 {
            hasher.combine([UInt8](repeating: UInt8(ascii: "a"), count: min(part, left)))
            left -= min(part, left)
            part = part % 130 + 1
        }
        #expect(hasher.finish().hexadecimal == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    /// Names of kept kernels depend on it.
    @Test("fields do not run into each other, and are hashed as ever")
    func fields() {
        func hash(_ fields: String...) -> String {
            var hasher = SHA256()
            for field in fields { hasher.combine(field: field) }
            return hasher.finish().hexadecimal
        }
        #expect(hash("ab", "c") != hash("a", "bc") && hash("abc", "") != hash("abc"))
        #expect(hash("ab", "c") == "43ee655579de01ca739b3f95c1c2d3f46d353b2c0df818064ea594506cdb2617")
    }
}
