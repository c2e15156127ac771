// InferenceBenchmark: how long a network takes to predict on this machine, in each of its variants.
import Engine

/// A network that predicts, one batch after another, each timed.
public struct InferenceBenchmark {
    /// Times of one batch.
    public struct Result: Sendable {
        public var batch: Int
        /// Median and 95th percentile, microseconds.
        public var p50: Double
        public var p95: Double
        public var imagesPerSecond: Double
    }

    private let data: PreparedExamples
    private let infer: ([Int32]) throws -> Inference
    /// What could not be quantized, in sentences.
    public let notes: [String]
    /// Bytes of the file.
    public let storedBytes: Int
    /// Right answers on the test split; nil where there is none, or numbers are predicted.
    public private(set) var accuracy: Double?

    /// A variant of the model of the session at `path`: the one that is kept there, or else one that is made without training.
    /// - Parameter variant: nil: the model itself.
    /// - Throws: ``SessionError``, ``ModelError``, and what its data throw.
    public init(session path: String, variant: VariantRecipe?, workers: Int) throws {
        let maker = try VariantMaker(session: path, workers: workers)
        try self.init(
            Self.kept(path, variant, maker) ?? maker.make(variant ?? VariantRecipe()),
            of: maker.model.network, maker.model.spec.training.loss, maker.test, workers)
        let (found, test) = (try infer(maker.testIndices), maker.model.spec.training.loss)
        accuracy = test.isRegression ? nil : found.accuracy
    }

    private static func kept(_ path: String, _ variant: VariantRecipe?, _ maker: VariantMaker) throws -> Variant? {
        guard let variant else { return maker.baseline }
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        return try reader.variant(variant.name, of: maker.model.network)?.0
    }

    /// A network of the training benchmark with random weights and examples.
    /// - Parameter inBytes: with integer kernels.
    public init(case benchmark: TrainingBenchmark, inBytes: Bool, workers: Int) throws {
        let dataset = benchmark.dataset()
        let all = Array(Int32(0)..<Int32(dataset.count))
        let preprocessing = Preprocessing(fitting: dataset, train: all, spec: DataSpec(dataset: dataset.name))
        let network = try Network(
            benchmark.layers, input: preprocessing.shape, classes: dataset.classes.count)
        let weights = network.initialWeights(seed: 1)
        let data = PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing)
        let variant =
            inBytes
            ? Variant(
                try VariantRecipe("int8"), network,
                quantized: try QuantizedModel(network, weights: weights, calibration: data))
            : Variant(VariantRecipe(), network, weights)
        self.init(variant, of: network, .softmaxCrossEntropy(), data, workers)
    }

    private init(
        _ variant: Variant, of base: Network, _ loss: LossSpec, _ data: PreparedExamples, _ workers: Int
    ) {
        self.data = data
        let planned = variant.planned(loss, like: data, workers: workers)
        infer = { try planned.infer(data, $0) }
        notes = variant.quantized?.notes ?? []
        storedBytes = VariantFile.encode(variant, of: base).count
    }

    /// Times batches of `batch` examples: the median of as many as make some seconds.
    public func run(batch: Int) throws -> Result {
        let indices = (0..<batch).map { Int32($0 % data.count) }
        let clock = ContinuousClock()
        for _ in 0..<20 { _ = try infer(indices) }
        var times: [Double] = []
        for _ in 0..<max(30, 20_000 / batch) {
            let (seconds, attoseconds) = try clock.measure { _ = try infer(indices) }.components
            times.append(Double(seconds) * 1e6 + Double(attoseconds) * 1e-12)
        }
        times.sort()
        let (p50, p95) = (times[times.count / 2], times[times.count * 95 / 100])
        return Result(batch: batch, p50: p50, p95: p95, imagesPerSecond: Double(batch) / p50 * 1e6)
    }
}
