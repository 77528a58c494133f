import HadalBackend
import HadalCore
import HadalGraph

/// The processor as the reference backend uses it. It owns no memory but worker threads.
final class ReferenceDevice: Device {
    let info: DeviceInfo
    private let pool: WorkerPool
    private let contracts: OpCatalogue

    init(info: DeviceInfo, threads: Int, contracts: OpCatalogue) {
        self.info = info
        self.contracts = contracts
        pool = WorkerPool(threads: threads)
    }

    func unsupported(node index: Int, of segment: Segment) -> String? {
        guard segment.graph.nodes.indices.contains(index) else { return "there is no node \(index)" }
        do {
            _ = try OperatorTable.make(NodeView(index: index, segment: segment), contracts: contracts)
            return nil
        } catch let error as HadalError {
            return error.message
        } catch {
            return "\(error)"
        }
    }

    func compile(_ segment: Segment) throws -> any Executable { try ReferenceExecutable(segment, pool: pool, contracts: contracts) }

    func allocate(bytes: Int) throws -> (any Buffer)? { nil }

    func quiesce() { pool.join() }
}
