// ROC curves: properties, borders, and fewer points.
import Foundation
import Testing

@testable import Engine

struct ROCTests {
    private var random = CounterRandom(seed: 5, purpose: .benchmark)

    /// Scores on a grid of `levels` values, so that there are ties, and labels of which some are wrong.
    private mutating func sample(_ count: Int, levels: UInt32) -> (scores: [Float], labels: [Bool]) {
        var scores: [Float] = []
        var labels: [Bool] = []
        for _ in 0..<count {
            let level = random.below(levels)
            scores.append(Float(level) / Float(levels) - 0.25)
            labels.append(random.below(levels) <= level)
        }
        return (scores, labels)
    }

    @Test mutating func areaIsPairCounting() {
        var defined = 0
        for round in 0..<1_000 {
            let (scores, labels) = sample(
                Int(random.below(round % 10 == 0 ? 900 : 60)) + 1, levels: [2, 5, 40, 100_000][round % 4])
            let positives = scores.indices.filter { labels[$0] }
            let negatives = scores.indices.filter { !labels[$0] }
            var halves = 0
            for p in positives {
                for n in negatives { halves += scores[p] > scores[n] ? 2 : scores[p] == scores[n] ? 1 : 0 }
            }
            let pairs = 2 * positives.count * negatives.count
            let curve = ROCCurve(scores: scores, labels: labels)
            let expected = pairs > 0 ? Double(halves) / Double(pairs) : nil
            #expect(curve.auc == expected, "round \(round)")
            #expect(ROCCurve(scores: scores.map(Double.init), labels: labels) == curve, "round \(round)")
            if expected == nil {
                #expect(curve == .undefined)
                continue
            }
            defined += 1
            #expect(curve.falsePositiveRates.first == 0 && curve.falsePositiveRates.last == 1)
            #expect(curve.truePositiveRates.first == 0 && curve.truePositiveRates.last == 1)
            #expect(curve.thresholds.first == .infinity)
            #expect(curve.count == Set(scores).count + 1)
            // Each point is what its threshold does.
            for (i, threshold) in curve.thresholds.enumerated() where i % 7 == 1 {
                let passed = positives.count { Double(scores[$0]) >= threshold }
                #expect(curve.truePositiveRates[i] == Double(passed) / Double(positives.count))
            }
        }
        #expect(defined > 950)
    }

    @Test mutating func weightsOfOneChangeNothing() {
        let (scores, labels) = sample(400, levels: 50)
        let doubles = scores.map(Double.init)
        let plain = ROCCurve(scores: doubles, labels: labels)
        let weighted = ROCCurve(scores: doubles, labels: labels, weights: doubles.map { _ in 1 })
        #expect(weighted.falsePositiveRates == plain.falsePositiveRates)
        #expect(weighted.thresholds == plain.thresholds)
        #expect(abs((weighted.auc ?? 0) - (plain.auc ?? 1)) < 1e-12)
        let some = ROCCurve(scores: doubles, labels: labels, weights: doubles.indices.map { $0 < 200 ? 1 : 0 })
        #expect(
            some.truePositiveRates
                == ROCCurve(scores: Array(doubles[..<200]), labels: Array(labels[..<200])).truePositiveRates)
    }

    @Test func whatIsUndefined() {
        #expect(ROCCurve(scores: [Float](), labels: []) == .undefined)
        #expect(ROCCurve(scores: [0.2, 0.7] as [Float], labels: [true, true]) == .undefined)
        #expect(ROCCurve(scores: [0.2, 0.7] as [Double], labels: [false, false]).auc == nil)
        #expect(ROCCurve(scores: [0.2, .nan] as [Float], labels: [true, false]) == .undefined)
        #expect(ROCCurve(scores: [0.2, .nan] as [Double], labels: [true, false]) == .undefined)
        #expect(ROCCurve(scores: [0.2, 0.1], labels: [true, false], weights: [1, 0]) == .undefined)
        // Infinite scores and both zeros have their order.
        let curve = ROCCurve(scores: [.infinity, -0.0, 0, -.infinity] as [Float], labels: [true, true, false, false])
        #expect(curve.auc == 3.5 / 4)
        #expect(curve.count == 4)
        #expect(curve.simplified(maximumPoints: 2).thresholds == [.infinity, -.infinity])
        #expect(ROCCurve.undefined.simplified(maximumPoints: 2) == .undefined)
    }

    /// Area under the points themselves.
    private func area(_ curve: ROCCurve) -> Double {
        (1..<curve.count).reduce(0) { sum, i in
            let width = curve.falsePositiveRates[i] - curve.falsePositiveRates[i - 1]
            return sum + width * (curve.truePositiveRates[i] + curve.truePositiveRates[i - 1]) / 2
        }
    }

    @Test mutating func fewerPointsKeepTheShape() {
        for round in 0..<200 {
            let (scores, labels) = sample(Int(random.below(2_000)) + 50, levels: [3, 30, 100_000][round % 3])
            let full = ROCCurve(scores: scores, labels: labels)
            guard let auc = full.auc else { continue }
            // Without a limit only points on lines go, so the area stays.
            let corners = full.simplified(maximumPoints: .max)
            #expect(abs(area(corners) - auc) < 1e-9)
            let direct = ROCCurve(
                class: 1, of: 2, probabilities: scores.flatMap { [1 - $0, $0] }, labels: labels.map { $0 ? 1 : 0 },
                keepsCorners: true)
            #expect(direct == corners, "round \(round)")
            let few = full.simplified(maximumPoints: 40)
            #expect(few.count <= 40)
            #expect(few.auc == full.auc)
            #expect(few.thresholds.first == .infinity && few.falsePositiveRates.last == 1)
            #expect(abs(area(few) - auc) < 0.003, "round \(round): \(area(few)) and \(auc)")
            #expect(zip(few.falsePositiveRates, few.falsePositiveRates.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(few.simplified(maximumPoints: 40) == few)
            #expect(full.simplified(maximumPoints: 2).falsePositiveRates == [0, 1])
        }
    }

    @Test func pointsOnALineGo() {
        // Three negatives above, then two positives: one corner.
        let curve = ROCCurve(scores: [5, 4, 3, 2, 1] as [Float], labels: [false, false, false, true, true])
        #expect(curve.count == 6)
        #expect(
            curve.simplified(maximumPoints: 40)
                == ROCCurve(
                    falsePositiveRates: [0, 1, 1], truePositiveRates: [0, 0, 1], thresholds: [.infinity, 3, 1], auc: 0))
        // Ties of one mixture lie on one slope.
        let tied = ROCCurve(
            scores: (0..<60).map { Float($0 / 6) }, labels: (0..<60).map { $0 % 6 < 2 })
        #expect(tied.count == 11)
        #expect(tied.simplified(maximumPoints: 40).truePositiveRates == [0, 1])
        #expect(tied.auc == 0.5)
    }

    @Test mutating func survivesJSON() throws {
        let (scores, labels) = sample(90, levels: 30)
        for curve in [ROCCurve(scores: scores, labels: labels), .undefined] {
            let data = try JSONEncoder().encode(curve)
            #expect(try JSONDecoder().decode(ROCCurve.self, from: data) == curve)
        }
        for text in [
            #"{"falsePositiveRates":[0,1],"truePositiveRates":[0],"thresholds":[1]}"#,
            #"{"falsePositiveRates":[0,1],"truePositiveRates":[0,1],"thresholds":[]}"#, "{}",
        ] {
            #expect(throws: DecodingError.self) {
                try JSONDecoder().decode(ROCCurve.self, from: Data(text.utf8))
            }
        }
    }
}
