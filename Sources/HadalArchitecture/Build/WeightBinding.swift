package import HadalCore
package import HadalFormats

/// What stands behind one weight of a graph.
package struct WeightBinding: Sendable {
    package enum Content: Sendable {
        /// Made from tensors of the model.
        case stored(WeightRecipe)
        /// Calculated by the host.
        case rope(RopeTable)
    }

    /// The name of the `Graph.Weight`.
    package let name: String
    package let dtype: DType
    package let dims: [Int]
    package let content: Content

    /// The stored tensor, when the weight is exactly it: a backend may import or read its bytes as they lie in the file.
    package var plainTensor: TensorInfo? { if case .stored(let recipe) = content { recipe.plainTensor } else { nil } }

    /// Extents of the block scales that come with the data; nil for none.
    package var scaleShape: BlockScaleShape? {
        guard dtype == .f8_e4m3, case .stored(let recipe) = content else { return nil }
        return try? recipe.scaleShape()
    }

    /// What the weight is made of, for people.
    package var summary: String {
        switch content {
        case .stored(let recipe): recipe.summary
        case .rope(let table): "rope table '\(table.name)'"
        }
    }

    /// Reads the weight: in place where the stored bytes serve as they are, else into new memory.
    package func materialise(from source: any ModelSource) throws -> WeightData {
        let owner = SourceOwner(source)
        do {
            switch content {
            case .stored(let recipe): return try recipe.materialise(from: source, owner: owner)
            case .rope(let table):
                let values = try table.inverseFrequencies { try $0.materialise(from: source, owner: owner).floats().map(Double.init) }
                return WeightData(floats: values, dims: dims)
            }
        } catch let error as HadalError {
            throw HadalError(error.code, "weight '\(name)': \(error.message)", at: error.place, hint: error.hint)
        }
    }
}

/// Extents of the scales beside a float8 weight.
package struct BlockScaleShape: Sendable, Equatable {
    /// Of a stack of matrices, the rows of all of them.
    package let rows: Int
    package let columns: Int
    /// Element [i, j] of a matrix has scale [i / rowBlock, j / columnBlock].
    package let rowBlock: Int
    package let columnBlock: Int

    package init(rows: Int, columns: Int, rowBlock: Int, columnBlock: Int) {
        (self.rows, self.columns, self.rowBlock, self.columnBlock) = (rows, columns, rowBlock, columnBlock)
    }

    /// Square blocks.
    package init(rows: Int, columns: Int, block: Int) { self.init(rows: rows, columns: columns, rowBlock: block, columnBlock: block) }
}
