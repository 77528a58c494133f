import HadalCore
import TestSupport
import Testing

struct ByteCountTests {
    @Test(arguments: [
        ("0", 0), ("123", 123), ("123B", 123), ("2GiB", 2 << 30), ("2 GiB", 2 << 30), ("2g", 2 << 30), ("1.5GiB", 3 << 29), ("4KB", 4000),
        ("4kib", 4096), ("3MB", 3_000_000), ("3M", 3 << 20), ("1TiB", 1 << 40), ("0.5K", 512), (" 7 ", 7),
    ])
    func reads(text: String, bytes: Int) { #expect(ByteCount(text)?.bytes == bytes) }

    @Test(arguments: ["", "GiB", "-1", "2XB", "2GiBs", "1e9", "99999999999999999999", "9999999999GiB", "..", "1.2.3G", "٣"])
    func refuses(text: String) { #expect(ByteCount(text) == nil) }

    @Test(arguments: [
        (0, "0"), (1 << 30, "1GiB"), (3 << 29, "1536MiB"), (4096, "4KiB"), (1_500_001, "1500001"), (Int.max, "9223372036854775807"),
    ])
    func writes(bytes: Int, text: String) {
        #expect("\(ByteCount(bytes: bytes))" == text && ByteCount(text)?.bytes == bytes)
    }

    @Test func optionsTakeThem() throws {
        let option = OptionSpec(name: "room", kind: .int, defaultValue: .int(0), minimum: 0, help: "")
        #expect(try option.parse("2GiB") == .int(2 << 30) && option.parse("17") == .int(17) && option.parse("-0") == .int(0))
        expectError(.invalidArgument, "option room", "'two'") { try option.parse("two") }
    }

    @Test(
        "rounds for people",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (10_300, "10.1 KiB"), (1 << 20, "1.00 MiB"), (1_100_000, "1.05 MiB"),
            (157_286_400, "150 MiB"), (1 << 33, "8.00 GiB"), (3 << 50, "3072 TiB"), (-5, "-5 B"),
        ] as [(Int, String)])
    func rounds(bytes: Int, text: String) { #expect(ByteCount(bytes: bytes).rounded == text) }
}
