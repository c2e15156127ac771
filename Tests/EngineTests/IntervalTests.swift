// Intervals and tests of measures: direct computations, properties, borders. Coverage is in CoverageTests.
import Foundation
import Testing

@testable import Engine

struct IntervalTests {
    private var random = CounterRandom(seed: 11, purpose: .benchmark)

    @Test func quantilesAndWilson() throws {
        // From tables of the normal distribution.
        for (level, z) in [(0.5, 0.674489750196082), (0.9, 1.644853626951472), (0.99, 2.575829303548901)] {
            #expect(abs(Interval.normalQuantile(level: level) - z) < 1e-12)
        }
        #expect(abs(erfc(Interval.normalQuantile(level: 0.95) / 2.0.squareRoot()) - 0.05) < 1e-15)
        // statsmodels' proportion_confint(method="wilson").
        for (hits, count, low, high) in [
            (20, 20, 0.8388748419472, 1), (0, 20, 0, 0.1611251580528), (81, 263, 0.2552885198783, 0.3662095769828),
        ] as [(Int, Int, Double, Double)] {
            let interval = try #require(Interval.wilson(hits, of: count))
            #expect(abs(interval.low - low) < 1e-9 && abs(interval.high - high) < 1e-9, "\(interval)")
        }
        #expect(Interval.wilson(0, of: 0) == nil)
        // Both ends solve |p - fraction| = z √(p (1 - p)/n).
        for (hits, count) in [(3, 17), (1, 900), (450, 451)] {
            let interval = try #require(Interval.wilson(hits, of: count, level: 0.9))
            for p in [interval.low, interval.high] {
                let distance = abs(p - Double(hits) / Double(count))
                #expect(abs(distance - 1.644853626951472 * (p * (1 - p) / Double(count)).squareRoot()) < 1e-12)
            }
        }
        #expect(Interval.mean(of: [1]) == nil)
        let mean = try #require(Interval.mean(of: [1, 2, 3, 6]))
        #expect(abs(mean.low - (3 - 1.959963984540054 * (14.0 / 3 / 4).squareRoot())) < 1e-12)
    }

    /// Scores with ties and labels of both kinds.
    private mutating func sample(_ count: Int, levels: UInt32) -> (scores: [Double], labels: [Bool]) {
        var (scores, labels): ([Double], [Bool]) = ([], [])
        for index in 0..<count {
            let level = random.below(levels)
            scores.append(Double(level) / Double(levels) - 0.25)
            labels.append(index == 0 || index > 1 && random.below(levels) <= level)
        }
        return (scores, labels)
    }

    /// The placements by counting pairs.
    private func placements(_ scores: [Double], _ labels: [Bool]) -> [Double] {
        scores.indices.map { i in
            var (sum, count) = (0.0, 0.0)
            for j in scores.indices where labels[j] != labels[i] {
                let (positive, negative) = labels[i] ? (scores[i], scores[j]) : (scores[j], scores[i])
                sum += positive > negative ? 1 : positive == negative ? 0.5 : 0
                count += 1
            }
            return sum / count
        }
    }

    private func sampleVariance(_ values: [Double]) -> Double {
        let mean = values.reduce(0, +) / Double(values.count)
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
    }

