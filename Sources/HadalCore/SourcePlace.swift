/// Where in the outside world something is: a file, and a position inside it.
public struct SourcePlace: Sendable, Equatable, CustomStringConvertible {
    public enum Position: Sendable, Equatable {
        /// 1-based line and column, the column counted in UTF-8 bytes.
        case text(line: Int, column: Int)
        /// Byte offset from the start of the file.
        case byte(UInt64)
        /// RFC 6901 JSON pointer.
        case pointer(String)
        /// A named tensor or metadata key.
        case field(String)
    }

    public var file: String
    public var position: Position?

    public init(_ file: String, _ position: Position? = nil) {
        self.file = file
        self.position = position
    }

    public var description: String {
        switch position {
        case nil: file
        case .text(let line, let column): "\(file):\(line):\(column)"
        case .byte(let offset): "\(file) at byte \(offset)"
        case .pointer(let pointer): "\(file) at \(pointer.isEmpty ? "/" : pointer)"
        case .field(let name): "\(file): \(name)"
        }
    }
}
