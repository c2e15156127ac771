// Trainer: a network with its data, its workers and its place in the run. It knows steps; the loop around it knows events.
import CPrimitives
import Foundation

/// Everything that a run needs to go on as if it had never stopped.
public struct Snapshot: Sendable, Equatable {
    /// Steps done.
    public var step = 0
    /// Seconds of running.
    public var seconds = 0.0
    /// Learning rate at work: the spec's, or what a person set.
    public var learningRate: Float = 0
    /// Sums over the examples of the epoch at work.
    public var epochLossSum = 0.0
    public var epochHits = 0
    public var epochExamples = 0
    /// Best accuracy on the watched split so far; nil before the first evaluation.
    public var bestAccuracy: Double?
    /// The weights, in the network's order, and the optimizer's moments likewise (`second` empty for SGD).
    public var weights: [ParameterValues] = []
    public var first: [ParameterValues] = []
    public var second: [ParameterValues] = []

    public init() {}
}

/// Trains one network on one machine.
///
/// Not Sendable: one thread owns it; its workers are its own affair.
public final class Trainer {
    public let network: Network
    public let spec: TrainingSpec
    /// Worker threads that compute, this one included.
    public var workers: Int { team.workers }
    /// Examples a step; the last one of an epoch may have fewer.
    public let batch: Int
    public let stepsPerEpoch: Int
    /// Steps done.
    public private(set) var step = 0
    public var learningRate: Float

    private let parameters: Parameters
    private let data: ExampleStore
    private let train: [Int32]
    private let epochOrder: EpochOrder
    private let team: Team
    private let plan: TrainingPlan
    private let lastPlan: TrainingPlan?
    private let inference: InferencePlan
    private let input: UnsafeMutablePointer<StepInput>
    private let order: UnsafeMutablePointer<Int32>
    /// How many times each of `order` came before in the epoch; nil: each comes once.
    private let turns: UnsafeMutablePointer<UInt16>?
    private var orderedEpoch = 0
    private let arena = Arena()

    /// Plans training of `network` on the examples `train` of `data`.
    /// - Parameters:
    ///   - balance: what is done about classes of different size; of it the trainer does the oversampling.
    ///   - augment: what is done to them; fits their shape (``Augmentation/check(_:shape:)``).
    ///   - workers: threads that compute, 1 to 256.
    /// - Throws: ``ConvolutionError``.
    public init(
        _ network: Network, spec: TrainingSpec, data: PreparedExamples, train: [Int32], balance: Balance = .none,
        augment: [Augmentation] = [], workers: Int
    ) throws {
        precondition((1...256).contains(workers), "\(workers) workers")
        precondition(!train.isEmpty, "no examples to train on")
        precondition(data.shape == network.input, "examples of \(data.shape) for a network that takes \(network.input)")
        wb_thread_prepare()
        self.network = network
        self.spec = spec
        self.train = train
        self.data = ExampleStore(data)
        let labels = self.data.labels
        epochOrder = EpochOrder(train: train, labels: { labels[Int($0)] }, balance: balance, seed: spec.seed)
        let augmenter = self.data.augmenter(augment, seed: spec.seed)
        learningRate = spec.optimizer.learningRate
        batch = min(spec.batch, train.count)
        stepsPerEpoch = (train.count + batch - 1) / batch

        let shardSize = (batch + spec.shards - 1) / spec.shards
        let reference = try ConvSet(network, examples: shardSize, training: true)
        parameters = Parameters(network, convolutions: reference.handles)
        parameters.initialise(seed: spec.seed)
        // The last batch of an epoch, and the last shard of a batch, may be smaller.
        let rest = train.count % batch
        var sets = [shardSize: reference]
        for size in [batch % shardSize, rest % shardSize] where size > 0 && sets[size] == nil {
            sets[size] = try ConvSet(network, examples: size, training: true, weightsOf: reference)
        }
        let trainingSets = sets
        func planned(_ examples: Int) -> ConvSet {
            guard let set = trainingSets[examples] else {
                preconditionFailure("no convolutions for \(examples) examples")
            }
            return set
        }
        let firstUpdate = Update(spec.optimizer, learningRate: learningRate, step: 1)
        input = arena.allocate(1, of: StepInput.self)
        order = arena.allocate(train.count)
        turns = balance == .oversample ? arena.allocate(train.count) : nil
        input.initialize(to: StepInput(seed: spec.seed, number: 1, indices: UnsafePointer(order), update: firstUpdate))
        plan = TrainingPlan(
            parameters, data: self.data, augmenter: augmenter, examples: batch, shardSize: shardSize, step: input,
            convSets: planned)
        lastPlan =
            rest == 0
            ? nil
            : TrainingPlan(
                parameters, data: self.data, augmenter: augmenter, examples: rest, shardSize: shardSize, step: input,
                convSets: planned)
        let tile = Predictor.tileSize
        let forward = try ConvSet(network, examples: tile, training: false, weightsOf: reference)
        inference = InferencePlan(parameters, data: self.data, workers: workers, tileSize: tile) { _ in forward }
        team = Team(
            workers: workers,
            scratchBytes: max(plan.scratchBytes, lastPlan?.scratchBytes ?? 0, inference.scratchBytes))
    }

    deinit { team.end() }

