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
    /// Best of what decides on the watched split so far (see ``TrainingSpec/monitor``); nil before the first evaluation.
    public var bestScore: Double?
    /// Epochs since the best one.
    public var epochsSinceBest = 0
    public var plateau = Plateau()
    /// The parameters as they are trained, in the network's order.
    public var weights: [ParameterValues] = []
    /// Moving average of those that are trained; empty where none is kept.
    public var average: [ParameterValues] = []
    /// The optimizer's moments, likewise (`second` empty for SGD).
    public var first: [ParameterValues] = []
    public var second: [ParameterValues] = []

    public init() {}

    /// The parameters that evaluate and predict: the averages where there are any.
    public var modelWeights: [ParameterValues] {
        let averages = Dictionary(average.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return weights.map { averages[$0.name] ?? $0 }
    }
}

extension TrainingSpec {
    /// What decides which epoch is the best.
    public var monitor: EarlyStopping.Monitor { earlyStopping?.monitor ?? (loss.isRegression ? .loss : .accuracy) }
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
    /// Pieces that a batch is cut into.
    public let shards: Int
    /// Examples of an epoch.
    public var trainCount: Int { train.count }
    /// Steps done.
    public private(set) var step = 0
    /// The optimizer's rate, before the schedule: the spec's, or what a person set.
    public var learningRate: Float
    /// What reducing on a plateau has come to.
    public private(set) var plateau = Plateau()

    private let parameters: Parameters
    private let data: ExampleStore
    private let train: [Int32]
    private let epochOrder: EpochOrder
    private let team: Team
    private let plan: TrainingPlan
    private let lastPlan: TrainingPlan?
    private let inference: InferencePlan
    /// Values of a prediction.
    private let predictions: Int
    /// Parameters that inference runs on, where they are not those that are trained.
    private let averaged: Parameters?
    private let input: UnsafeMutablePointer<StepInput>
    private let order: UnsafeMutablePointer<Int32>
    /// How many times each of `order` came before in the epoch; nil: each comes once.
    private let turns: UnsafeMutablePointer<UInt16>?
    private var orderedEpoch = 0
    /// What weights must keep; nil: nothing.
    private var ties: PlacedTies?
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

