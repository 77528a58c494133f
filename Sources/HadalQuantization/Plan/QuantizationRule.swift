import HadalArchitecture
public import HadalCore
import HadalFormats

/// Which tensors get which type: `experts=Q4_K`, `blk.*.ffn_down.weight=Q6_K`, `blk.0-3.*=keep`.
public struct QuantizationRule: Sendable, Equatable {
    /// How a rule selects tensors.
    public enum Selector: Sendable, Equatable {
        case role(TensorRole)
        /// A tensor name in which `*` stands for anything and `3-7`, between dots, for any number from 3 to 7.
        case name(String)
    }

    /// As it was written.
    public let text: String
    public let selector: Selector
    /// nil: the type that the tensor has.
    public let type: DType?

    /// Roles that rules may name; plain tensors are never quantised.
    public static let roles = TensorRole.allCases.filter { $0 != .plain }

    /// - Throws: `invalidArgument` that names the part at fault.
    public init(_ text: String) throws {
        self.text = text
        guard let equals = text.lastIndex(of: "=") else {
            throw HadalError(
                .invalidArgument, "the rule '\(text)' has no '='", hint: "a rule is GROUP=TYPE or NAME=TYPE, such as experts=Q4_K")
        }
        let what = String(text[..<equals]).trimmed, type = String(text[text.index(after: equals)...]).trimmed
        guard !what.isEmpty, what.utf8.count <= 512 else {
            throw HadalError(.invalidArgument, "the rule '\(text)' does not say which tensors it is for")
        }
        self.type = ExactString(type.lowercased()) == ExactString("keep") ? nil : try Self.type(type)
        if let role = Self.roles.first(where: { ExactString($0.rawValue) == ExactString(what) }) {
            selector = .role(role)
        } else if what.contains(where: { $0 == "*" || $0 == "." }) {
            selector = .name(what)
        } else {
            throw HadalError(
                .invalidArgument, "unknown group '\(what)' in the rule '\(text)'",
                hint: "groups: \(Self.roles.map(\.rawValue).joined(separator: ", ")); a tensor's name has a dot or a *")
        }
    }

    /// Several rules with commas between them.
    public static func list(_ text: String) throws -> [QuantizationRule] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { try QuantizationRule(String($0).trimmed) }
    }

    /// A type that GGUF files hold.
    public static func type(_ name: String) throws -> DType {
        guard let type = DType(name: name), types.contains(type) else {
            let known = "types: \(types.map(\.name).joined(separator: " "))"
            // Q4_K_M and the like are names of mixtures.
            let base = name.dropLast(2).uppercased()
            if name.count > 2, ["_S", "_M", "_L"].contains(name.suffix(2).uppercased()), let type = types.first(where: { $0.name == base })
            {
                throw HadalError(
                    .invalidArgument, "'\(name)' is a mixture of types, not a type",
                    hint: "say \(type.name), and what is to be better with rules: *attn_v*=Q6_K,*ffn_down*=Q6_K; \(known)")
            }
            throw HadalError(.invalidArgument, "unknown type '\(name)'", hint: known)
        }
        return type
    }

    /// What tensors can be written as.
    public static let types = BlockCodec.dtypes.filter { $0.rawValue < 1000 && $0 != .f64 }

    /// Whether the selector fits. A pattern with `*` passes over routers, which converters keep as they are.
    func matches(_ name: String, _ roles: Set<TensorRole>) -> Bool {
        switch selector {
        case .role(let role): return roles.contains(role)
        case .name(let pattern):
            if roles.contains(.router), pattern.contains("*") { return false }
            return Glob(pattern, .ranges).matches(name)
        }
    }
}

extension String {
    /// Without spaces at either end.
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
