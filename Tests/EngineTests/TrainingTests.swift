// Training as a whole: it learns, any number of workers gives the same bits, a run goes on as if it had never stopped.
import Synchronization
import Testing

@testable import Engine

/// Small made-up sets.
enum Toy {
    /// Images of `side` pixels a side, of which the brightest quarter tells the class.
    static func images(_ count: Int, side: Int = 8, channels: Int = 1) -> Dataset {
        var random = CounterRandom(seed: 11, purpose: .benchmark)
        var bytes: [UInt8] = []
        var labels: [Int32] = []
        for _ in 0..<count {
            let label = Int(random.below(4))
            labels.append(Int32(label))
            for _ in 0..<channels {
                for y in 0..<side {
                    for x in 0..<side {
                        let inside = (y * 2 / side) * 2 + x * 2 / side == label
                        bytes.append(UInt8(random.below(120)) + (inside ? 60 : 0))
                    }
                }
            }
        }
        return Dataset(
            name: "quarters", shape: .image(channels: channels, height: side, width: side),
            classes: ["a", "b", "c", "d"], features: .bytes(bytes), labels: labels, origin: "made up")
    }

    static let network: [LayerSpec] = [
        .conv(filters: 8, kernel: 3, padding: .same, activation: .relu), .maxPool(size: 2, stride: 2),
        .conv(filters: 20, kernel: 3, activation: .relu), .flatten, .dropout(rate: 0.2),
        .dense(units: 300, activation: .relu), .dense(units: 64, activation: .relu), .dense(units: nil),
    ]
}

/// Collects what a loop tells.
final class Listener {
    var events: [RunEvent] = []
    var snapshots: [Snapshot] = []
    var checkpoints: [RunEvent.Checkpointed] = []
    var commands: [(afterStep: Int, EngineCommand)] = []
    private var step = 0

    var world: TrainingWorld {
        TrainingWorld(
            emit: { [self] event in
                events.append(event)
                if case .stepped(let stepped) = event { step = stepped.step }
            },
            checkpoint: { [self] snapshot, event in
                snapshots.append(snapshot)
                checkpoints.append(event)
                events.append(.checkpointed(event))
            },
            commands: { [self] _ in
                let due = commands.filter { $0.afterStep <= step }.map(\.1)
                commands.removeAll { $0.afterStep <= step }
                return due
            })
    }

    /// Losses and metrics, without the times.
    var deterministic: [String] {
        events.compactMap { event in
            switch event {
            case .stepped(let e): "step \(e.step) \(e.loss.bitPattern) \(e.accuracy.bitPattern) \(e.learningRate)"
            case .evaluated(let e): "\(e.split) \(e.step) \(e.loss.bitPattern) \((e.accuracy ?? .nan).bitPattern)"
            default: nil
            }
        }
    }
}

/// What a run is made of, for tests that hold for every kind.
struct Recipe: Sendable, CustomTestStringConvertible {
    var name: String
    var network = Toy.network
    var training = TrainingSpec()

    var testDescription: String { name }

    private static func with(
        _ name: String, _ network: [LayerSpec] = Toy.network, _ change: (inout TrainingSpec) -> Void
    )
        -> Recipe
    {
        var recipe = Recipe(name: name, network: network)
        recipe.training.epochs = 2
        recipe.training.batch = 30
        recipe.training.optimizer = .adam(learningRate: 0.002)
        change(&recipe.training)
        return recipe
    }

    /// Batch norm, depthwise and separable convolutions, groups, a residual block with projection, all activations.
    static let deep: [LayerSpec] = [
        .conv(filters: 16, kernel: 3, padding: .same, hasBias: false), .batchNorm(), .activation(.relu),
        .residual([
            .conv(filters: 24, kernel: 3, stride: 2, padding: .same, hasBias: false), .batchNorm(activation: .relu),
            .depthwiseConv(ConvolutionSpec(filters: 0, kernel: 1)), .batchNorm(),
        ]),
        .residual([.conv(filters: 24, kernel: 3, padding: .same, groups: 4, activation: .silu)], activation: .gelu),
        .separableConv(ConvolutionSpec(filters: 12, kernel: 2)), .averagePool(size: 2, stride: 1), .dropout(rate: 0.2),
        .activation(.leakyReLU(slope: 0.1)), .globalAveragePool, .dense(units: 40, activation: .tanh), .layerNorm(),
        .residual([.dense(units: 40, activation: .elu), .dense(units: 40)]), .batchNorm(), .activation(.sigmoid),
        .dense(units: nil),
    ]

