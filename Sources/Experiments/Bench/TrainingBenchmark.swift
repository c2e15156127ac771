// TrainingBenchmark: images a second of training on this machine, on cases that other libraries can run too.
import Engine

/// A network whose training speed is measured on random inputs: best of four epochs after one, shuffling and batching counted.
public enum TrainingBenchmark: String, CaseIterable, Sendable {
    case cifarCNN = "cifar-cnn"
    case mnistCNN = "mnist-cnn"
    case vggSmall = "vgg-small"
    case tabularMLP = "tabular-mlp"

    /// What a measurement found.
    public struct Result: Sendable {
        public var imagesPerSecond: Double
        /// Operations as ``Network/trainingOperations`` counts them.
        public var gigaflopPerSecond: Double
        public var workers: Int
    }

    private var input: TensorShape {
        switch self {
        case .cifarCNN, .vggSmall: .image(channels: 3, height: 32, width: 32)
        case .mnistCNN: .image(channels: 1, height: 28, width: 28)
        case .tabularMLP: .vector(30)
        }
    }

    private var classes: Int { self == .tabularMLP ? 2 : 10 }
    private var examples: Int {
        switch self {
        case .tabularMLP: 5690
        case .vggSmall: 512
        case .cifarCNN, .mnistCNN: 5120
        }
    }

    var layers: [LayerSpec] {
        switch self {
        case .cifarCNN:
            [
                .conv(filters: 32, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2), .flatten,
                .dense(units: 128, activation: .relu), .dense(units: nil),
            ]
        case .mnistCNN:
            [
                .conv(filters: 16, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2),
                .conv(filters: 32, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2), .flatten,
                .dense(units: 64, activation: .relu), .dense(units: nil),
            ]
        case .vggSmall:
            [64, 128].flatMap { filters -> [LayerSpec] in
                let half: [LayerSpec] = [
                    .conv(filters: filters, kernel: 3, padding: .same, hasBias: false), .batchNorm(activation: .relu),
                ]
                return half + half + [.maxPool(size: 2, stride: 2)]
            } + [.flatten, .dense(units: 256, activation: .relu), .dense(units: nil)]
        case .tabularMLP:
            [.dense(units: 64, activation: .relu), .dense(units: 32, activation: .relu), .dense(units: nil)]
        }
    }

    /// Times of each layer on one thread.
    public func layerTimes(batch: Int, precision: Precision = .f32) throws -> [LayerTime] {
        try LayerTime.measure(Network(layers, input: input, classes: classes), examples: batch, precision: precision)
    }

    /// Random examples.
    func dataset() -> Dataset {
        var random = CounterRandom(seed: 0, purpose: .benchmark)
        let labels = (0..<examples).map { _ in Int32(random.below(UInt32(classes))) }
        let names = (0..<classes).map(String.init)
        let features: FeatureStorage
        var columns: [Column] = []
        if case .vector(let count) = input {
            features = .floats((0..<examples * count).map { _ in random.unit() })
            columns = (0..<count).map { Column(name: "\($0)", kind: .numeric) }
        } else {
            features = .bytes(
                (0..<examples * input.count).map { _ in UInt8(truncatingIfNeeded: random.next32() >> 24) })
        }
        return Dataset(
            name: rawValue, shape: input, classes: names, columns: columns, features: features, labels: labels,
            origin: "random")
    }

    /// Measures training with batches of `batch` on `workers` threads.
    /// - Parameter augments: flip, crop and noise on every image.
    public func run(batch: Int, workers: Int, precision: Precision = .f32, augments: Bool = false) throws -> Result {
        let dataset = dataset()
        let train = Array(Int32(0)..<Int32(examples))
        let preprocessing = Preprocessing(fitting: dataset, train: train, spec: DataSpec(dataset: rawValue))
        let network = try Network(layers, input: preprocessing.shape, classes: classes)
        var spec = TrainingSpec()
        spec.batch = batch
        spec.precision = precision
        if self == .vggSmall { spec.optimizer = .sgd(learningRate: 0.01, momentum: 0.9) }
        let trainer = try Trainer(
            network, spec: spec, data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing),
            train: train,
            augment: augments ? [.flip(horizontal: true), .crop(padding: 4), .noise(deviation: 0.02)] : [],
            workers: workers)
        var best = Duration.seconds(1_000_000)
        let clock = ContinuousClock()
        for epoch in 0..<5 {
            let elapsed = clock.measure { for _ in 0..<trainer.stepsPerEpoch { _ = trainer.advance() } }
            if epoch > 0 { best = min(best, elapsed) }
        }
        let seconds = Double(best.components.seconds) + Double(best.components.attoseconds) * 1e-18
        let rate = Double(examples) / seconds
        return Result(
            imagesPerSecond: rate, gigaflopPerSecond: rate * network.trainingOperations * 1e-9,
            workers: trainer.workers)
    }
}
