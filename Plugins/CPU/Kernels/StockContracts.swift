import HadalCore
import HadalGraph

/// The installation's contracts, read once.
enum StockContracts {
    static let catalogue = Result { try OpCatalogue.load() }
}
