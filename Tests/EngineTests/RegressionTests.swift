// Predicted numbers: their measures against scikit-learn's, their picture, and training on numbers that are not around 0.
import Foundation
import Testing

@testable import Engine

struct RegressionScoresTests {
    /// True and predicted numbers, MAE, RMSE, R2; by scikit-learn 1.9.1 from the numbers rounded to 32 bits:
    ///
    ///     t, p = (np.array(v, np.float32).astype(np.float64) for v in case)
    ///     print(mean_absolute_error(t, p), np.sqrt(mean_squared_error(t, p)), r2_score(t, p))
    @Test(
        arguments: [
            ([3, -0.5, 2, 7], [2.5, 0.0, 2, 8], 0.5, 0.6123724356957945, 0.9486081370449679),
            ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], 2.4, 2.8284271247461903, -3.0),
            ([0.1, 0.2, 0.4, 0.8, 1.6, 3.2], [0.1, 0.2, 0.4, 0.8, 1.6, 3.2], 0.0, 0.0, 1.0),
            (
                [250000, 310000.5, 189999.75, 420000, 365000], [255000, 300000, 200000.25, 400000, 371234.5], 10247.1,
                11522.924895615697, 0.9799308417022146
            ),
            (
                [1e-06, 2e-06, -3e-06, 5e-06], [1.5e-06, 1.5e-06, -2e-06, 4e-06], 7.49999998106432e-07,
                7.90569413046104e-07, 0.9236641224023925
            ),
            // Large beside their differences.
            (
                [16777216, 16777218, 16777220], [16777218, 16777218, 16777222], 1.3333333333333333, 1.632993161855452,
                0.0
            ),
        ] as [([Float], [Float], Double, Double, Double)])
    func againstScikitLearn(truth: [Float], predictions: [Float], mae: Double, rmse: Double, r2: Double) throws {
        let scores = try #require(RegressionScores(predictions: predictions, truth: truth))
        #expect(scores.count == truth.count)
        #expect(abs(scores.mae - mae) <= 1e-12 * max(mae, 1e-6))
        #expect(abs(scores.rmse - rmse) <= 1e-12 * max(rmse, 1e-6))
        #expect(abs(try #require(scores.r2) - r2) <= 1e-12)
    }

    /// Constant truth leaves nothing to explain, whatever was predicted: undefined, neither 0 nor 1.
    @Test(arguments: [[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [7, 8, 9]] as [[Float]])
    func constantTruthHasNoR2(predictions: [Float]) throws {
        let scores = try #require(RegressionScores(predictions: predictions, truth: [0.1, 0.1, 0.1]))
        #expect(scores.r2 == nil && scores.named.map(\.name) == ["mae", "rmse"])
        #expect(RegressionScores(predictions: [2], truth: [1]) == RegressionScores(count: 1, mae: 1, rmse: 1, r2: nil))
        #expect(RegressionScores(predictions: [], truth: []) == nil)
    }

    @Test func whatIsNoNumberIsNotHidden() throws {
        let scores = try #require(RegressionScores(predictions: [1, .nan], truth: [1, 2]))
        #expect(scores.mae.isNaN && scores.rmse.isNaN && scores.r2?.isNaN == true)
    }
}

struct RegressionDetailTests {
    private func inference(_ truth: [Float], _ predictions: [Float]) -> Inference {
        Inference(
            probabilities: predictions, losses: truth.map { _ in 0 }, hits: [], labels: truth.map { _ in 0 },
            targets: truth)
    }

    @Test func binsAndMisses() throws {
        let detail = try #require(
            RegressionDetail(inference([0, 0, 0, 0, 0], [1, -2, 0, 2, .nan]), examples: [10, 11, 12, 13, 14]))
        #expect(detail.reach == 2 && detail.residuals.count == RegressionDetail.bins)
        // Residuals -1, 2, 0, -2: the middle bin holds 0, the outermost both ends; what is no number is in none.
        #expect(detail.residuals[16] == 1 && detail.residuals[0] == 1 && detail.residuals[32] == 1)
        #expect(detail.residuals.reduce(0, +) == 4)
        // The worst first, of equals the first; what is no number is not the worst.
        #expect(detail.largest.map(\.index) == [11, 13, 10, 12])
        #expect(detail.pairs.count == 5 && detail.pairs[1] == .init(truth: 0, prediction: -2))
    }

    /// At most 2,000 pairs, in order and spread over all, always the same examples.
    @Test(arguments: [1, 1999, 2000, 2001, 5003])
    func pairsAreBounded(count: Int) throws {
        let truth = (0..<count).map(Float.init)
        let detail = try #require(
            RegressionDetail(inference(truth, truth.map { $0 / 2 }), examples: (0..<Int32(count)).map { $0 }))
        #expect(detail.pairs.count == min(count, 2000) && detail.scores.count == count)
        #expect(detail.pairs.first?.truth == 0 && Int(detail.pairs.last?.truth ?? 0) >= count - count / 2000 - 1)
        #expect(zip(detail.pairs, detail.pairs.dropFirst()).allSatisfy { $0.truth < $1.truth })
        #expect(detail.residuals.reduce(0, +) == count && detail.largest.count == min(count, 10))
    }

    @Test func perfectPredictions() throws {
        let detail = try #require(RegressionDetail(inference([1, 2], [1, 2]), examples: [0, 1]))
        #expect(detail.reach == 0 && detail.residuals[16] == 2)
    }
}

