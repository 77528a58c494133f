/// A buffer that a plugin allocated and that bindings pass back to it by handle.
public protocol PluginOwnedBuffer: Buffer {
    var handle: OpaquePointer { get }
}