        shards = spec.shards(of: network, batch: batch)
        let shardSize = (batch + shards - 1) / shards
        let reference = try ConvSet(
            network, examples: shardSize, training: true, precision: spec.precision)
        parameters = Parameters(network, reference, keepsAverage: spec.averageDecay > 0)
        parameters.initialise(seed: spec.seed)
        averaged = spec.averageDecay > 0 ? Parameters(network, reference) : nil
        var classWeights: UnsafeMutablePointer<Float>?
        if let weights = Self.classWeights(spec.classWeights, data, train) {
            let copy = arena.floats(weights.count)
            for index in weights.indices { copy[index] = weights[index] }
            classWeights = copy
        }
        let loss = Loss(spec: spec.loss, outputs: network.classes, classWeights: classWeights)
        predictions = loss.predictions
        // The last batch of an epoch, and the last shard of a batch, may be smaller.
        let rest = train.count % batch
        var sets = [shardSize: reference]
        for size in [batch % shardSize, rest % shardSize] where size > 0 && sets[size] == nil {
            sets[size] = try ConvSet(
                network, examples: size, training: true, precision: spec.precision, weightsOf: reference)
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
            parameters, data: self.data, loss: loss, clipNorm: spec.clipNorm, augmenter: augmenter, examples: batch,
            shardSize: shardSize, step: input, convSets: planned)
        lastPlan =
            rest == 0
            ? nil
            : TrainingPlan(
                parameters, data: self.data, loss: loss, clipNorm: spec.clipNorm, augmenter: augmenter,
                examples: rest, shardSize: shardSize, step: input, convSets: planned)
        let tile = Predictor.tileSize
        let forward = try ConvSet(network, examples: tile, training: false, weightsOf: reference)
        inference = InferencePlan(
            averaged ?? parameters, data: self.data, loss: loss, workers: workers, tileSize: tile
        ) { _ in forward }
        team = Team(
            workers: workers,
            scratchBytes: max(plan.scratchBytes, lastPlan?.scratchBytes ?? 0, inference.scratchBytes),
            transientBytes: max(plan.transientBytes, lastPlan?.transientBytes ?? 0))
    }

    deinit { team.end() }

    /// One number a class of `data`; nil: all alike.
    private static func classWeights(_ spec: ClassWeights, _ data: PreparedExamples, _ train: [Int32]) -> [Float]? {
        switch spec {
        case .none: return nil
        case .given(let weights): return weights
        case .balanced:
            var counts = [Int](repeating: 0, count: data.classes)
            for index in train { counts[Int(data.labels[Int(index)])] += 1 }
            return counts.map { $0 == 0 ? 0 : Float(train.count) / (Float(data.classes) * Float($0)) }
        }
    }

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

    /// Learning rate of the step after `done` steps.
    private func rate(after done: Int) -> Float {
        let base = Double(spec.optimizer.learningRate)
        let scheduled = spec.schedule.rate(
            base: base, epochs: Double(done) / Double(stepsPerEpoch), totalEpochs: spec.epochs, step: done,
            totalSteps: spec.epochs * stepsPerEpoch)
        let warmup = spec.warmupSteps > 0 ? min(1, Double(done + 1) / Double(spec.warmupSteps)) : 1
        // What a person set stands to the spec's rate as the schedule's rate is changed.
        let steered = learningRate == spec.optimizer.learningRate ? 1 : Double(learningRate) / base
        return Float(scheduled * warmup * steered * plateau.factor)
    }

    /// Learning rate of the last step, or of the first one to come.
    public var currentRate: Float { rate(after: max(0, step - 1)) }

    /// Tells the schedule what an epoch's watched loss was.
    public func note(watchedLoss: Double) {
        plateau.note(watchedLoss, spec.schedule, base: Double(learningRate))
    }

    /// Does the next step.
    public func advance() -> StepResult {
        advance(rate: rate(after: step))
    }

    /// Steps between two whose parts are timed.
    private static let timedEvery = 8

    private func advance(rate: Float) -> StepResult {
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
        input.pointee.update = Update(
            spec.optimizer, learningRate: rate, step: step, averageDecay: spec.averageDecay)
        let outcome = current.run(on: team, takesTime: step % Self.timedEvery == 0)
        if let ties { team.run([ties.phase]) }
        return StepResult(
            examples: current.examples, lossSum: outcome.lossSum, hits: outcome.hits, applied: outcome.applied)
    }

    /// Lets weights keep what `ties` says, from now on and after each step; nil: nothing any more.
    public func tie(_ ties: WeightTies?) {
        self.ties = ties.map { PlacedTies($0, parameters) }
        if let placed = self.ties { team.run([placed.phase]) }
    }

    /// A learning rate, and the loss of the step that was made with it.
    public struct RateTrial: Sendable, Equatable {
        public var rate: Double
        public var loss: Double
        public init(rate: Double, loss: Double) {
            self.rate = rate
            self.loss = loss
        }
    }

    /// Tries learning rates from `least` to `most`, each step a larger one (Smith 2017), and puts everything back as it was:
    /// weights, moments, averages, running statistics, position. Ends early when the smoothed loss has grown to four times its
    /// least (a single batch of a trained network may well have four times the loss of another).
    public func tryRates(
        from least: Double = RateTrials.least, to most: Double = RateTrials.most, steps: Int = RateTrials.steps
    ) -> [RateTrial] {
        let (before, plateauBefore) = (step, plateau)
        let saved = parameters.copy()
        var trials: [RateTrial] = []
        var smooth = RateSmoothing()
        var lowest = Double.infinity
        for index in 0..<steps {
            let rate = least * pow(most / least, Double(index) / Double(max(1, steps - 1)))
            let result = advance(rate: Float(rate))
            let loss = result.lossSum / Double(result.examples)
            trials.append(RateTrial(rate: rate, loss: loss))
            let smoothed = smooth.add(loss)
            if !result.applied { break }
            // Before some batches were seen, their average is noise.
            guard index >= steps / 10 else { continue }
            lowest = min(lowest, smoothed)
            if smoothed > 4 * lowest { break }
        }
        parameters.restore(saved)
        (step, plateau) = (before, plateauBefore)
        orderedEpoch = 0
        return trials
    }

    /// Runs the network forward over the examples `indices`, dropout off, with the averaged weights where there are any.
    public func infer(_ indices: [Int32]) -> Inference {
        if let averaged, let average = parameters.average {
            averaged.values.update(from: parameters.values, count: parameters.count)
            averaged.values.update(from: average, count: parameters.trainedCount)
        }
        return inference.run(indices, on: team)
    }

    /// Confusion matrix and ROC curves of what ``infer(_:)`` gave, a class a tile; nil with too many classes, and where
    /// numbers are predicted.
    public func detail(of inference: Inference) -> EvaluationDetail? {
        if spec.loss.isRegression { return nil }
        return EvaluationDetail(inference, classes: predictions) { count, body in
            team.run([Phase((0..<count).map { index in { _ in body(index) } })])
        }
    }

    /// The first streamed example that could not be decoded: nothing that was computed since counts; nil: all could.
    public var failure: ExampleError? { data.failure }

    /// Nanoseconds that each worker computed since the last call.
    public func takeBusy() -> [UInt64] { team.takeBusy() }

    /// Nanoseconds of all workers in each part of the timed steps since the last call (one step in eight is timed).
    public func takeTimes() -> [UInt64] { team.takeTimes() }

    /// The parameters that evaluate and predict, in plain layout and the network's order.
    public var weights: [ParameterValues] {
        var snapshot = Snapshot()
        snapshot.weights = parameters.plain(parameters.values)
        if let average = parameters.average { snapshot.average = parameters.plain(average, trained: true) }
        return snapshot.modelWeights
    }

    /// Weights, moments and position.
    public func snapshot() -> Snapshot {
        var snapshot = Snapshot()
        snapshot.step = step
        snapshot.learningRate = learningRate
        snapshot.plateau = plateau
        snapshot.weights = parameters.plain(parameters.values)
        if let average = parameters.average { snapshot.average = parameters.plain(average, trained: true) }
        snapshot.first = parameters.plain(parameters.first, trained: true)
        if spec.optimizer.usesSecondMoment { snapshot.second = parameters.plain(parameters.second, trained: true) }
        return snapshot
    }

    /// Bytes of parameters, data and plans, for tests of what is told beforehand.
    var bytes: Int {
        parameters.bytes + (averaged?.bytes ?? 0) + data.storedBytes + plan.bytes + (lastPlan?.bytes ?? 0)
            + inference.bytes
    }

    /// Goes on from `snapshot`, which was taken of the same network.
    public func restore(_ snapshot: Snapshot) {
        step = snapshot.step
        orderedEpoch = 0
        learningRate = snapshot.learningRate
        plateau = snapshot.plateau
        for (values, array) in [
            (snapshot.weights, parameters.values), (snapshot.first, parameters.first),
            (snapshot.second, parameters.second),
        ] {
            for value in values { parameters.store(value.values, of: value.name, in: array) }
        }
        guard let average = parameters.average else { return }
        for value in snapshot.average { parameters.store(value.values, of: value.name, in: average) }
    }

    /// Takes parameters of another run: moments and averages begin anew. What the network does not have is left out.
    /// - Returns: How many arrays had a place.
    @discardableResult
    public func load(_ weights: [ParameterValues]) -> Int {
        let shapes = Dictionary(uniqueKeysWithValues: network.parameters.map { ($0.name, $0.shape) })
        let fitting = weights.filter { shapes[$0.name] == $0.shape }
        for value in fitting { parameters.store(value.values, of: value.name, in: parameters.values) }
        parameters.average?.update(from: parameters.values, count: parameters.trainedCount)
        return fitting.count
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
    public init(
        _ network: Network, weights: [ParameterValues], loss: LossSpec = .softmaxCrossEntropy(), data: PreparedExamples,
        workers: Int
    ) throws {
        wb_thread_prepare()
        let forward = try ConvSet(network, examples: Self.tileSize, training: false)
        let parameters = Parameters(network, forward)
        for value in weights { parameters.store(value.values, of: value.name, in: parameters.values) }
        let store = ExampleStore(data)
        inference = InferencePlan(
            parameters, data: store, loss: Loss(spec: loss, outputs: network.classes, classWeights: nil),
            workers: workers, tileSize: Self.tileSize
        ) { _ in forward }
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
    /// "oneDNN 2.6.3 avx512_core_bf16, kernels avx512/2".
    public static var kernels: String {
        var text = [CChar](repeating: 0, count: 128)
        wb_describe(&text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }

    /// Processors that this process may use.
    public static var processors: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// Speed of a convolution whose products are of `precision`, on one thread, GFLOP/s, measured now (some 10 ms); 0 where
    /// there is none.
    public static func measureConvolution(_ precision: Precision) -> Double {
        wb_thread_prepare()
        return wb_measure_conv_gflops(precision == .bf16 ? 1 : 0)
    }

    /// Peak of float32 multiply-adds on one thread, GFLOP/s, measured now (about 0.1 s).
    public static func measurePeak() -> Double {
        wb_thread_prepare()
        return wb_measure_peak_gflops()
    }
}
