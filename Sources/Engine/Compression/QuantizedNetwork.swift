// QuantizedNetwork: a trained network whose weights and activations are bytes, run by integer kernels.

/// How a network is quantized.
public struct QuantizationSettings: Sendable, Equatable {
    /// How the range of an activation follows from the values that it took.
    public enum Calibration: String, Sendable, Equatable, CaseIterable {
        /// From the smallest to the largest.
        case minMax = "min-max"
        /// Without the outermost 0.01 %.
        case percentile
        /// The range whose bytes tell most of how values are distributed (Migacz 2017).
        case entropy
    }
    public var calibration = Calibration.minMax
    /// What quantized weights change in the mean output of a layer is taken back by its bias (Nagel et al. 2019).
    public var correctsBias = true

    public init() {}

    /// Examples that activations are observed on where nothing else is said.
    public static let usualExamples = 256
}

/// A trained network whose weights and activations are bytes, run by integer kernels.
///
/// Not Sendable: one thread owns it; its workers are its own affair.
public final class QuantizedNetwork {
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
    public let storedBytes: StoredBytes
    /// What could not be quantized, in sentences.
    public let notes: [String]
    private let predictor: (PreparedExamples) throws -> Predictor

    /// Quantizes `network` with `weights`: ranges of activations are those that `calibration` gives.
    /// - Parameters:
    ///   - calibration: examples of the training split, some 256 (``QuantizationSettings/usualExamples``).
    ///   - workers: threads that compute.
    /// - Throws: ``ConvolutionError``, ``ExampleError``.
    public init(
        _ network: Network, weights: [ParameterValues], loss: LossSpec = .softmaxCrossEntropy(),
        calibration: PreparedExamples, examples: [Int32]? = nil, settings: QuantizationSettings = .init(), workers: Int
    ) throws {
        storedBytes = StoredBytes(weights: network.parameterCount)
        notes = []
        predictor = { try Predictor(network, weights: weights, loss: loss, data: $0, workers: workers) }
    }

    /// Runs over the examples `indices` of `data`; nil: over all.
    /// - Throws: ``ExampleError`` when a streamed example can't be decoded.
    public func infer(_ data: PreparedExamples, _ indices: [Int32]? = nil) throws -> Inference {
        try predictor(data).infer(indices)
    }
}