struct RegressionTrainingTests {
    /// y = 5000 + 300 x1 - 200 x2: far from 0, and large.
    private func plane(_ count: Int) -> Dataset {
        var random = CounterRandom(seed: 5, purpose: .benchmark)
        var values: [Float] = []
        var targets: [Float] = []
        for _ in 0..<count {
            let (a, b) = (random.unit() * 2 - 1, random.unit() * 2 - 1)
            values += [a, b]
            targets.append(5000 + 300 * a - 200 * b)
        }
        return Dataset(
            name: "plane", shape: .vector(2), classes: ["y"],
            columns: [Column(name: "a", kind: .numeric), Column(name: "b", kind: .numeric)], features: .floats(values),
            labels: Array(repeating: 0, count: count), targets: targets, origin: "made up", target: "y")
    }

    private func run(_ loss: LossSpec) throws -> (Listener, RunEvent.Finished, Dataset, Trainer, Splits) {
        let dataset = plane(400)
        let data = DataSpec(dataset: "plane")
        let splits = try Splits(dataset, data)
        let preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: data)
        var spec = TrainingSpec()
        spec.epochs = 30
        spec.loss = loss
        spec.optimizer = .adam(learningRate: 0.02)
        let network = try Network([.dense(units: nil)], input: preprocessing.shape, classes: 1)
        let trainer = try Trainer(
            network, spec: spec,
            data: PreparedExamples(
                dataset.features, labels: dataset.labels, targets: dataset.targets, by: preprocessing),
            train: splits.train, workers: 2)
        let listener = Listener()
        var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
        return (listener, try loop.run(), dataset, trainer, splits)
    }

    /// What a person sees is in the target's own units, losses are of what the network learns; no accuracy anywhere.
    @Test(arguments: [LossSpec.meanSquaredError, .huber(delta: 1)])
    func learnsInTheTargetsUnits(loss: LossSpec) throws {
        let (listener, finished, dataset, trainer, splits) = try run(loss)
        let rmse = try #require(finished.metrics["test/rmse"])
        #expect(rmse < 5 && rmse > 0)
        #expect(try #require(finished.metrics["test/r2"]) > 0.999)
        #expect(try #require(finished.metrics["validation/mae"]) < 5)
        #expect(!finished.metrics.keys.contains { $0.hasSuffix("accuracy") })
        for event in listener.events {
            if case .stepped(let stepped) = event { #expect(stepped.accuracy.isNaN && stepped.loss.isFinite) }
            if case .evaluated(let evaluated) = event {
                #expect(evaluated.accuracy == nil && evaluated.detail == nil && evaluated.regression != nil)
            }
        }
        #expect(RunState(listener.events).curves["train/accuracy"] == nil)
        #expect(RunState(listener.events).curves["validation/rmse"]?.count == 30)
        let inference = trainer.infer(splits.test)
        #expect(inference.targets == splits.test.map { dataset.targets?[Int($0)] ?? .nan })
        #expect(zip(inference.probabilities, inference.targets).allSatisfy { abs($0 - $1) < 30 })
        #expect(inference.accuracy.isNaN && inference.hits.isEmpty)
        if case .meanSquaredError = loss {
            // The loss is the mean squared error of the standardised target.
            let deviation = try #require(PreparedScale.of(dataset, splits)).deviation
            #expect(abs(inference.meanLoss.squareRoot() * deviation - rmse) < 1e-3 * rmse)
        }
        // The best epoch is the one of the least loss.
        let losses = listener.events.compactMap { event -> Double? in
            if case .evaluated(let e) = event, e.split == .validation { e.loss } else { nil }
        }
        let best = listener.events.lastIndex { if case .checkpointed(let c) = $0 { c.best } else { false } }
        let before = listener.events[..<(try #require(best))].count {
            if case .evaluated = $0 { true } else { false }
        }
        #expect(losses.min() == losses[before - 1])
    }

    /// A run that goes on ends with the weights that it would have ended with, although it knows better ones.
    @Test func goingOnPutsNoBestWeightsBackUnasked() throws {
        let dataset = plane(200)
        let data = DataSpec(dataset: "plane")
        let splits = try Splits(dataset, data)
        let preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: data)
        var spec = TrainingSpec()
        spec.epochs = 6
        spec.loss = .meanSquaredError
        // So large a rate that the loss goes up and down: the last epoch is hardly the best.
        spec.optimizer = .adam(learningRate: 0.9)
        let network = try Network([.dense(units: nil)], input: preprocessing.shape, classes: 1)
        func trainer() throws -> Trainer {
            try Trainer(
                network, spec: spec,
                data: PreparedExamples(
                    dataset.features, labels: dataset.labels, targets: dataset.targets, by: preprocessing),
                train: splits.train, workers: 1)
        }
        let whole = try trainer()
        let listener = Listener()
        var loop = TrainingLoop(whole, splits: splits, world: listener.world)
        _ = try loop.run()
        let snapshot = try #require(listener.snapshots.first { $0.step == 3 * whole.stepsPerEpoch })
        let resumed = try trainer()
        resumed.restore(snapshot)
        let strange = snapshot.modelWeights.map {
            ParameterValues(name: $0.name, shape: $0.shape, values: $0.values.map { _ in 7 })
        }
        var rest = TrainingLoop(
            resumed, splits: splits, from: snapshot, bestWeights: strange, world: TrainingWorld(emit: { _ in }))
        _ = try rest.run()
        #expect(resumed.weights == whole.weights)
    }

    @Test func splitsOfNumbersArePlainAndSeeded() throws {
        let dataset = plane(101)
        var spec = DataSpec(dataset: "plane")
        let splits = try Splits(dataset, spec)
        #expect(splits.test.count == 20 && splits.validation.count == 8 && splits.train.count == 73)
        #expect((splits.train + splits.validation + splits.test).sorted() == Array(0..<101))
        #expect(try Splits(dataset, spec) == splits)
        spec.seed = 43
        #expect(try Splits(dataset, spec) != splits)
    }

    @Test func scalingIsUndone() throws {
        let scaling = TargetScaling(fitting: [2, 4, 4, 4, 5, 5, 7, 9])
        #expect(scaling == TargetScaling(mean: 5, deviation: 2))
        #expect(scaling.standardised(9) == 2 && scaling.restored(2) == 9)
        #expect(TargetScaling(fitting: [3, 3]) == TargetScaling(mean: 3, deviation: 1))
        // Sessions of earlier versions have no target.
        let dataset = plane(20)
        var preprocessing = Preprocessing(fitting: dataset, train: [0, 1, 2], spec: DataSpec(dataset: "plane"))
        let kept = try JSONDecoder().decode(Preprocessing.self, from: JSONEncoder().encode(preprocessing))
        #expect(kept == preprocessing && kept.target != nil)
        preprocessing.target = nil
        let json = try JSONEncoder().encode(preprocessing)
        #expect(!String(decoding: json, as: UTF8.self).contains("target"))
        #expect(try JSONDecoder().decode(Preprocessing.self, from: json) == preprocessing)
    }

    /// Binary cross-entropy gives two probabilities from one output: its evaluations have a matrix of two classes.
    @Test func oneOutputForTwoClassesHasDetails() throws {
        var dataset = plane(200)
        let labels = (dataset.targets ?? []).map { Int32($0 > 5000 ? 1 : 0) }
        dataset.targets = nil
        dataset.labels = labels
        dataset.classes = ["low", "high"]
        let data = DataSpec(dataset: "plane")
        let splits = try Splits(dataset, data)
        let preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: data)
        var spec = TrainingSpec()
        spec.loss = .binaryCrossEntropy
        let network = try Network([.dense(units: nil)], input: preprocessing.shape, classes: 1)
        let trainer = try Trainer(
            network, spec: spec, data: PreparedExamples(dataset.features, labels: labels, by: preprocessing),
            train: splits.train, workers: 1)
        let detail = try #require(trainer.detail(of: trainer.infer(splits.test)))
        #expect(detail.confusion.count == 2 && detail.confusion.flatMap { $0 }.reduce(0, +) == splits.test.count)
    }
}

private enum PreparedScale {
    static func of(_ dataset: Dataset, _ splits: Splits) -> TargetScaling? {
        Preprocessing(fitting: dataset, train: splits.train, spec: DataSpec(dataset: "plane")).target
    }
}
