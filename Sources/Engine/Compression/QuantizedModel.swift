// QuantizedModel: a network in bytes as a value, from which kernels are planned, files are written and other formats made.

/// A trained network in bytes: every number that its integer kernels use.
///
/// Integers follow Jacob et al. 2018, eq. 7: a sum of (q - zero of the input)·weight + bias, an int32 whose step is the scale of
/// the input times the scale of the weights' channel, is multiplied by that step over the output's scale, rounded to the nearest
/// integer (ties to the even one), moved by the output's zero and held within 0...255.
public struct QuantizedModel: Sendable, Equatable {
    /// A piece of arithmetic between two tensors.
    public struct Node: Sendable, Equatable {
        public enum Operation: Sendable, Equatable {
            /// Weights (out, in / groups, kh, kw); depthwise where there are as many groups as channels.
            case conv(ConvolutionSpec, weights: QuantizedWeights, bias: [Int32])
            /// Weights (out, in); the inputs of a flattened image in the order (channel, row, column).
            case dense(weights: QuantizedWeights, bias: [Int32])
            /// The same whose weights stay as they are: bytes become numbers, and what is found becomes bytes.
            case floatConv(ConvolutionSpec, weights: [Float], bias: [Float])
            case floatDense(weights: [Float], bias: [Float])
            /// Hands bytes on as they are.
            case maxPool(size: Int, stride: Int, padding: Padding)
            case averagePool(size: Int, stride: Int, padding: Padding)
            case globalAveragePool
            /// Hands bytes on as they are.
            case flatten
            /// A batch norm that could not be folded: value·factor + shift, by channel or feature.
            case norm(factor: [Float], shift: [Float])
            case layerNorm(weight: [Float], bias: [Float], epsilon: Float)
            case activation(Activation)
            case add
        }
        public var operation: Operation
        /// Nodes that it takes, earlier ones; -1 is the input. Two for `.add`.
        public var inputs: [Int]
        /// max(0, ·) of what it gives, before a pool.
        public var relu: Bool
        /// The maximum over 2x2 (stride 2, no padding) of what a convolution gives is computed with it; ``shape`` is that after it.
        public var isPooled: Bool
        /// Of what it gives, for one example.
        public var shape: TensorShape
        /// What its bytes stand for.
        public var output: Affine
        /// As a person wrote it.
        public var name: String
        /// The layer of the network that its numbers are those of, by its index.
        public var layer: Int

        public init(
            operation: Operation, inputs: [Int], relu: Bool = false, isPooled: Bool = false, shape: TensorShape,
            output: Affine, name: String, layer: Int
        ) {
            self.operation = operation
            self.inputs = inputs
            self.relu = relu
            self.isPooled = isPooled
            self.shape = shape
            self.output = output
            self.name = name
            self.layer = layer
        }
    }
    public var inputShape: TensorShape
    /// What the bytes of the preprocessed input stand for.
    public var input: Affine
    /// In the order of computing. Where the last is a dense layer without a ReLU, it gives float32 logits: sums times their steps.
    public var nodes: [Node]

    public init(inputShape: TensorShape, input: Affine, nodes: [Node]) {
        self.inputShape = inputShape
        self.input = input
        self.nodes = nodes
    }

    /// Bytes that a file needs for it.
    public struct StoredBytes: Sendable, Equatable {
        /// One byte a weight.
        public var weights = 0
        /// Float32 scales: one an output channel, one a tensor of activations, with their zero points.
        public var scales = 0
        /// Int32 biases.
        public var biases = 0
        /// What stays float32.
        public var floats = 0
        public var total: Int { weights + scales + biases + floats }
    }

    /// A float32 scale and the zero point of a byte.
    private static let affineBytes = 5

    public var storedBytes: StoredBytes {
        var stored = StoredBytes(scales: Self.affineBytes)
        for (index, node) in nodes.enumerated() {
            switch node.operation {
            case .conv(_, let weights, let bias), .dense(let weights, let bias):
                stored.weights += weights.values.count
                stored.scales += weights.scales.count * 4
                stored.biases += bias.count * 4
            case .floatConv(_, let weights, let bias), .floatDense(let weights, let bias):
                stored.floats += (weights.count + bias.count) * 4
            case .norm(let factor, let shift): stored.floats += (factor.count + shift.count) * 4
            case .layerNorm(let weight, let bias, _): stored.floats += (weight.count + bias.count) * 4
            case .maxPool, .flatten: continue
            case .averagePool, .globalAveragePool, .activation, .add: break
            }
            if !givesLogits(index) { stored.scales += Self.affineBytes }
        }
        return stored
    }

    /// Whether the node `index` gives float32 logits instead of bytes.
    public func givesLogits(_ index: Int) -> Bool {
        guard index == nodes.count - 1, !nodes[index].relu else { return false }
        switch nodes[index].operation {
        case .dense, .floatDense: return true
        default: return false
        }
    }

    /// What is not computed in integers, in sentences.
    public var notes: [String] {
        nodes.enumerated().compactMap { index, node in
            switch node.operation {
            case .layerNorm, .activation(.softmax), .floatConv, .floatDense:
                "\(node.name) is computed in float32: its input is taken out of bytes\(givesLogits(index) ? "" : " and what it gives put into them")."
            default: nil
            }
        }
    }

    /// What the node `index` gives, or the input (-1).
    func shape(_ index: Int) -> TensorShape { index < 0 ? inputShape : nodes[index].shape }
    func affine(_ index: Int) -> Affine { index < 0 ? input : nodes[index].output }

    /// Channels of an image, features of a row.
    func channels(_ index: Int) -> Int {
        if case .image(let channels, _, _) = shape(index) { return channels }
        return shape(index).count
    }
}