    @Test mutating func variancesArePairCounting() throws {
        for round in 0..<300 {
            let (scores, labels) = sample(Int(random.below(80)) + 4, levels: [2, 7, 50, 1_000_000][round % 4])
            let positives = labels.indices.filter { labels[$0] }
            let negatives = labels.indices.filter { !labels[$0] }
            let estimate = try #require(AreaEstimate(scores: scores, labels: labels))
            let direct = placements(scores, labels)
            let own = try #require(Placements(scores: scores, labels: labels))
            #expect(zip(own.values, direct).allSatisfy { abs($0 - $1) < 1e-12 } && own.auc == estimate.auc)
            func variance(_ values: [Double]) -> Double {
                guard positives.count > 1, negatives.count > 1 else { return 0 }
                return sampleVariance(positives.map { values[$0] }) / Double(positives.count)
                    + sampleVariance(negatives.map { values[$0] }) / Double(negatives.count)
            }
            #expect(abs(estimate.variance - variance(direct)) < 1e-12, "round \(round)")
            let interval = estimate.interval()
            #expect(interval.contains(estimate.auc) && interval.low >= 0 && interval.high <= 1)
            #expect(interval.high - interval.low > 0)

            // Another model of the same examples.
            let others = scores.map { $0 + Double(random.unit()) * 0.3 }
            let test = try #require(PairedAreaTest(first: scores, second: others, labels: labels))
            let otherPlacements = placements(others, labels)
            let differences = zip(direct, otherPlacements).map { $0 - $1 }
            if positives.count > 1, negatives.count > 1 {
                #expect(abs(test.variance - variance(differences)) < 1e-12)
                if test.variance > 0, let p = test.pValue {
                    let z = abs(test.difference) / test.variance.squareRoot()
                    #expect(abs(p - erfc(z / 2.0.squareRoot())) < 1e-12)
                }
            }
            #expect(try #require(PairedAreaTest(first: scores, second: scores, labels: labels)).pValue == 1)

            // The influences on average precision are its slopes in the weights.
            let precision = try #require(PrecisionEstimate(scores: scores, labels: labels))
            var squares = 0.0
            let step = 1e-5
            for index in scores.indices {
                func at(_ weight: Double) -> Double {
                    var weights = [Double](repeating: 1, count: scores.count)
                    weights[index] = weight
                    return PrecisionRecallCurve(scores: scores, labels: labels, weights: weights).averagePrecision ?? 0
                }
                let slope = (at(1 + step) - at(1 - step)) / (2 * step)
                squares += slope * slope
            }
            let count = Double(scores.count)
            #expect(abs(precision.variance - squares * count / (count - 1)) < 1e-8, "round \(round)")
            #expect(precision.interval().contains(precision.averagePrecision))
        }
    }

    /// The mean area of a table of scores has the variance that its examples' influences say, by a plain loop.
    @Test mutating func varianceOfMeans() throws {
        for classes in [2, 3, 6] {
            let count = 90
            let labels = (0..<count).map { Int32($0 * 7 % 11 % classes) }
            let probabilities = (0..<count * classes).map { place in
                (random.unit() * 16).rounded() / 16 + (Int32(place % classes) == labels[place / classes] ? 0.4 : 0)
            }
            let ranked = RankedClasses(probabilities: probabilities, labels: labels, classes: classes)
            var influences = [Double](repeating: 0, count: count)
            var sum = 0.0
            for k in 0..<classes {
                let isOne = labels.map { $0 == Int32(k) }
                let own = placements((0..<count).map { Double(probabilities[$0 * classes + k]) }, isOne)
                let positives = isOne.indices.filter { isOne[$0] }
                let auc = positives.reduce(0) { $0 + own[$1] } / Double(positives.count)
                sum += auc
                for row in 0..<count {
                    let side = isOne[row] ? positives.count : count - positives.count
                    influences[row] += (own[row] - auc) / Double(side) / Double(classes)
                }
            }
            let macro = try #require(ranked.macroArea)
            #expect(abs(macro.auc - sum / Double(classes)) < 1e-12)
            let expected = (0..<count).reduce(0.0) { total, row in
                let size = Double(labels.count { $0 == labels[row] })
                return total + influences[row] * influences[row] * size / (size - 1)
            }
            #expect(abs(macro.variance - expected) < 1e-12)
            if classes == 2 {
                // Both scores are drawn apart here, so only the mean is known.
                #expect(ranked.areas.count == 2)
            }
        }
    }

