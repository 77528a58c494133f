/// The version of this library.
public enum HadalVersion {
    public static let current = "0.1.0"
}
