import HadalCore

/// What must not be used on some devices and drivers, and why: `kernels/quirks/vulkan.json`.
struct DriverQuirks: Sendable {
    struct Quirk: Sendable {
        /// PCI vendor; nil: any.
        var vendor: UInt32?
        /// Parts of the names that devices and drivers report, whatever the case; nil: any.
        var device: String?
        var driver: String?
        /// The driver versions it holds for, as the first dotted number in what the driver says of itself.
        var from: [Int]?
        var before: [Int]?
        var disabled: [String]
        var why: String

        func holds(vendor: UInt32, device: String, driver: String) -> Bool {
            if let own = self.vendor, own != vendor { return false }
            if let part = self.device, !device.lowercased().contains(part.lowercased()) { return false }
            if let part = self.driver, !driver.lowercased().contains(part.lowercased()) { return false }
            guard from != nil || before != nil else { return true }
            guard let version = DriverQuirks.version(in: driver) else { return false }
            if let from, version.lexicographicallyPrecedes(from) { return false }
            if let before, !version.lexicographicallyPrecedes(before) { return false }
            return true
        }
    }

    private(set) var quirks: [Quirk] = []

    init() {}

    /// - Throws: for unknown keys and wrong types, with line and column.
    init(path: String) throws {
        let document = try JSONDocument(contentsOf: path, rejectDuplicateKeys: true)
        guard let list = document.root.array else {
            throw HadalError(.malformed, "a list of quirks is expected", at: document.place(of: document.root))
        }
        quirks = try list.map { json in
            var fields = try JSONFields(json, in: document, what: "quirk")
            func range(_ key: String) throws -> [Int]? {
                guard let text = try fields.optionalString(key) else { return nil }
                guard let version = Self.version(in: text) else { throw fields.fail("'\(key)' must be a version such as 23.1.4") }
                return version
            }
            var vendor: UInt32?
            if let text = try fields.optionalString("vendor") {
                guard text.hasPrefix("0x"), let number = UInt32(text.dropFirst(2), radix: 16) else {
                    throw fields.fail("'vendor' must be a number such as 0x10de")
                }
                vendor = number
            }
            let quirk = Quirk(
                vendor: vendor, device: try fields.optionalString("device"), driver: try fields.optionalString("driver"),
                from: try range("from"), before: try range("before"),
                disabled: try fields.array("disabled").compactMap(\.string), why: try fields.string("why"))
            try fields.finish()
            return quirk
        }
    }

    func holding(for device: PhysicalDevice) -> [Quirk] {
        quirks.filter { $0.holds(vendor: device.vendor, device: device.name, driver: device.driver) }
    }

    /// The first dotted number of a text.
    static func version(in text: String) -> [Int]? {
        for word in text.split(whereSeparator: { !($0.isASCII && ($0.isNumber || $0 == ".")) }) {
            let parts = word.split(separator: ".").compactMap { Int($0) }
            if parts.count > 1 { return parts }
        }
        return nil
    }
}