    /// Epoch of the next step; the first is 1.
    public var epoch: Int { step / stepsPerEpoch + 1 }

    /// What one step did.
    public struct StepResult: Sendable {
        public var examples: Int
        public var lossSum: Double
        public var hits: Int
        /// False: loss or gradient was not finite, nothing was changed.
        public var applied: Bool
    }

    /// Does the next step.
    public func advance() -> StepResult {
        let position = step % stepsPerEpoch
        if orderedEpoch != epoch {
            let examples = epochOrder.examples(epoch: epoch)
            examples.withUnsafeBufferPointer {
                if let from = $0.baseAddress { order.update(from: from, count: $0.count) }
            }
            for (place, turn) in (epochOrder.turns(examples) ?? []).enumerated() { turns?[place] = turn }
            orderedEpoch = epoch
            data.expect(examples, batch: batch)
        }
        data.begin(position * batch)
        input.pointee.epoch = UInt32(truncatingIfNeeded: epoch)
        step += 1
        let current = (position + 1) * batch <= train.count ? plan : lastPlan ?? plan
        input.pointee.number = UInt32(truncatingIfNeeded: step)
        input.pointee.indices = UnsafePointer(order + position * batch)
        input.pointee.turns = turns.map { UnsafePointer($0 + position * batch) }
        input.pointee.update = Update(spec.optimizer, learningRate: learningRate, step: step)
        let outcome = current.run(on: team)
        return StepResult(
            examples: current.examples, lossSum: outcome.lossSum, hits: outcome.hits, applied: outcome.applied)
    }

    /// Runs the network forward over the examples `indices`, dropout off.
    public func infer(_ indices: [Int32]) -> Inference { inference.run(indices, on: team) }

    /// Confusion matrix and ROC curves of what ``infer(_:)`` gave, a class a tile; nil with too many classes.
    public func detail(of inference: Inference) -> EvaluationDetail? {
        EvaluationDetail(inference, classes: network.classes) { count, body in
            team.run([Phase((0..<count).map { index in { _ in body(index) } })])
        }
    }

    /// The first streamed example that could not be decoded: nothing that was computed since counts; nil: all could.
    public var failure: ExampleError? { data.failure }

    /// Nanoseconds that each worker computed since the last call.
    public func takeBusy() -> [UInt64] { team.takeBusy() }

    /// The weights in plain layout, in the network's order.
    public var weights: [ParameterValues] { parameters.plain(parameters.values) }

    /// Weights, moments and position.
    /// - Parameter weights: the weights as they are, where the caller has them already.
    public func snapshot(weights: [ParameterValues]? = nil) -> Snapshot {
        var snapshot = Snapshot()
        snapshot.step = step
        snapshot.learningRate = learningRate
        snapshot.weights = weights ?? self.weights
        snapshot.first = parameters.plain(parameters.first)
        if case .adam = spec.optimizer { snapshot.second = parameters.plain(parameters.second) }
        return snapshot
    }

    /// Goes on from `snapshot`, which was taken of the same network.
    public func restore(_ snapshot: Snapshot) {
        step = snapshot.step
        orderedEpoch = 0
        learningRate = snapshot.learningRate
        for (values, array) in [
            (snapshot.weights, parameters.values), (snapshot.first, parameters.first),
            (snapshot.second, parameters.second),
        ] {
            for value in values { parameters.store(value.values, of: value.name, in: array) }
        }
    }
}

/// Runs a trained network forward.
public final class Predictor {
    /// Examples that a worker takes at a time.
    static let tileSize = 32
    private let inference: InferencePlan
    private let team: Team
    private let data: ExampleStore

    /// A network with `weights` over `data`.
    /// - Throws: ``ConvolutionError``.
    public init(_ network: Network, weights: [ParameterValues], data: PreparedExamples, workers: Int) throws {
        wb_thread_prepare()
        let forward = try ConvSet(network, examples: Self.tileSize, training: false)
        let parameters = Parameters(network, convolutions: forward.handles)
        for value in weights { parameters.store(value.values, of: value.name, in: parameters.values) }
        let store = ExampleStore(data)
        inference = InferencePlan(parameters, data: store, workers: workers, tileSize: Self.tileSize) { _ in forward }
        team = Team(workers: workers, scratchBytes: inference.scratchBytes)
        self.data = store
    }

    deinit { team.end() }

    /// Runs over the examples `indices`; nil: over all.
    /// - Throws: when a streamed example can't be decoded.
    public func infer(_ indices: [Int32]? = nil) throws(ExampleError) -> Inference {
        let found = inference.run(indices ?? Array(Int32(0)..<Int32(data.count)), on: team)
        if let failure = data.failure { throw failure }
        return found
    }
}

/// Names of what computes here, for a session's record.
public enum Machine {
    /// "oneDNN 2.6.3 avx512_core_bf16, kernels avx512".
    public static var kernels: String {
        var text = [CChar](repeating: 0, count: 128)
        wb_describe(&text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }

    /// Processors that this process may use.
    public static var processors: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// Peak of float32 multiply-adds on one thread, GFLOP/s, measured now (about 0.1 s).
    public static func measurePeak() -> Double {
        wb_thread_prepare()
        return wb_measure_peak_gflops()
    }
}
