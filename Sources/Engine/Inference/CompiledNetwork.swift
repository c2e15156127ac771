// CompiledNetwork: a trained network in float32, planned for nothing but predicting.
import CPrimitives

/// A trained network that only predicts: norms folded, pools computed with the convolutions before them, one example shared
/// by all workers where that is quicker.
///
/// Not Sendable: one thread owns it; its workers are its own affair.
public final class CompiledNetwork {
    private let predictor: ForwardPredictor

    /// - Parameters:
    ///   - examples: of the kind that it will be asked about.
    ///   - workers: threads that compute.
    public init(
        _ network: Network, weights: [ParameterValues], loss: LossSpec = .softmaxCrossEntropy(),
        like examples: PreparedExamples, workers: Int
    ) {
        let graph = ForwardGraph(network, weights: weights)
        predictor = ForwardPredictor(
            plan: FloatSteps(graph, workers: workers).plan,
            input: ForwardInput(graph.input, .floats, like: examples, arena: Arena()),
            loss: Loss(spec: loss, outputs: network.classes, classWeights: nil))
    }

    /// Runs over the examples `indices` of `data`; nil: over all.
    /// - Throws: ``ExampleError`` when a streamed example can't be decoded.
    public func infer(_ data: PreparedExamples, _ indices: [Int32]? = nil) throws -> Inference {
        try predictor.infer(data, indices)
    }
}