    static let all: [Recipe] =
        [
            with("adam") { _ in },
            with("sgd") { $0.optimizer = .sgd(learningRate: 0.05) },
            with("sgd, Nesterov, decay, step schedule") {
                $0.optimizer = .sgd(learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.001)
                $0.schedule = .step(every: 1, factor: 0.5)
            },
            with("adamw, clipped, cosine, warm-up") {
                $0.optimizer = .adamW(learningRate: 0.003)
                $0.clipNorm = 0.5
                $0.schedule = .cosine(minimum: 1e-5)
                $0.warmupSteps = 5
            },
            with("rmsprop, averaged, one cycle") {
                $0.optimizer = .rmsProp(learningRate: 0.001, momentum: 0.5)
                $0.averageDecay = 0.9
                $0.schedule = .oneCycle(maximum: 0.003)
            },
            with("adagrad, class weights, plateau") {
                $0.optimizer = .adagrad(learningRate: 0.02)
                $0.classWeights = .balanced
                $0.schedule = .reduceOnPlateau(factor: 0.5, patience: 0)
                $0.epochs = 3
            },
            with("deep, sgd, clipped", deep) {
                $0.optimizer = .sgd(learningRate: 0.05, momentum: 0.9)
                $0.clipNorm = 1
                $0.loss = .softmaxCrossEntropy(labelSmoothing: 0.1)
            },
            with("deep, adam, averaged", deep) { $0.averageDecay = 0.95 },
        ] + (Machine.measureConvolution(.bf16) > 0 ? [with("bf16") { $0.precision = .bf16 }] : [])

    func trainer(workers: Int, logEvery: Int = 1) throws -> (Trainer, Splits) {
        let dataset = Toy.images(333)
        let data = DataSpec(dataset: "quarters")
        let splits = try Splits(dataset, data)
        let preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: data)
        var spec = training
        spec.logEvery = logEvery
        spec.checkpointSeconds = 1e-9
        let trainer = try Trainer(
            try Network(network, input: preprocessing.shape, classes: 4), spec: spec,
            data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing), train: splits.train,
            workers: workers)
        return (trainer, splits)
    }
}

struct TrainingTests {
    func trainer(
        _ optimizer: OptimizerSpec = .adam(learningRate: 0.002), workers: Int, epochs: Int = 2, batch: Int = 30
    ) throws -> (Trainer, Splits) {
        var recipe = Recipe(name: "")
        recipe.training.epochs = epochs
        recipe.training.batch = batch
        recipe.training.optimizer = optimizer
        return try recipe.trainer(workers: workers)
    }

    @Test func learns() throws {
        let (trainer, splits) = try trainer(workers: 2, epochs: 12)
        let listener = Listener()
        var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
        let finished = try loop.run()
        #expect(finished.reason == .completed)
        #expect(try #require(finished.metrics["test/accuracy"]) > 0.9)
        #expect(finished.step == 12 * trainer.stepsPerEpoch)
    }

    @Test(arguments: Recipe.all)
    func anyNumberOfWorkersGivesTheSameBits(recipe: Recipe) throws {
        var first: (weights: [ParameterValues], log: [String])?
        for workers in [1, 2, 3, 4, 7] {
            let (trainer, splits) = try recipe.trainer(workers: workers)
            let listener = Listener()
            var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
            #expect(try loop.run().workers == workers)
            if let first {
                #expect(trainer.weights == first.weights, "\(workers) workers")
                #expect(listener.deterministic == first.log, "\(workers) workers")
            } else {
                first = (trainer.weights, listener.deterministic)
            }
        }
    }

    /// From every checkpoint in mid-epoch, each of which was taken after another step.
    @Test(arguments: Recipe.all)
    func resumesBitForBit(recipe: Recipe) throws {
        let (whole, splits) = try recipe.trainer(workers: 2)
        let listener = Listener()
        var loop = TrainingLoop(whole, splits: splits, world: listener.world)
        _ = try loop.run()
        let steps = Set(listener.snapshots.map(\.step))
        #expect(steps.count >= 2 * whole.stepsPerEpoch)
        for snapshot in listener.snapshots where snapshot.step % 3 == 1 {
            let (again, splits) = try recipe.trainer(workers: 3)
            again.restore(snapshot)
            let rest = Listener()
            var loop = TrainingLoop(again, splits: splits, from: snapshot, world: rest.world)
            _ = try loop.run()
            #expect(again.weights == whole.weights, "from step \(snapshot.step)")
            #expect(listener.deterministic.suffix(rest.deterministic.count) == rest.deterministic[...])
        }
    }

