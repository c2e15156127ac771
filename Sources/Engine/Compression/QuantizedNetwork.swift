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
    private let predictor: ForwardPredictor

    /// Plans the kernels of `model`.
    /// - Parameters:
    ///   - examples: of the kind that it will be asked about; its scale of pixels must be the one that it was calibrated with.
    ///   - workers: threads that compute.
    public convenience init(
        _ model: QuantizedModel, like examples: PreparedExamples, loss: LossSpec = .softmaxCrossEntropy(), workers: Int
    ) {
        self.init(model, like: examples, loss: loss, workers: workers, lanes: 0)
    }

    /// - Parameter lanes: of the kernels; 0: the widest here, 4 and 8 give the same integers.
    init(_ model: QuantizedModel, like examples: PreparedExamples, loss: LossSpec, workers: Int, lanes: Int32) {
        let arena = Arena()
        let steps = IntegerSteps(model, workers: workers, lanes: lanes)
        predictor = ForwardPredictor(
            plan: steps.plan,
            input: ForwardInput(
                steps.input, .bytes(model.input, tables: Self.tables(model.input, examples, arena)), like: examples,
                arena: arena),
            loss: Loss(spec: loss, outputs: model.shape(model.nodes.count - 1).count, classWeights: nil))
    }

    /// For each channel what its bytes become; nil: themselves.
    private static func tables(
        _ affine: Affine, _ examples: PreparedExamples, _ arena: Arena
    ) -> UnsafeMutablePointer<UInt8>? {
        if examples.scale.isEmpty || examples.bytesAreQuantized == affine { return nil }
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
