// InferenceBenchmark: how long a network takes to predict on this machine, in each of its variants.
import Engine

/// A network that predicts, one batch after another, each timed.
public struct InferenceBenchmark {
    /// What computes.
    public enum Variant: String, CaseIterable, Sendable {
        case f32, int8
    }

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
    /// Bytes of the parameters in a file.
    public let storedBytes: Int
    /// Right answers on the test split; nil where there is none, or numbers are predicted.
    public let accuracy: Double?

    /// The model of the session at `path`.
    /// - Throws: ``SessionError``, ``ModelError``, and what its data throw.
    public init(session path: String, variant: Variant, workers: Int) throws {
        let model = try TrainedModel(session: path)
        let (dataset, splits) = try model.load(data: nil)
        let prepared = PreparedExamples(
            dataset.features, labels: dataset.labels, targets: dataset.targets, by: model.preprocessing)
        try self.init(
            model.network, model.weights, model.spec.training.loss, prepared, train: splits.train, test: splits.test,
            variant, workers)
    }

    /// A network of the training benchmark with random weights and examples.
    public init(case benchmark: TrainingBenchmark, variant: Variant, workers: Int) throws {
        let dataset = benchmark.dataset()
        let all = Array(Int32(0)..<Int32(dataset.count))
        let preprocessing = Preprocessing(fitting: dataset, train: all, spec: DataSpec(dataset: dataset.name))
        let network = try Network(
            benchmark.layers, input: preprocessing.shape, classes: dataset.classes.count)
        try self.init(
            network, network.initialWeights(seed: 1), .softmaxCrossEntropy(),
            PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing), train: all, test: [],
            variant,
            workers)
    }

    private init(
        _ network: Network, _ weights: [ParameterValues], _ loss: LossSpec, _ data: PreparedExamples, train: [Int32],
        test: [Int32], _ variant: Variant, _ workers: Int
    ) throws {
        self.data = data
        switch variant {
        case .f32:
            let compiled = CompiledNetwork(network, weights: weights, loss: loss, like: data, workers: workers)
            infer = { try compiled.infer(data, $0) }
            notes = []
            storedBytes = network.parameters.reduce(0) { $0 + $1.count * 4 }
        case .int8:
            let model = try QuantizedModel(
                network, weights: weights, calibration: data,
                examples: Array(train.prefix(QuantizationSettings.usualExamples)))
            let quantized = QuantizedNetwork(model, like: data, loss: loss, workers: workers)
            infer = { try quantized.infer(data, $0) }
            notes = model.notes
            storedBytes = model.storedBytes.total
        }
        accuracy = test.isEmpty || loss.isRegression ? nil : try infer(test).accuracy
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