    /// Trying learning rates leaves no trace.
    @Test(arguments: Recipe.all)
    func triesRatesWithoutATrace(recipe: Recipe) throws {
        let (a, _) = try recipe.trainer(workers: 2)
        let (b, _) = try recipe.trainer(workers: 2)
        for step in 0..<14 {
            if step == 5 || step == 11 {
                let trials = b.tryRates(steps: 12)
                #expect(trials.count > 2 && trials[0].rate == 1e-6)
            }
            _ = (a.advance(), b.advance())
        }
        #expect(a.snapshot() == b.snapshot())
    }

    /// A network of everything learns what a plain one does.
    @Test func theDeepRecipeLearns() throws {
        var recipe = Recipe(name: "deep", network: Recipe.deep)
        recipe.training.epochs = 15
        recipe.training.batch = 30
        recipe.training.optimizer = .adamW(learningRate: 0.005)
        recipe.training.averageDecay = 0.9
        let (trainer, splits) = try recipe.trainer(workers: 2, logEvery: 100)
        var loop = TrainingLoop(trainer, splits: splits, world: Listener().world)
        #expect(try #require(try loop.run().metrics["test/accuracy"]) > 0.9)
    }

    /// Clipping shortens the first step to the norm, in all parameters together.
    @Test func clipsByTheNormOfEverything() throws {
        var recipe = Recipe(name: "clip")
        recipe.training.optimizer = .sgd(learningRate: 1)
        recipe.training.batch = 30
        func firstMove(_ clip: Float?) throws -> [Float] {
            recipe.training.clipNorm = clip
            let (trainer, _) = try recipe.trainer(workers: 2)
            let before = trainer.weights.flatMap(\.values)
            _ = trainer.advance()
            return zip(trainer.weights.flatMap(\.values), before).map { $0 - $1 }
        }
        func norm(_ x: [Float]) -> Double { x.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot() }
        let free = try firstMove(nil)
        #expect(norm(free) > 0.2)
        #expect(abs(norm(try firstMove(0.1)) - 0.1) < 1e-4)
        #expect(norm(try firstMove(1000)) == norm(free))
    }

    @Test func stopsEarlyAndPutsTheBestBack() throws {
        var recipe = Recipe(name: "early")
        recipe.training.epochs = 60
        recipe.training.batch = 30
        recipe.training.optimizer = .adam(learningRate: 0.01)
        recipe.training.earlyStopping = EarlyStopping()
        recipe.training.earlyStopping?.patience = 3
        let (trainer, splits) = try recipe.trainer(workers: 2)
        let listener = Listener()
        var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
        let finished = try loop.run()
        let watched = listener.events.compactMap { event -> Double? in
            if case .evaluated(let e) = event, e.split == splits.watched { e.loss } else { nil }
        }
        let best = try #require(watched.min())
        let last = try #require(watched.firstIndex(of: best)) + 3
        #expect(watched.count == last + 1 && finished.step == (last + 1) * trainer.stepsPerEpoch)
        #expect(trainer.infer(splits[splits.watched]).meanLoss == best)

        // Killed behind any checkpoint, those after the last epoch among them, it ends in the same weights.
        var bestSoFar: [ParameterValues]?
        var tried = 0
        for (snapshot, event) in zip(listener.snapshots, listener.checkpoints) {
            if event.best { bestSoFar = snapshot.modelWeights }
            guard snapshot.step >= (last - 1) * trainer.stepsPerEpoch else { continue }
            tried += 1
            let (again, _) = try recipe.trainer(workers: 1)
            again.restore(snapshot)
            var rest = TrainingLoop(
                again, splits: splits, from: snapshot, bestWeights: bestSoFar, world: Listener().world)
            let ended = try rest.run()
            #expect(ended.step == finished.step && again.weights == trainer.weights, "from step \(snapshot.step)")
        }
        #expect(tried > trainer.stepsPerEpoch)
    }

    @Test func refusesStepsThatAreNotFinite() throws {
        // A rate this high makes the weights overflow soon; whatever is refused leaves them as they were.
        let (trainer, splits) = try trainer(.sgd(learningRate: 1e30), workers: 2, epochs: 5)
        let listener = Listener()
        var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
        #expect(try loop.run().reason == .diverged)
        #expect(listener.events.contains { if case .warned = $0 { true } else { false } })
        #expect(trainer.weights.allSatisfy { $0.values.allSatisfy(\.isFinite) })
    }

