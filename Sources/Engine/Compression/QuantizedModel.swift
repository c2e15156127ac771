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
    }
    public var inputShape: TensorShape
    /// What the bytes of the preprocessed input stand for.
    public var input: Affine
    /// In the order of computing. Where the last is a dense layer without a ReLU, it gives float32 logits: sums times their steps.
    public var nodes: [Node]
}
