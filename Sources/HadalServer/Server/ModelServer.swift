import Dispatch
import Foundation
import Hadal
import HadalCore
import HadalHistory
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

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
    /// - Throws: `io` where the address cannot be had.
    package func run(onReady: @escaping @Sendable (Int) -> Void) async throws {
        let router = Router(context: ServerContext.self), routes = RouteList.all(hasPage: options.history != nil)
        router.middlewares.add(Gate(rules: AccessRules(options), activity: activity, routes: routes, log: options.log))
        let maker = AnswerMaker(pool, limits: options.limits)
        let responder = Responder(maker: maker, activity: activity, limits: options.limits)
        Routes(pool: pool, maker: maker, responder: responder, activity: activity, description: OpenAPI.document(routes), options: options)
            .add(to: router)
        let service = try page(maker)
        if let service {
            ChatRoutes(service: service, login: login, pool: pool, limits: options.limits).add(to: router)
        }
        let observation = pool.observe { [pool] name in service?.hub.tell("model", ChatRoutes.model(name, pool)) }
        defer { withExtendedLifetime(observation) {} }
        var logger = Logger(label: "hadal.server", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        let bound = Mutex(false), fault = Mutex<(any Error)?>(nil), starting = Starting()
        let application = Application(
            router: router,
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [ConnectionWatch()], idleTimeout: .seconds(120))),
            configuration: ApplicationConfiguration(address: .hostname(options.host, port: options.port), serverName: "hadal"),
            onServerRunning: { [options, pool, activity] channel in
                bound.withLock { $0 = true }
                do { activity.open(seal: try options.seal?()) } catch {
                    fault.withLock { $0 = error }
                    await starting.group?.triggerGracefulShutdown()
                    return
                }
                if let first = pool.names.first { Task.detached { _ = try? await pool.lease(first) } }
                onReady(channel.localAddress?.port ?? options.port)
            },
            logger: logger)
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [application], logger: logger))
        starting.group = group
        let signals = StopSignals { [activity, pool, options] in
            activity.drain()
            let limit = ContinuousClock.now + options.drain
            while activity.active > 0, ContinuousClock.now < limit { try? await Task.sleep(for: .milliseconds(50)) }
            pool.close()
            service?.hub.end()
            // What ends with what it has is still to be written.
            let rest = ContinuousClock.now + .seconds(2)
            while activity.active > 0, ContinuousClock.now < rest { try? await Task.sleep(for: .milliseconds(20)) }
            await group.triggerGracefulShutdown()
        }
        defer { signals.end() }
        let idle = Task { await pool.watchIdle() }
        defer { idle.cancel() }
        do { try await group.run() } catch let error where !bound.withLock({ $0 }) {
            throw HadalError(
                .io, "cannot listen on \(options.host):\(options.port): \(Self.reason(error))",
                hint: "give another port or end what uses it")
        }
        pool.close()
        if let fault = fault.withLock({ $0 }) { throw fault }
    }

    /// Set before it is read: by the task that begins the server, before the server runs.
    private final class Starting: @unchecked Sendable {
        var group: ServiceGroup?
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
        _ = try? history.stopAbandonedAnswers(after: 30)
        return ChatService(history, maker: maker, activity: activity)
    }

    private static func reason(_ error: any Error) -> String {
        (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }
}

/// The first signal to stop runs a body, the second ends the process.
private final class StopSignals: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]

    init(_ body: @escaping @Sendable () async -> Void) {
        let queue = DispatchQueue(label: "hadal.signals")
        let flag = FirstTime()
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if flag.isNow() { Task { await body() } } else { exit(1) }
            }
            source.resume()
            return source
        }
    }

    func end() { for source in sources { source.cancel() } }
}

/// Tells the first of several calls from the others.
private final class FirstTime: Sendable {
    private let flag = Mutex(false)

    func isNow() -> Bool {
        flag.withLock { flag in
            defer { flag = true }
            return !flag
        }
    }
}
