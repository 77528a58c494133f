import Foundation
import GRDB
import HadalCore

/// Columns of a row, whose types a file that somebody changed may not have. GRDB's own accessors trap there.
extension Row {
    private func damaged(_ column: String) -> HadalError {
        HadalError(.corrupt, "the column '\(column)' of the history has a value of another type")
    }

    func value(_ column: String) -> DatabaseValue { self[column] ?? .null }

    func string(_ column: String) throws -> String {
        guard case .string(let text) = value(column).storage else { throw damaged(column) }
        return text
    }

    func optionalString(_ column: String) throws -> String? { value(column).isNull ? nil : try string(column) }

    func integer(_ column: String) throws -> Int {
        guard case .int64(let number) = value(column).storage else { throw damaged(column) }
        return Int(number)
    }

    func double(_ column: String) throws -> Double {
        switch value(column).storage {
        case .double(let number): return number
        case .int64(let number): return Double(number)
        default: throw damaged(column)
        }
    }

    func bytes(_ column: String) throws -> [UInt8] {
        guard case .blob(let data) = value(column).storage else { throw damaged(column) }
        return Array(data)
    }

    func optionalBytes(_ column: String) throws -> [UInt8]? { value(column).isNull ? nil : try bytes(column) }
}