    @Test func perfectIsNotCertain() throws {
        let labels = (0..<20).map { $0 < 10 }
        let estimate = try #require(AreaEstimate(scores: (0..<20).map { Double(-$0) }, labels: labels))
        #expect(estimate.auc == 1 && estimate.variance == 0)
        let interval = estimate.interval()
        #expect(interval.high == 1 && (0.7...0.9).contains(interval.low), "\(interval)")
        // The lower end is as far from 1 as z deviations of Hanley & McNeil's variance there.
        let (area, n) = (interval.low, 9.0)
        let factor = 1 + n * (1 - area) / (2 - area) + n * area / (1 + area)
        #expect(abs((1 - area) - 1.959963984540054 * (area * (1 - area) * factor / 100).squareRoot()) < 1e-9)
        let worst = try #require(AreaEstimate(scores: (0..<20).map(Double.init), labels: labels)).interval()
        #expect(abs(worst.high - (1 - area)) < 1e-9 && worst.low == 0)
        let constant = try #require(AreaEstimate(scores: Array(repeating: 0.5, count: 20), labels: labels)).interval()
        #expect(constant.low < 0.3 && constant.high > 0.7 && abs(constant.low + constant.high - 1) < 1e-9)
        let precision = try #require(PrecisionEstimate(scores: (0..<20).map { Double(-$0) }, labels: labels))
        #expect(precision.averagePrecision == 1 && precision.variance == 0)
        #expect(precision.interval() == Interval.wilson(10, of: 10))

        let report = ClassReport(
            probabilities: labels.flatMap { $0 ? [0.1, 0.9] : [0.9, 0.1] as [Float] },
            labels: labels.map { $0 ? 1 : 0 }, classes: 2)
        for measure in [
            report.accuracy, report.balancedAccuracy, report.macroF1, report.weightedF1, report.macroPrecision,
            report.mcc, report.cohenKappa, report.auc, report.averagePrecision, report.perClass[0].f1,
        ] {
            let interval = try #require(measure.interval)
            #expect(measure.value == 1 && interval.high == 1 && (0.5...0.95).contains(interval.low), "\(interval)")
        }
        #expect(report.topFive == nil)
        // None right.
        let wrong = ClassReport(
            probabilities: labels.flatMap { $0 ? [0.9, 0.1] : [0.1, 0.9] as [Float] },
            labels: labels.map { $0 ? 1 : 0 }, classes: 2)
        #expect(wrong.mcc.value == -1 && (wrong.mcc.interval?.high ?? -1) > -0.95 && wrong.auc.value == 0)
        #expect(wrong.macroF1.value == 0 && (wrong.macroF1.interval?.high ?? 0) > 0.05)
    }

