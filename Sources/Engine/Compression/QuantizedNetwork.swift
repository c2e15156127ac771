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
    /// What the bytes of the input and of each layer's output stand for, by the layer's name.
    public let activations: [(layer: String, affine: Affine)]
    private let predictor: ForwardPredictor

    /// Quantizes `network` with `weights`: ranges of activations are those that `calibration` gives.
    /// - Parameters:
    ///   - calibration: examples of the training split; all of them are observed, or those of `examples`, so give some
    ///     256 (``QuantizationSettings/usualExamples``).
    ///   - workers: threads that compute.
    /// - Throws: ``ExampleError`` when a streamed example can't be decoded.
    public convenience init(
        _ network: Network, weights: [ParameterValues], loss: LossSpec = .softmaxCrossEntropy(),
        calibration: PreparedExamples, examples: [Int32]? = nil, settings: QuantizationSettings = .init(), workers: Int
    ) throws {
        try self.init(
            network, weights: weights, loss: loss, calibration: calibration, examples: examples, settings: settings,
            workers: workers, lanes: 0)
    }

    /// - Parameter lanes: of the kernels; 0: the widest here, 4 and 8 give the same integers.
    init(
        _ network: Network, weights: [ParameterValues], loss: LossSpec, calibration: PreparedExamples,
        examples: [Int32]?, settings: QuantizationSettings, workers: Int, lanes: Int32
    ) throws {
        let graph = ForwardGraph(network, weights: weights, isBytes: true)
        let wanted =
            examples ?? Array(Int32(0)..<Int32(min(calibration.count, QuantizationSettings.usualExamples)))
        let tensors = try Calibrator(network, weights: weights, data: calibration, examples: wanted)
            .tensors(of: graph, settings)
        let arena = Arena()
        let steps = IntegerSteps(graph, tensors, workers: workers, lanes: lanes)
        predictor = ForwardPredictor(
            plan: steps.plan,
            input: ForwardInput(
                graph.input, .bytes(tensors.input, tables: Self.tables(tensors.input, calibration, arena)),
                like: calibration, arena: arena),
            loss: Loss(spec: loss, outputs: network.classes, classWeights: nil))
        storedBytes = steps.storedBytes
        notes = steps.notes
        activations =
            [("input", tensors.input)] + zip(graph.nodes, tensors.nodes).map { ($0.name, $1) }
    }

    /// For each channel what its bytes become; nil: themselves.
    private static func tables(
        _ affine: Affine, _ examples: PreparedExamples, _ arena: Arena
    ) -> UnsafeMutablePointer<UInt8>? {
        if examples.scale.isEmpty || examples.bytesAreQuantized != nil { return nil }
        let tables = arena.allocate(256 * examples.scale.count, of: UInt8.self)
        for channel in examples.scale.indices {
            for byte in 0..<256 {
                let value = Float(byte) * examples.scale[channel] + examples.shift[channel]
                tables[256 * channel + byte] = UInt8(affine.quantize(value))
            }
        }
        return tables
    }

    /// Runs over the examples `indices` of `data`; nil: over all.
    /// - Throws: ``ExampleError`` when a streamed example can't be decoded.
    public func infer(_ data: PreparedExamples, _ indices: [Int32]? = nil) throws -> Inference {
        try predictor.infer(data, indices)
    }
}

extension PreparedExamples {
    /// What the bytes of images stand for, where all channels are scaled alike and 0 is 0; nil: bytes must be translated.
    var bytesAreQuantized: Affine? {
        guard let first = scale.first, first > 0, first.isFinite, scale.allSatisfy({ $0 == first }),
            shift.allSatisfy({ $0 == 0 })
        else { return nil }
        return Affine(scale: first, zero: 0)
    }
}
