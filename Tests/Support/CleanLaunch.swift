/// Starts programs without descriptors that they did not ask for.
///
/// Foundation's `Process` gives every program that it starts one end of a pair of sockets, and those of other programs that start at the same
/// time.
public enum CleanLaunch {
    /// Needs descriptors of two digits in redirections, which not every shell has.
    public static let shell = "/bin/bash"
    private static let script =
        #"for f in /proc/$$/fd/*; do n=${f##*/}; if [ "$n" -gt 2 ]; then eval "exec $n>&-"; fi; done; exec "$0" "$@""#

    /// Arguments for `shell` with which it becomes `program`.
    public static func arguments(_ program: String, _ arguments: [String]) -> [String] { ["-c", script, program] + arguments }
}