    @Test func undefinedIsNil() {
        // One class only, and another that is predicted.
        let report = ClassReport(probabilities: [0.9, 0.1, 0.2, 0.8], labels: [0, 0], classes: 2)
        #expect(report.mcc.value == nil && report.mcc.interval == nil && report.auc.value == nil)
        #expect(report.perClass[1].recall == Measure(nil, nil) && report.perClass[1].precision.value == 0)
        #expect(report.balancedAccuracy.value == 0.5 && report.averagePrecision.value == nil)
        let none = BinaryScores(truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0)
        #expect(
            [
                none.accuracy, none.precision, none.recall, none.specificity, none.f1, none.mcc, none.cohenKappa,
                none.balancedAccuracy,
            ].allSatisfy { $0 == nil })
        let one = BinaryScores(truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 5)
        #expect(one.f1 == nil && one.mcc == nil && one.cohenKappa == nil && one.specificity == 1)
        let empty = ConfusionMatrix(classes: 3)
        #expect(empty.macro == .init() && empty.weighted == .init() && empty.mcc == nil && empty.cohenKappa == nil)
        // A class that occurs but is never predicted has no precision, so there is no mean of them.
        let missed = ConfusionMatrix(rows: [[3, 0], [2, 0]])
        #expect(missed.macro.precision == nil && missed.weighted.precision == nil && missed.mcc == nil)
        #expect(abs((missed.macroF1 ?? 0) - 0.375) < 1e-12 && missed.cohenKappa == 0)
        // A class that neither occurs nor is predicted does not count.
        #expect(ConfusionMatrix(rows: [[3, 0, 0], [1, 1, 0], [0, 0, 0]]).macro.precision == 0.875)
        #expect(PrecisionRecallCurve(scores: [1, 2], labels: [false, false]) == .undefined)
        #expect(PrecisionRecallCurve(scores: [1, .nan], labels: [true, false]) == .undefined)
        #expect(AreaEstimate(scores: [1, 2], labels: [true, true]) == nil)
        #expect(PairedAreaTest(first: [1, .nan], second: [1, 2], labels: [true, false]) == nil)
        #expect(CalibrationCurve.empty.expectedError == nil && CalibrationCurve.empty.expectedErrorInterval() == nil)
        #expect(
            ROCCurve.meanAreaOneVersusOne(probabilities: [0.5, 0.5, 0.1, 0.9], labels: [1, 1], classes: 2) == nil)
    }

    /// Two classes of the matrix are the binary measures.
    @Test mutating func twoClassesAreBinary() throws {
        for _ in 0..<100 {
            let counts = (0..<4).map { _ in Int(random.below(50)) + 1 }
            let matrix = ConfusionMatrix(rows: [[counts[0], counts[1]], [counts[2], counts[3]]])
            let binary = BinaryScores(
                truePositives: Double(counts[3]), falsePositives: Double(counts[1]), falseNegatives: Double(counts[2]),
                trueNegatives: Double(counts[0]))
            for (a, b) in [
                (matrix.mcc, binary.mcc), (matrix.cohenKappa, binary.cohenKappa), (matrix.accuracy, binary.accuracy),
                (matrix.balancedAccuracy, binary.balancedAccuracy), (matrix.perClass[1].f1, binary.f1),
                (matrix.perClass[0].recall, binary.specificity),
            ] { #expect(abs(try #require(a) - #require(b)) < 1e-12) }
            // The exact interval of F1 agrees with draws of the matrix.
            let draws = ConfusionDraws(matrix, draws: 500, seed: 1)
            let drawn = try #require(
                draws.interval(matrix.perClass[1].f1, level: 0.95) { scores in
                    2 * scores.hits[1] / (scores.supports[1] + scores.predictions[1])
                })
            let exact = try #require(matrix.f1Interval(1))
            #expect(abs(drawn.low - exact.low) < 0.06 && abs(drawn.high - exact.high) < 0.06)
            #expect(
                drawn
                    == ConfusionDraws(matrix, draws: 500, seed: 1).interval(binary.f1, level: 0.95) {
                        2 * $0.hits[1] / ($0.supports[1] + $0.predictions[1])
                    })
        }
    }

    @Test mutating func labelsAreCounted() {
        for (count, classes) in [(0, 3), (5, 2), (1_003, 10), (900, 300)] {
            let labels = (0..<count).map { _ in Int(random.below(UInt32(classes))) }
            let predicted = (0..<count).map { _ in Int(random.below(UInt32(classes))) }
            var matrix = ConfusionMatrix(classes: classes)
            for (label, guess) in zip(labels, predicted) { matrix.add(label: label, predicted: guess) }
            #expect(ConfusionMatrix(labels: labels, predicted: predicted, classes: classes) == matrix)
        }
    }

    /// Numbers of scipy.stats.binomtest and scipy.stats.chi2.
    @Test(arguments: [
        (3, 12, 0.03515625, 0.021270751953125), (0, 0, 1, 1), (0, 5, 0.0625, 0.03125), (7, 7, 1, 1),
        (11, 13, 0.8388197422027588, 0.6900379657745359),
    ])
    func fewDifferences(_ b: Int, _ c: Int, _ p: Double, _ mid: Double) {
        let test = McNemarTest(firstOnly: b, secondOnly: c, total: 100)
        #expect(test.isExact && abs(test.pValue - p) < 1e-12 && abs(test.midPValue - mid) < 1e-12, "\(test.pValue)")
        #expect(McNemarTest(firstOnly: c, secondOnly: b, total: 100).pValue == test.pValue)
    }

    @Test func manyDifferences() throws {
        let test = McNemarTest(firstOnly: 30, secondOnly: 45, total: 400)
        #expect(!test.isExact && abs(test.pValue - 0.10596880912720207) < 1e-9, "\(test.pValue)")
        #expect(McNemarTest(firstOnly: 40, secondOnly: 40, total: 400).pValue == 1)
        let hits = McNemarTest(first: [true, true, false, false], second: [true, false, true, false])
        #expect(hits == McNemarTest(firstOnly: 1, secondOnly: 1, total: 4) && hits.difference == 0)
        // Agresti & Min: (b + 1/2 - c - 1/2)/(n + 2) ± z √(b + c + 1 - (b - c)²/(n + 2))/(n + 2).
        let interval = try #require(test.interval())
        let reach = 1.959963984540054 * (76.0 - 225.0 / 402).squareRoot() / 402
        #expect(abs(interval.low - (-15.0 / 402 - reach)) < 1e-12 && abs(interval.high - (-15.0 / 402 + reach)) < 1e-12)
        let same = try #require(McNemarTest(firstOnly: 0, secondOnly: 0, total: 30).interval())
        #expect(same.low < 0 && same.high > 0)
    }

    @Test mutating func precisionsFollowFromTheROCCurve() throws {
        let (scores, labels) = sample(60, levels: 20)
        let positives = labels.count { $0 }
        let roc = ROCCurve(scores: scores, labels: labels)
        let curve = PrecisionRecallCurve(scores: scores, labels: labels)
        let fromROC = PrecisionRecallCurve(roc, positives: positives, negatives: 60 - positives)
        #expect(fromROC.thresholds == curve.thresholds)
        #expect(zip(fromROC.precisions, curve.precisions).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    @Test mutating func manyScoresAreSorted() throws {
        // Enough for the radix sort, with signs, ties, infinities and bits that differ late.
        for round in 0..<6 {
            let count = 5_000
            let scores = (0..<count).map { _ -> Double in
                let value = Double(Int32(bitPattern: random.next32()))
                switch round {
                case 0: return value
                case 1: return value.remainder(dividingBy: 100).rounded()
                case 2: return 1 + value * 0x1p-83
                case 3: return value == 0 ? -.infinity : 1e300 / value
                case 4: return random.below(3) == 0 ? value : random.below(2) == 0 ? -0.0 : 0
                default: return 0.5
                }
            }
            let labels = (0..<count).map { $0 % 3 == 0 || random.below(4) == 0 }
            let sorted = try #require(SortedScores(scores, labels: labels))
            var groups: [Double: (Int, Int)] = [:]
            for (score, label) in zip(scores, labels) {
                groups[score, default: (0, 0)].0 += label ? 1 : 0
                groups[score, default: (0, 0)].1 += label ? 0 : 1
            }
            var seen: [(Double, Int, Int)] = []
            sorted.forEachScore { seen.append(($0, $1, $2)) }
            let expected = groups.sorted { $0.key > $1.key }
            #expect(seen.map(\.0) == expected.map(\.key), "round \(round)")
            #expect(seen.map(\.1) == expected.map(\.value.0) && seen.map(\.2) == expected.map(\.value.1))
        }
    }

    @Test mutating func calibrationOfTheLargest() throws {
        // Right four times of five where 0.8 is said, one of two where 0.6 is.
        let said: [Float] = [0.8, 0.8, 0.8, 0.8, 0.8, 0.6, 0.6]
        let right = [true, true, true, true, false, true, false]
        let curve = CalibrationCurve(
            topOf: said.flatMap { [1 - $0, $0] }, labels: right.map { $0 ? 1 : 0 }, classes: 2, bins: 15)
        #expect(curve.bins.map(\.count) == [2, 5] && curve.bins.map(\.positives) == [1, 4])
        let error = try #require(curve.expectedError)
        #expect(abs(error - 2.0 / 7 * 0.1) < 1e-7)
        let interval = try #require(curve.expectedErrorInterval())
        #expect(interval.low == 0 && interval.high > 0.2)
        // The edges belong to the bin below.
        let edges = CalibrationCurve(
            probabilities: [0, 0.2, 0.4, 0.6, 0.8, 1], labels: [false, false, true, true, true, true], bins: 5)
        #expect(edges.bins.map(\.count) == [2, 1, 1, 1, 1])
    }

    @Test func numbersHaveIntervals() throws {
        var (predictions, truth): ([Float], [Float]) = ([], [])
        var random = GammaDraws(CounterRandom(seed: 4, purpose: .benchmark))
        for index in 0..<2_500 {
            truth.append(Float(index % 50))
            predictions.append(Float(index % 50) + Float(random.gamma(4) - 4))
        }
        for count in [300, 2_500] {
            let (p, t) = (Array(predictions[..<count]), Array(truth[..<count]))
            let scores = try #require(RegressionScores(predictions: p, truth: t))
            let intervals = try #require(RegressionIntervals(predictions: p, truth: t))
            let errors = zip(p, t).map { (Double($0) - Double($1)).magnitude }
            // Means of hundreds are nearly normal; the root of one too, by the slope of the root.
            let mae = try #require(Interval.mean(of: errors))
            let square = try #require(Interval.mean(of: errors.map { $0 * $0 }))
            let width = mae.high - mae.low
            #expect(
                abs(intervals.mae.low - mae.low) < 0.08 * width && abs(intervals.mae.high - mae.high) < 0.08 * width)
            let rootWidth = (square.high - square.low) / (2 * scores.rmse)
            #expect(abs((intervals.rmse.high - intervals.rmse.low) / rootWidth - 1) < 0.1)
            #expect(intervals.mae.contains(scores.mae) && intervals.rmse.contains(scores.rmse))
            let (r2, value) = (try #require(intervals.r2), try #require(scores.r2))
            #expect(r2.contains(value) && r2.high - r2.low < 0.01)
            #expect(intervals == RegressionIntervals(predictions: p, truth: t))
        }
        #expect(RegressionIntervals(predictions: [.nan], truth: [1]) == nil)
        #expect(RegressionIntervals(predictions: [], truth: []) == nil)
    }
}
