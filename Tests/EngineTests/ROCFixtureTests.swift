// ROC curves and their areas against scikit-learn's numbers.
import Foundation
import Testing

@testable import Engine

struct ROCFixtureTests {
    private struct Case: Decodable {
        let kind: String
        let labels: [Int]
        let classes: Int?
        let scores: [Double]?
        let sampleWeights: [Double]?
        let probabilities: FixtureArray?
        let roc: Curve?
        let aucPerClass: [Double]?
        let aucOneVsRest: [String: Double]?
        struct Curve: Decodable {
            let fpr: [Double]
            let tpr: [Double]
            /// The first is infinite, which the file writes as null.
            let thresholds: [Double?]
            let auc: Double
        }
    }

    private func differs(_ got: [Double], _ reference: [Double?]) -> Bool {
        got.count != reference.count
            || zip(got, reference).contains { got, wanted in wanted.map { abs(got - $0) > 1e-6 } ?? got.isFinite }
    }

    @Test func rocFixtures() throws {
        let cases = try Fixture.load("metrics.json", as: [Case].self)
        var (binary, weighted, multiclass) = (0, 0, 0)
        for (index, c) in cases.enumerated() {
            if let roc = c.roc, let scores = c.scores {
                let labels = c.labels.map { $0 == 1 }
                let curve: ROCCurve
                if let weights = c.sampleWeights {
                    curve = ROCCurve(scores: scores, labels: labels, weights: weights)
                    weighted += 1
                } else {
                    curve = ROCCurve(scores: scores, labels: labels)
                    let single = ROCCurve(scores: scores.map(Float.init), labels: labels)
                    #expect(single.falsePositiveRates == curve.falsePositiveRates, "case \(index)")
                    #expect(single.auc == curve.auc, "case \(index)")
                    binary += 1
                }
                // The file's curves keep every point (drop_intermediate=False).
                #expect(!differs(curve.falsePositiveRates, roc.fpr), "case \(index)")
                #expect(!differs(curve.truePositiveRates, roc.tpr), "case \(index)")
                #expect(!differs(curve.thresholds, roc.thresholds), "case \(index)")
                #expect(abs((curve.auc ?? -1) - roc.auc) < 1e-6, "case \(index)")
            }
            if let areas = c.aucPerClass, let p = c.probabilities, let classes = c.classes {
                multiclass += 1
                let curves = ROCCurve.oneVersusRest(
                    probabilities: p.values, labels: c.labels.map(Int32.init), classes: classes)
                #expect(!differs(curves.map { $0.auc ?? -1 }, areas), "case \(index)")
                let mean = curves.compactMap(\.auc).reduce(0, +) / Double(classes)
                #expect(abs(mean - (c.aucOneVsRest?["macro"] ?? -1)) < 1e-6, "case \(index)")
            }
        }
        let ran = binary + weighted + multiclass
        print(
            "metrics.json: \(cases.count) cases, \(ran) ran (roc, auc: \(binary) binary, \(weighted) weighted, "
                + "\(multiclass) multiclass)"
        )
        #expect(ran == cases.count && binary > 0 && multiclass > 0)
    }
}
