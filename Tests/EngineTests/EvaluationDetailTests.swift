// What an evaluation tells beside loss and accuracy, and what the fold keeps of it.
import Testing

@testable import Engine

struct EvaluationDetailTests {
    private func inference(_ count: Int, classes: Int) -> Inference {
        var random = CounterRandom(seed: 7, purpose: .benchmark)
        var probabilities: [Float] = []
        let labels = (0..<count).map { Int32($0 % classes) }
        for label in labels {
            let row = (0..<classes).map { random.unit() + ($0 == Int(label) ? 0.4 : 0) }
            let sum = row.reduce(0, +)
            probabilities += row.map { $0 / sum }
        }
        return Inference(probabilities: probabilities, losses: [], hits: [], labels: labels)
    }

    @Test func isWhatTheFullCurvesSay() throws {
        for classes in [2, 10, 25, 100] {
            let inference = inference(3_000, classes: classes)
            let detail = try #require(EvaluationDetail(inference, classes: classes))
            let full = ROCCurve.oneVersusRest(
                probabilities: inference.probabilities, labels: inference.labels, classes: classes)
            #expect(detail.roc.map(\.auc) == full.map(\.auc))
            #expect(detail.confusion.flatMap { $0 }.reduce(0, +) == 3_000)
            let most = EvaluationDetail.maximumPoints(classes: classes)
            #expect(most <= 40 && most * classes <= 1_200)
            for (curve, whole) in zip(detail.roc, full) {
                #expect((2...most).contains(curve.count))
                #expect(
                    (curve.falsePositiveRates + curve.truePositiveRates).allSatisfy {
                        ($0 * 1e4).rounded() / 1e4 == $0
                    })
                #expect(curve.thresholds[0] == .infinity)
                #expect(
                    curve == whole.simplified(maximumPoints: most).rounded(places: 4, thresholdPlaces: 6)
                        || classes == 100)
            }
        }
        #expect(EvaluationDetail(inference(202, classes: 101), classes: 101) == nil)
        #expect(EvaluationDetail(Inference(probabilities: [], losses: [], hits: [], labels: []), classes: 3) == nil)
        // A class that does not occur has no curve.
        let one = Inference(probabilities: [0.7, 0.3, 0.6, 0.4], losses: [], hits: [], labels: [0, 0])
        #expect(EvaluationDetail(one, classes: 2)?.roc == [.undefined, .undefined])
        #expect(EvaluationDetail(one, classes: 2)?.classes.map(\.averagePrecision) == [1, nil])
        #expect(EvaluationDetail(one, classes: 2)?.classes.map(\.aucLow) == [nil, nil])
        #expect(EvaluationDetail(one, classes: 2)?.summary?.macroAUC == nil)
    }

    /// What is said of each class and of all is what the measures say, on threads or not.
    @Test func tellsWhatTheMeasuresSay() throws {
        for classes in [2, 5, 10, 21] {
            let inference = inference(1_000, classes: classes)
            let (probabilities, labels) = (inference.probabilities, inference.labels)
            let detail = try #require(EvaluationDetail(inference, classes: classes))
            let summary = try #require(detail.summary)
            #expect(detail.classes.count == classes)
            for k in 0..<classes {
                let scores = (0..<1_000).map { Double(probabilities[$0 * classes + k]) }
                let estimate = try #require(AreaEstimate(scores: scores, labels: labels.map { $0 == Int32(k) }))
                #expect(estimate.auc == detail.roc[k].auc)
                let (low, high) = (try #require(detail.classes[k].aucLow), try #require(detail.classes[k].aucHigh))
                #expect(abs(low - estimate.interval().low) < 1e-5 && abs(high - estimate.interval().high) < 1e-5)
                let bins = detail.classes[k].calibration.bins
                #expect(bins.isEmpty == (classes > 20))
                #expect(bins.isEmpty || bins.reduce(0) { $0 + $1.count } == 1_000)
                #expect(bins.isEmpty || bins.reduce(0) { $0 + $1.positives } == labels.count { $0 == Int32(k) })
            }
            let macro = try #require(summary.macroAUC)
            #expect(abs(macro - detail.roc.reduce(0) { $0 + ($1.auc ?? .nan) } / Double(classes)) < 1e-6)
            let (low, high) = (try #require(summary.macroAUCLow), try #require(summary.macroAUCHigh))
            #expect(low < macro && macro < high && high - low < 0.1)
            if classes == 2 {
                // Both curves are one, and so is their mean.
                #expect(abs(low - (detail.classes[1].aucLow ?? 0)) < 2e-5)
                #expect(abs(high - (detail.classes[1].aucHigh ?? 0)) < 2e-5)
            }
            #expect((summary.topFive != nil) == (classes > 5))
            let backwards = EvaluationDetail(inference, classes: classes) { count, body in
                for index in (0..<count).reversed() { body(index) }
            }
            #expect(backwards == detail)
        }
    }

    @Test func histogramsCountEveryFiniteValue() {
        let values = (0..<1_001).map { Float($0) / 1_000 }
        let histogram = WeightHistogram(name: "0.dense.weight", values: values)
        #expect(histogram.low == 0 && histogram.high == 1)
        #expect(histogram.counts.count == 32 && histogram.counts.reduce(0, +) == 1_001)
        #expect(histogram.counts.allSatisfy { abs($0 - 31) <= 2 })
        #expect(abs(histogram.mean - 0.5) < 1e-7)
        #expect(abs(histogram.deviation - (1_001.0 * 1_001 - 1).squareRoot() / 12.0.squareRoot() / 1_000) < 1e-6)
        let same = WeightHistogram(name: "", values: [2, 2, 2])
        #expect(same.counts[0] == 3 && same.deviation == 0 && same.low == 2 && same.high == 2)
        let wild = WeightHistogram(name: "", values: [1, .nan, .infinity, -.infinity, 3])
        #expect(wild.counts[0] == 1 && wild.counts[31] == 1 && wild.mean == 2 && wild.deviation == 1)
        let none = WeightHistogram(name: "", values: [.nan])
        #expect(none.counts.reduce(0, +) == 0 && none.low == 0 && none.mean == 0)
        let widest = WeightHistogram(
            name: "", values: [-.greatestFiniteMagnitude, .greatestFiniteMagnitude, .leastNonzeroMagnitude])
        #expect(widest.counts[0] == 1 && widest.counts[31] == 1 && widest.counts[16] == 1)
        let parameters = [
            ParameterValues(name: "a", shape: [2], values: [1, 2]), ParameterValues(name: "b", shape: [1], values: [1]),
        ]
        #expect(WeightHistogram.all(of: parameters).map(\.name) == ["a"])
    }

    private func evaluated(_ step: Int, _ split: Split = .validation, weights: Double? = nil) -> RunEvent {
        .evaluated(
            .init(
                step: step, epoch: step / 10, seconds: Double(step), split: split, loss: 0.5, accuracy: Double(step),
                weights: weights.map {
                    [WeightHistogram(name: "w", low: 0, high: $0, counts: [1], mean: 0, deviation: 0)]
                } ?? []))
    }

    @Test func theNewestOfEachSplitStands() {
        var state = RunState()
        for step in stride(from: 10, through: 100, by: 10) { state.apply(evaluated(step)) }
        state.apply(evaluated(100, .test))
        #expect(state.evaluations.mapValues(\.step) == [.validation: 100, .test: 100])
        state.apply(.resumed(.init(step: 95, seconds: 95, workers: 1)))
        #expect(state.evaluations.mapValues(\.step) == [.validation: 90])
        state.apply(evaluated(100, .validation))
        #expect(state.evaluations[.validation]?.step == 100)
    }

    @Test func aLongHistoryIsThinnedEvenly() throws {
        var state = RunState()
        for step in 1...10_000 {
            state.apply(evaluated(step, weights: Double(step)))
            let moments = state.weightHistograms
            #expect(moments.count <= 200 && moments.last?.step == step && moments.first?.step == 1)
        }
        let steps = state.weightHistograms.map(\.step)
        #expect(steps.count > 100)
        let gaps = Set(zip(steps, steps.dropFirst()).map { $1 - $0 }.dropLast())
        #expect(gaps.count == 1, "\(gaps)")
        #expect(state.weightHistograms.allSatisfy { $0.histograms[0].high == Double($0.step) })
        state.apply(.resumed(.init(step: 5_000, seconds: 1, workers: 1)))
        #expect(state.weightHistograms.allSatisfy { $0.step <= 5_000 })
        state.apply(evaluated(5_001, weights: 1))
        #expect(state.weightHistograms.last?.step == 5_001)
    }

    @Test func aRunTellsItsDetails() throws {
        let (trainer, splits) = try TrainingTests().trainer(workers: 2, epochs: 3)
        let listener = Listener()
        var loop = TrainingLoop(trainer, splits: splits, world: listener.world)
        let finished = try loop.run()
        let evaluated = listener.events.compactMap { event -> RunEvent.Evaluated? in
            if case .evaluated(let evaluated) = event { evaluated } else { nil }
        }
        #expect(evaluated.map(\.split) == [.validation, .validation, .validation, .test])
        for event in evaluated {
            let detail = try #require(event.detail)
            let total = detail.confusion.flatMap { $0 }.reduce(0, +)
            let hits = detail.confusion.indices.reduce(0) { $0 + detail.confusion[$1][$1] }
            #expect(total == splits[event.split].count)
            #expect(Double(hits) / Double(total) == event.accuracy)
            #expect(detail.roc.count == 4)
            #expect(event.weights.isEmpty == (event.split == .test))
        }
        #expect(evaluated[0].weights.map(\.name) == trainer.network.parameters.map(\.name))
        #expect(evaluated[2].weights == WeightHistogram.all(of: trainer.weights))
        let state = RunState(listener.events + [.finished(finished)])
        #expect(state.weightHistograms.map(\.epoch) == [1, 2, 3])
        #expect(state.evaluations[.test]?.detail == evaluated[3].detail)
    }
}
