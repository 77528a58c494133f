import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A wall-clock time without a zone, for `strftime_now`.
package struct TemplateClock: Sendable, Equatable {
    package var year: Int
    /// 1 to 12.
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int
    package var microsecond: Int

    package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.microsecond = microsecond
    }

    /// The current local time.
    package static func local() -> TemplateClock {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        var seconds = now.tv_sec
        localtime_r(&seconds, &parts)
        return TemplateClock(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
            minute: Int(parts.tm_min), second: Int(parts.tm_sec), microsecond: Int(now.tv_nsec / 1000))
    }

    /// Reads `YYYY-MM-DD`, with an optional time `[T ]HH:MM[:SS[.ffffff]]`. A zone at its end (`Z`, `±HH:MM`) is ignored.
    package init(iso8601 text: String) throws {
        func fail() -> HadalError {
            HadalError(.invalidArgument, "'\(text)' is not a time", hint: "write it as 2025-03-09T14:05:06")
        }
        let bytes = Array(text.utf8)
        func number(_ start: Int, _ count: Int) throws -> Int {
            guard start + count <= bytes.count, bytes[start..<start + count].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { throw fail() }
            return bytes[start..<start + count].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        func expect(_ at: Int, _ choices: String) throws {
            guard at < bytes.count, choices.utf8.contains(bytes[at]) else { throw fail() }
        }
        try expect(4, "-")
        try expect(7, "-")
        self.init(year: try number(0, 4), month: try number(5, 2), day: try number(8, 2))
        var at = 10
        if at < bytes.count {
            try expect(at, "T ")
            try expect(at + 3, ":")
            hour = try number(at + 1, 2)
            minute = try number(at + 4, 2)
            at += 6
            if at < bytes.count, bytes[at] == 0x3A {
                second = try number(at + 1, 2)
                at += 3
                if at < bytes.count, bytes[at] == 0x2E {
                    at += 1
                    var scale = 100_000
                    let start = at
                    while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 {
                        microsecond += Int(bytes[at] - 0x30) * scale
                        scale /= 10
                        at += 1
                    }
                    if at == start { throw fail() }
                }
            }
            let zone = String(decoding: bytes[at...], as: UTF8.self)
            let isOffset =
                (zone.first == "+" || zone.first == "-") && zone.dropFirst().allSatisfy { $0.isNumber || $0 == ":" } && zone.count > 2
            guard zone.isEmpty || zone == "Z" || isOffset else { throw fail() }
        }
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard year >= 1, (1...12).contains(month), day >= 1, day <= lengths[month - 1], hour < 24, minute < 60, second < 60 else {
            throw fail()
        }
    }

    private var isLeap: Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    /// C's `strftime`, with Python's `%f`; the zone's directives give nothing.
    func formatted(_ format: String) throws -> String {
        guard !format.utf8.contains(0) else { throw TemplateError.runtime("embedded null character") }
        guard format.utf8.count <= 4096 else { throw HadalError(.limitExceeded, "a time format is longer than 4096 bytes") }
        // A mark at the end tells an empty result from a failed call.
        var prepared = ""
        var rest = Substring(format)
        while let percent = rest.firstIndex(of: "%") {
            prepared += rest[..<percent]
            rest = rest[percent...].dropFirst()
            switch rest.first {
            case "f":
                let digits = String(microsecond)
                prepared += String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
                rest = rest.dropFirst()
            case "z", "Z": rest = rest.dropFirst()
            case let directive?:
                prepared += "%" + String(directive)
                rest = rest.dropFirst()
            case nil: prepared += "%%"
            }
        }
        prepared += rest
        prepared += "."
        var parts = tm()
        parts.tm_year = Int32(clamping: year - 1900)
        parts.tm_mon = Int32(clamping: month - 1)
        parts.tm_mday = Int32(clamping: day)
        parts.tm_hour = Int32(clamping: hour)
        parts.tm_min = Int32(clamping: minute)
        parts.tm_sec = Int32(clamping: second)
        parts.tm_isdst = -1
        let dayOfYear =
            [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][min(max(month, 1), 12) - 1] + day - 1 + (isLeap && month > 2 ? 1 : 0)
        parts.tm_yday = Int32(clamping: dayOfYear)
        let before = year - 1
        let days = before * 365 + before / 4 - before / 100 + before / 400 + dayOfYear
        parts.tm_wday = Int32((days + 1) % 7)
        var buffer = [CChar](repeating: 0, count: 64 << 10)
        let written = strftime(&buffer, buffer.count, prepared, &parts)
        guard written > 0 else { throw HadalError(.limitExceeded, "a formatted time is longer than 64 KiB") }
        return String(decoding: buffer[..<(written - 1)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
