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
    private let body: Body
    private let team: Team
    private var hasRun = false

    /// What answers.
    private enum Body {
        case floats(InferencePlan)
        case bytes(QuantizedAnswers)
    }
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
        let plan = InferencePlan(
            parameters, data: ExampleStore(nothing), loss: loss, workers: workers, tileSize: tileSize
        ) { _ in forward }
        body = .floats(plan)
        predictions = loss.predictions
        isRegression = loss.spec.isRegression
        team = Team(workers: workers, scratchBytes: plan.scratchBytes)
    }

    /// A network that runs in bytes.
    public init(
        _ network: Network, quantized: QuantizedModel, loss: LossSpec, preprocessing: Preprocessing, workers: Int
    ) {
        wb_thread_prepare()
        self.network = network
        self.preprocessing = preprocessing
        let affordable = Self.pieceOperations / max(1, network.inferenceOperations)
        pieceSize = Self.tileSizes.clamping(Int(min(affordable, 1e6))) * workers
        let loss = Loss(spec: loss, outputs: network.classes, classWeights: nil)
        let nothing = PreparedExamples(
            preprocessing.rawShape.isImage ? .bytes([]) : .floats([]), labels: [], by: preprocessing)
        body = .bytes(
            QuantizedAnswers(quantized, rows: ExampleStore(nothing), loss: loss, workers: workers))
        predictions = loss.predictions
        isRegression = loss.spec.isRegression
        team = Team(workers: workers, scratchBytes: 64)
    }

    deinit { team.end() }

    /// What the network predicts of `count` examples that `make` makes: (examples, predictions), numbers in their own units.
    func ask(_ count: Int, make: @escaping InferencePlan.Maker) -> [Float] {
        [Float](unsafeUninitializedCapacity: count * predictions) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            base.initialize(repeating: 0, count: count * predictions)
            switch body {
            case .floats(let plan): plan.run(count, on: team, isFirst: !hasRun, into: base, make: make)
            case .bytes(let answers): answers.run(count, into: base, make: make)
            }
            hasRun = true
            initialized = count * predictions
        }
    }

    /// Runs `body` for each of `count` pieces of work that share nothing.
    func each(_ count: Int, _ body: @escaping (Int) -> Void) {
        team.run([Phase((0..<count).map { index in { _ in body(index) } })])
    }
}

/// A network in bytes that is asked about rows of float32 as the first layer of the network itself takes them.
private final class QuantizedAnswers {
    private let plan: ForwardPlan
    private let input: Affine
    private let stride: Int
    /// Where each value of an example lies in a row, and among the bytes.
    private let places: [(row: Int, byte: Int)]
    private let loss: Loss
    private let targetScaling: TargetScaling?

    init(_ model: QuantizedModel, rows: ExampleStore, loss: Loss, workers: Int) {
        let steps = IntegerSteps(model, workers: workers)
        plan = steps.plan
        input = model.input
        stride = rows.input.stride
        let tensor = steps.input
        places = (0..<model.inputShape.count).map { (rows.input.image?.place($0) ?? $0, tensor.place($0)) }
        self.loss = loss
        targetScaling = rows.targetScaling
    }

    func run(
        _ count: Int, into predictions: UnsafeMutablePointer<Float>, make: @escaping InferencePlan.Maker
    ) {
        let (stride, places, input, loss, targetScaling) = (stride, places, input, loss, targetScaling)
        plan.run(count) { index, bytes in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: stride) { row in
                row.initialize(repeating: 0)
                guard let base = row.baseAddress else { return }
                make(index..<index + 1, base, stride)
                let bytes = bytes.assumingMemoryBound(to: UInt8.self)
                for place in places { bytes[place.byte] = UInt8(input.quantize(row[place.row])) }
            }
        } take: { [plan] range, logits in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: range.count) { losses in
                guard let unread = losses.baseAddress else { return }
                let out = predictions + range.lowerBound * loss.predictions
                loss.compute(
                    Loss.Rows(
                        count: range.count, logits: logits, stride: plan.outputStride, labels: nil, targets: nil,
                        losses: unread, hits: nil, gradient: nil, predictions: out, weights: nil),
                    scale: 1)
                guard loss.spec.isRegression, let targetScaling else { return }
                for i in 0..<range.count * loss.outputs { out[i] = targetScaling.restored(out[i]) }
            }
        }
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
