import Foundation
import Hadal
import HadalCore
import HadalHistory
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// Serves models over HTTP.
package struct ModelServer: Sendable {
    private let options: ServerOptions
    private let pool: ModelPool
    private let activity = Activity()
    private let login = PageLogin()

    /// What a browser has to show to use the page.
    package var token: String { login.token }

    /// - Throws: `invalidArgument` where there is no model, or two have one name.
    package init(_ options: ServerOptions) throws {
        guard !options.models.isEmpty else { throw HadalError(.invalidArgument, "there is no model to serve") }
        var names: Set<ExactString> = []
        for model in options.models where !names.insert(ExactString(model.name)).inserted {
            throw HadalError(.invalidArgument, "two models are called '\(model.name)'", hint: "give one of them another name: NAME=MODEL")
        }
        self.options = options
        pool = ModelPool(
            options.models,
            options: ModelPool.Options(
                engine: options.engine, scheduler: options.scheduler, idle: options.idle, takesAnyName: options.takesAnyModelName))
    }

    /// Listens and answers until the process is told to end, or the task is cancelled.
    ///
    /// - Parameter onReady: called once with the port, when the server listens.
    /// - Throws: `io` where the address cannot be had; what `ServerOptions.seal` throws.
    package func run(onReady: @escaping @Sendable (Int) -> Void) async throws {
        let maker = AnswerMaker(pool, limits: options.limits)
        let service = try page(maker)
        let observation = pool.observe { [pool] name in service?.hub.tell("model", ChatRoutes.model(name, pool)) }
        defer { withExtendedLifetime(observation) {} }
        var logger = Logger(label: "hadal.server", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        let start = Start()
        let application = Application(
            router: router(maker, service),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [ConnectionWatch()], idleTimeout: .seconds(120))),
            configuration: ApplicationConfiguration(address: .hostname(options.host, port: options.port), serverName: "hadal"),
            onServerRunning: { await begin(start, port: $0.localAddress?.port ?? options.port, onReady) },
            logger: logger)
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [application], logger: logger))
        start.set(group)
        let signals = StopSignals {
            await drain(service)
            await group.triggerGracefulShutdown()
        }
        defer { signals.end() }
        let idle = Task { await pool.watchIdle() }
        defer { idle.cancel() }
        do { try await group.run() } catch let error where !start.isBound {
            throw HadalError(
                .io, "cannot listen on \(options.host):\(options.port): \(Self.reason(error))",
                hint: "give another port or end what uses it")
        }
        pool.close()
        if let fault = start.fault { throw fault }
    }

    private func router(_ maker: AnswerMaker, _ service: ChatService?) -> Router<ServerContext> {
        let router = Router(context: ServerContext.self), routes = RouteList.all(hasPage: service != nil)
        router.middlewares.add(Gate(rules: AccessRules(options), activity: activity, routes: routes, log: options.log))
        let responder = Responder(maker: maker, activity: activity, limits: options.limits)
        Routes(pool: pool, maker: maker, responder: responder, activity: activity, description: OpenAPI.document(routes), options: options)
            .add(to: router)
        if let service { ChatRoutes(service: service, login: login, pool: pool, limits: options.limits).add(to: router) }
        return router
    }

    /// The server listens: gives up what the process does not need, and answers from now on.
    private func begin(_ start: Start, port: Int, _ onReady: (Int) -> Void) async {
        start.setBound()
        do { activity.open(seal: try options.seal?()) } catch {
            await start.end(error)
            return
        }
        if let first = pool.names.first { Task.detached { _ = try? await pool.lease(first) } }
        onReady(port)
    }

    /// Takes no more requests, waits for those that are worked on, and ends what is left of them.
    private func drain(_ service: ChatService?) async {
        activity.drain()
        let limit = ContinuousClock.now + options.drain
        while activity.active > 0, ContinuousClock.now < limit { try? await Task.sleep(for: .milliseconds(50)) }
        pool.close()
        service?.hub.end()
        // What ends with what it has is still to be written.
        let rest = ContinuousClock.now + .seconds(2)
        while activity.active > 0, ContinuousClock.now < rest { try? await Task.sleep(for: .milliseconds(20)) }
    }

    /// nil without a history.
    ///
    /// - Throws: `HistoryAccessError.wrongPassphrase`.
    private func page(_ maker: AnswerMaker) throws -> ChatService? {
        guard let directory = options.history else { return nil }
        let history = History(directory: directory)
        if let passphrase = options.historyPassphrase, history.status.hasPassphrase { try history.unlock(passphrase) }
        if case .unavailable(let error) = history.state { options.log.write(.warning, "the history cannot be used: \(error)") }
        if let report = history.status.report { options.log.write(.warning, report) }
        // Answers that were being given when a server ended.
        _ = try? history.stopAbandonedAnswers(after: ChatService.abandoned)
        return ChatService(history, maker: maker, activity: activity)
    }

    private static func reason(_ error: any Error) -> String {
        (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }
}
