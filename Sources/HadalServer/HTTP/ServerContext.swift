import Hummingbird
import Logging
import NIOCore
import Synchronization

/// What is known of a request beside its head and body.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection it came on; nil where a test makes the request.
    let channel: (any Channel)?
    var client = Client.anyone
    /// Named in the answer and in the log.
    let requestID = "req_" + RandomID.text(20)

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Calls back when the client has closed the connection, or its sending half, at once where it has already, until the token is let go.
    func onDisconnect(_ body: @escaping @Sendable () -> Void) async -> ConnectionWatch.Registration? {
        guard let channel, let watch = try? await channel.pipeline.handler(type: ConnectionWatch.self).get() else { return nil }
        return watch.register(body)
    }
}

/// Sees a client go while its request is worked on, which reading and writing alone would show only at the next write.
///
/// Thread safety: any thread.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private struct State {
        var isClosed = false
        var nextNumber = 0
        var callbacks: [Int: @Sendable () -> Void] = [:]
    }
    private let state = Mutex(State())
    /// What the system may hold for a client that does not read, bytes. By itself it holds megabytes, which are an hour of tokens of a slow model.
    private static let sendBuffer = 64 << 10

    final class Registration: Sendable {
        private let end: @Sendable () -> Void
        init(_ end: @escaping @Sendable () -> Void) { self.end = end }
        deinit { end() }
    }

    func register(_ body: @escaping @Sendable () -> Void) -> Registration {
        let number = state.withLock { state -> Int? in
            guard !state.isClosed else { return nil }
            state.nextNumber += 1
            state.callbacks[state.nextNumber] = body
            return state.nextNumber
        }
        guard let number else {
            body()
            return Registration {}
        }
        return Registration { [weak self] in _ = self?.state.withLock { $0.callbacks.removeValue(forKey: number) } }
    }

    private func close() {
        let callbacks = state.withLock { state in
            state.isClosed = true
            defer { state.callbacks = [:] }
            return Array(state.callbacks.values)
        }
        for callback in callbacks { callback() }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        _ = context.channel.setOption(.socketOption(.so_sndbuf), value: ChannelOptions.Types.SocketOption.Value(Self.sendBuffer))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { close() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        close()
        context.fireChannelInactive()
    }
}
