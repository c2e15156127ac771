// NetworkProbe: a trained network that is asked again and again about examples that are made for the question.
import CPrimitives

/// A trained network with its workers, kept so that thousands of examples can be asked about at once, many times.
///
/// Not Sendable: one thread owns it; its workers are its own affair.
public final class NetworkProbe {
    public let network: Network
    public let preprocessing: Preprocessing
    /// Values of a prediction: a probability a class, or the predicted number.
    public let predictions: Int
    /// Whether numbers are predicted.
    public let isRegression: Bool
    /// Examples that are asked about between two looks at whether the asker still wants to know.
    let pieceSize: Int
    private let plan: InferencePlan
    private let team: Team
    private var hasRun = false
    /// A faster way for perturbations of images; nil: there is none.
    private(set) var patched: PatchedNetwork?

    /// Operations that a worker does between two such looks, at most some 25 ms of them.
    private static let pieceOperations = 5e8
    /// Examples a tile: many share one pass over a dense layer's weights, few let a large network answer soon.
    private static let tileSizes = 1...64

    /// A network with `weights`, which takes examples as `preprocessing` makes them.
    /// - Throws: ``ConvolutionError``.
    public convenience init(
        _ network: Network, weights: [ParameterValues], loss: LossSpec, preprocessing: Preprocessing, workers: Int
    ) throws {
        try self.init(plain: network, weights: weights, loss: loss, preprocessing: preprocessing, workers: workers)
        patched = try PatchedNetwork(
            network, weights: weights, loss: loss, preprocessing: preprocessing, workers: workers)
    }

    /// As it is, without a faster way for images.
    init(
        plain network: Network, weights: [ParameterValues], loss: LossSpec, preprocessing: Preprocessing, workers: Int
    ) throws {
        wb_thread_prepare()
        self.network = network
        self.preprocessing = preprocessing
        let affordable = Self.pieceOperations / max(1, network.inferenceOperations)
        let tileSize = Self.tileSizes.clamping(Int(min(affordable, 1e6)))
        // Pieces of many tiles cost the fewest meetings of the workers.
        pieceSize = tileSize * workers * max(1, Int(min(affordable, 1024)) / tileSize)
        let forward = try ConvSet(network, examples: tileSize, training: false)
        let parameters = Parameters(network, forward)
        for value in weights { parameters.store(value.values, of: value.name, in: parameters.values) }
        let loss = Loss(spec: loss, outputs: network.classes, classWeights: nil)
        let nothing = PreparedExamples(
            preprocessing.rawShape.isImage ? .bytes([]) : .floats([]), labels: [], by: preprocessing)
        plan = InferencePlan(
            parameters, data: ExampleStore(nothing), loss: loss, workers: workers, tileSize: tileSize
        ) { _ in forward }
        predictions = loss.predictions
        isRegression = loss.spec.isRegression
        team = Team(workers: workers, scratchBytes: plan.scratchBytes)
    }

    deinit { team.end() }

    /// What the network predicts of `count` examples that `make` makes: (examples, predictions), numbers in their own units.
    func ask(_ count: Int, make: @escaping InferencePlan.Maker) -> [Float] {
        [Float](unsafeUninitializedCapacity: count * predictions) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            base.initialize(repeating: 0, count: count * predictions)
            plan.run(count, on: team, isFirst: !hasRun, into: base, make: make)
            hasRun = true
            initialized = count * predictions
        }
    }

    /// Runs `body` for each of `count` pieces of work that share nothing.
    func each(_ count: Int, _ body: @escaping (Int) -> Void) {
        team.run([Phase((0..<count).map { index in { _ in body(index) } })])
    }
}

extension ClosedRange where Bound == Int {
    fileprivate func clamping(_ value: Int) -> Int { Swift.min(Swift.max(value, lowerBound), upperBound) }
}

extension TensorShape {
    var isImage: Bool {
        if case .image = self { true } else { false }
    }
}