    @Test func obeysCommands() throws {
        let (trainer, splits) = try trainer(workers: 2, epochs: 5)
        let listener = Listener()
        listener.commands = [
            (3, .pause), (3, .setLearningRate(0.5)), (3, .continue), (9, .stop),
        ]
        var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
        let finished = try loop.run()
        #expect(finished.reason == .stopped)
        #expect(finished.step == 9)
        let acts = listener.events.compactMap { event -> RunEvent.Steered.Act? in
            if case .steered(let steered) = event { steered.act } else { nil }
        }
        #expect(acts == [.paused, .learningRate(0.5), .continued])
        #expect(listener.snapshots.last?.step == 9)
        let state = RunState(listener.events + [.finished(finished)])
        #expect(state.phase == .finished(.stopped))
        #expect(state.curves["train/loss"]?.count == 9)
    }

    @Test func inferenceDoesNotDependOnTiles() throws {
        let (trainer, splits) = try trainer(workers: 3)
        let all = trainer.infer(splits.train)
        for index in [0, 31, 32, 100] {
            let one = trainer.infer([splits.train[index]])
            #expect(one.probabilities[...] == all.probabilities[index * 4..<index * 4 + 4])
            #expect(one.losses[0] == all.losses[index])
        }
        #expect(trainer.infer([]).hits.isEmpty)
    }
}

struct SplitsTests {
    @Test func splitsAreStratifiedDisjointAndSeeded() throws {
        let dataset = Toy.images(1000)
        var spec = DataSpec(dataset: "quarters")
        let a = try Splits(dataset, spec)
        #expect(a.test.count == 200 && a.validation.count == 80 && a.train.count == 720)
        #expect(Set(a.train + a.validation + a.test).count == 1000)
        for label in 0..<4 {
            let all = dataset.labels.count { $0 == label }
            let test = a.test.count { dataset.labels[Int($0)] == label }
            #expect(abs(Double(test) - Double(all) * 0.2) < 1)
        }
        #expect(a == (try Splits(dataset, spec)))
        spec.seed = 43
        #expect(a != (try Splits(dataset, spec)))
        spec.validationFraction = 0
        let b = try Splits(dataset, spec)
        #expect(b.validation.isEmpty && b.watched == .test)
    }

    @Test func anEmptySplitIsRefused() throws {
        var spec = DataSpec(dataset: "quarters")
        spec.testFraction = 0.001
        #expect(throws: SplitError.empty("test", examples: 20)) { try Splits(Toy.images(20), spec) }
    }

    @Test func preprocessingIsFittedOnTheTrainingSplitAlone() {
        let columns = [
            Column(name: "x", kind: .numeric), Column(name: "c", kind: .category(levels: ["p", "q"])),
        ]
        let values: [Float] = [1, 0, 3, 1, 1000, 0, .nan, .nan]
        let dataset = Dataset(
            name: "t", shape: .vector(2), classes: ["a", "b"], columns: columns, features: .floats(values),
            labels: [0, 1, 0, 1], origin: "test")
        let preprocessing = Preprocessing(fitting: dataset, train: [0, 1], spec: DataSpec(dataset: "t"))
        #expect(preprocessing.shape == .vector(3))
        #expect(preprocessing.apply(dataset.features) == .floats([-1, 1, 0, 1, 0, 1, 998, 1, 0, 0, 0, 0]))
    }
}

struct CounterRandomTests {
    /// Known answers of Random123 (Salmon et al. 2011), its file kat_vectors, "philox4x32 10".
    @Test func philoxKnownAnswers() {
        #expect(
            CounterRandom.philox(SIMD4(0, 0, 0, 0), (0, 0)) == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
        )
        let ones = UInt32.max
        #expect(
            CounterRandom.philox(SIMD4(ones, ones, ones, ones), (ones, ones))
                == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
        #expect(
            CounterRandom.philox(SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), (0xa409_3822, 0x299f_31d0))
                == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }

    @Test func streamsAreIndependent() {
        var a = CounterRandom(seed: 1, purpose: .split)
        var b = CounterRandom(seed: 1, purpose: .shuffle)
        var sum = 0.0
        var equal = 0
        for _ in 0..<100_000 {
            let (x, y) = (a.unit(), b.unit())
            sum += Double(x)
            if x == y { equal += 1 }
        }
        #expect(abs(sum / 100_000 - 0.5) < 0.005)
        #expect(equal < 5)
    }

    @Test func shuffleIsAPermutationAndFair() {
        var counts = [Int](repeating: 0, count: 5)
        for seed in 0..<5000 {
            var values = [0, 1, 2, 3, 4]
            var random = CounterRandom(seed: UInt64(seed), purpose: .shuffle)
            random.shuffle(&values)
            #expect(values.sorted() == [0, 1, 2, 3, 4])
            counts[values[0]] += 1
        }
        #expect(counts.allSatisfy { abs($0 - 1000) < 150 })
    }
}
