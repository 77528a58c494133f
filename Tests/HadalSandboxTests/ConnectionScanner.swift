import Foundation

/// Finds the places of a text that could open a connection, or run something that could.
///
/// Comments are searched as code is: what is no exception cannot be hidden by a mark that a scanner takes for one.
struct ConnectionScanner {
    struct Rule {
        let name: String
        let pattern: String
    }

    /// For Swift, C and shaders.
    static let sources = [
        Rule(
            name: "socket",
            pattern:
                #"\b(socket|connectx?|sendto|sendmm?sg|getaddrinfo(_a)?|gethostby\w+|res_n?(query|search|send)|socketcall)\b`?\s*\(|"(socket|connect|sendto|sendmm?sg|getaddrinfo|io_uring_\w+)"|\b(Glibc|Musl|Darwin|Foundation)\s*\.\s*`?(socket|connect|sendto|sendmm?sg|getaddrinfo)\b"#
        ),
        Rule(
            name: "system call",
            pattern: #"\bsyscall\s*\(|\bhadal_sandbox_call\s*\(|int \$0x80|\bsysenter\b|\bsvc\s+#?0|\bio_uring_\w+\s*\("#),
        Rule(
            name: "Foundation",
            pattern:
                #"\bFoundationNetworking\b|\bURLSession\w*|\bURLRequest\b|\bNSURL\w*|\bURL\s*\(\s*string\b|\bCF(Socket|Stream)\w*|\bNW[A-Z]\w+|\bgetStreamsToHost\b"#
        ),
        Rule(
            name: "server library",
            pattern:
                #"\bimport\s+(\w+\s+)?(_?NIO|Hummingbird|AsyncHTTPClient|WebSocket|GRPC|Network\b|OpenAPI)\w*|\b\w*(Client|Datagram|RawSocket|Pipe|Server|Listener)\w*Bootstrap\b|\bHTTPClient\b|\bNIOTS\w+"#
        ),
        Rule(
            name: "client",
            pattern: #"\bcurl\w*\b|\blibcurl\b|\bwget\b|\bnetcat\b|s_client\b|/dev/(tcp|udp)\b|\bBIO_\w*connect\b|\bSSL_connect\b"#),
        Rule(
            name: "program",
            pattern:
                #"\bProcess\s*\(\s*\)|\bProcess\s*\.\s*run\b|\bNSTask\b|\bposix_spawnp?\s*\(|\bpopen\s*\(|(?<![.\w]|func )system\s*\(|\bexec(l|le|lp|v|ve|vp|vpe|veat)\s*\(|(?<![.\w]|func )v?fork\s*\(|\bChildProcess\s*\.\s*run\b"#
        ),
        Rule(name: "library", pattern: #"\bdlm?open\s*\("#),
    ]

    /// For what a browser runs.
    static let page = [
        Rule(name: "address", pattern: #"\b(https?|wss?|ftps?)://|["'(=]\s*//[\w.-]"#),
        Rule(
            name: "request",
            pattern:
                #"\bfetch\s*\(|\bXMLHttpRequest\b|\bWebSocket\b|\bEventSource\b|\bsendBeacon\b|\bRTC\w+|\bWebTransport\b|\bimportScripts\b|\bimport\s*\("#
        ),
    ]

    /// How often each rule matches a text; rules that do not are left out.
    static func counts(in text: String, _ rules: [Rule]) throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for rule in rules {
            let count = try NSRegularExpression(pattern: rule.pattern).numberOfMatches(
                in: text, range: NSRange(location: 0, length: text.utf16.count))
            if count > 0 { counts[rule.name] = count }
        }
        return counts
    }

    /// Files below folders of the repository, relative to it.
    static func files(below folders: [String], in repository: String) throws -> [String] {
        var files: [String] = []
        for folder in folders {
            for name in try FileManager.default.contentsOfDirectory(atPath: "\(repository)/\(folder)").sorted() where !name.hasPrefix(".") {
                let path = "\(folder)/\(name)"
                var isDirectory: ObjCBool = false
                guard FileManager.default.fileExists(atPath: "\(repository)/\(path)", isDirectory: &isDirectory) else { continue }
                files += isDirectory.boolValue ? try Self.files(below: [path], in: repository) : [path]
            }
        }
        return files
    }
}
