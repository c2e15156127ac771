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

struct TrainingTests {
    func trainer(
        _ optimizer: OptimizerSpec = .adam(learningRate: 0.002), workers: Int, epochs: Int = 2, batch: Int = 30
    ) throws -> (Trainer, Splits) {
        let dataset = Toy.images(333)
        let data = DataSpec(dataset: "quarters")
        let splits = try Splits(dataset, data)
        let preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: data)
        let network = try Network(Toy.network, input: preprocessing.shape, classes: 4)
        var spec = TrainingSpec()
        spec.epochs = epochs
        spec.batch = batch
        spec.optimizer = optimizer
        spec.logEvery = 1
        spec.checkpointSeconds = 1e-9
        let trainer = try Trainer(
            network, spec: spec, data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing),
            train: splits.train, workers: workers)
        return (trainer, splits)
    }

    private static let optimizers: [OptimizerSpec] = [
        .adam(learningRate: 0.002), .sgd(learningRate: 0.05), .sgd(learningRate: 0.05, momentum: 0.9),
        .sgd(learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.001),
    ]

    @Test func learns() throws {
        let (trainer, splits) = try trainer(workers: 2, epochs: 12)
        let listener = Listener()
        var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
        let finished = loop.run()
        #expect(finished.reason == .completed)
        #expect(try #require(finished.metrics["test/accuracy"]) > 0.9)
        #expect(finished.step == 12 * trainer.stepsPerEpoch)
    }

    @Test(arguments: optimizers)
    func anyNumberOfWorkersGivesTheSameBits(optimizer: OptimizerSpec) throws {
        var first: (weights: [ParameterValues], log: [String])?
        for workers in [1, 2, 3, 4, 7] {
            let (trainer, splits) = try trainer(optimizer, workers: workers)
            let listener = Listener()
            var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
            #expect(loop.run().workers == workers)
            if let first {
                #expect(trainer.weights == first.weights, "\(workers) workers")
                #expect(listener.deterministic == first.log, "\(workers) workers")
            } else {
                first = (trainer.weights, listener.deterministic)
            }
        }
    }

    /// From every checkpoint in mid-epoch, each of which was taken after another step.
    @Test(arguments: optimizers)
    func resumesBitForBit(optimizer: OptimizerSpec) throws {
        let (whole, splits) = try trainer(optimizer, workers: 2)
        let listener = Listener()
        var loop = TrainingLoop(whole, splits: splits, world: listener.world)
        _ = loop.run()
        let steps = Set(listener.snapshots.map(\.step))
        #expect(steps.count >= 2 * whole.stepsPerEpoch)
        for snapshot in listener.snapshots where snapshot.step % 3 == 1 {
            let (again, splits) = try trainer(optimizer, workers: 3)
            again.restore(snapshot)
            let rest = Listener()
            var loop = TrainingLoop(again, splits: splits, from: snapshot, world: rest.world)
            _ = loop.run()
            #expect(again.weights == whole.weights, "from step \(snapshot.step)")
            #expect(listener.deterministic.suffix(rest.deterministic.count) == rest.deterministic[...])
        }
    }

    @Test func refusesStepsThatAreNotFinite() throws {
        // A rate this high makes the weights overflow soon; whatever is refused leaves them as they were.
        let (trainer, splits) = try trainer(.sgd(learningRate: 1e30), workers: 2, epochs: 5)
        let listener = Listener()
        var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
        #expect(loop.run().reason == .diverged)
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
        let finished = loop.run()
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
