import Foundation
import HadalBackend
import HadalCore
import TestSupport
import Testing

@testable import HadalEngine

/// Many requests on engines that draft, that have several backends, and that read experts from disk.
@Suite("Scheduler with other engines")
struct SchedulerVariantsTests {
    private static let goldens = Fixtures.goldens ?? ""

    private static func options(_ change: (inout EngineOptions) throws -> Void = { _ in }) rethrows -> EngineOptions {
        var options = Golden.options("cpu")
        options.contextLength = 400
        options.cacheTokens = 4096
        try change(&options)
        return options
    }

    @Test("drafts change no result", arguments: [true, false])
    func drafts(_ isAdaptive: Bool) async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = Golden.families[0]
        // All drafts are right, or hardly any.
        for other in [path, try SpeculationTests.made(folder, size: 384)] {
            let engine = try Engine(
                path: path,
                options: Self.options {
                    $0.speculation = SpeculationOptions(.draft(path: other))
                    $0.speculation.isAdaptive = isAdaptive
                })
            try await ScheduledOutcome.check(engine, other, against: try Engine(path: path, options: Self.options()))
        }
    }

    @Test(
        "nor do those of the model's own layer", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"),
        arguments: [true, false])
    func ownDrafts(_ isAdaptive: Bool) async throws {
        let path = "\(Self.goldens)/models/deepseek_v3"
        let engine = try Engine(
            path: path,
            options: Self.options {
                $0.speculation = SpeculationOptions(.mtp)
                $0.speculation.isAdaptive = isAdaptive
            })
        try await ScheduledOutcome.check(engine, "mtp", against: try Engine(path: path, options: Self.options()))
    }

    @Test(
        "a request gets what it gets alone across backends",
        arguments: ["layers 0-0=reference,rest=cpu", "*.attention.*=cpu,rest=reference", "rest=cpu"])
    func placements(_ rules: String) async throws {
        let engine = try Engine(path: Golden.families[0], options: Self.options { $0.placement = try PlacementRules(parsing: rules) })
        try await ScheduledOutcome.check(engine, rules)
    }

    @Test(
        "a request gets what it gets alone with experts on disk",
        .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"), arguments: ["mixtral", "deepseek_v3"])
    func experts(_ family: String) async throws {
        let path = "\(Self.goldens)/models/\(family)"
        let least = try #require(try LoadPlan(path: path, options: Self.options()).experts).minimumLimit
        let engine = try Engine(path: path, options: Self.options { $0.expertMemory = least })
        try await ScheduledOutcome.check(engine, family, against: try Engine(path: path, options: Self.options()))
    }
}
