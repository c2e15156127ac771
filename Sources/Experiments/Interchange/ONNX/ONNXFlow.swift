// ONNXFlow: what flows through a graph for one example, and the pieces of a network that it meets.
import Engine

/// A piece of a network.
struct ONNXPiece {
    enum Kind {
        case input
        /// A layer with its arrays, in the order of its parameters.
        case layer(LayerSpec, [[Float]])
        /// value·factor + shift, by channel or feature.
        case affine([Float], [Float])
        case add
    }
    var kind: Kind
    /// Earlier pieces; two for a sum.
    var inputs: [Int]
    /// Of what it gives.
    var shape: TensorShape
    /// The node that it comes from.
    var node: String
}

/// What flows through the graph for one example.
struct ONNXFlow {
    var piece: Int
    var shape: [Int]
    /// For each number its place in what the piece gives.
    var places: [Int64]
    /// The function of the piece's output that it is, at ``ONNXTracer/grid``; nil: itself.
    var samples: [Double]?
    /// The node that made it last.
    var node: String

    var isPlain: Bool { places.indices.allSatisfy { places[$0] == Int64($0) } }
}
