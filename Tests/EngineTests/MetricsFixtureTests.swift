// Confusion matrices and what follows from them against scikit-learn's numbers.
import Foundation
import Testing

@testable import Engine

struct MetricsFixtureTests {
    private struct Case: Decodable {
        let kind: String
        let labels: [Int]
        let classes: Int?
        let probabilities: FixtureArray?
        let confusion: Confusion
        let accuracy: Double
        let perClass: PerClass?
        let macro: [String: Double]?
        struct PerClass: Decodable {
            let precision: [Double]
            let recall: [Double]
            let f1: [Double]
            let support: [Int]
        }
        enum Confusion: Decodable {
            case matrix([[Int]])
            case binary
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                self = (try? .matrix(container.decode([[Int]].self))) ?? .binary
            }
        }
    }

    @Test func confusionFixtures() throws {
        let cases = try Fixture.load("metrics.json", as: [Case].self)
        var ran = 0
        for (index, c) in cases.enumerated() {
            guard case .matrix(let reference) = c.confusion, let classes = c.classes, let p = c.probabilities,
                let perClass = c.perClass
            else { continue }
            ran += 1
            let matrix = ConfusionMatrix(
                probabilities: p.values, labels: c.labels.map(Int32.init), classes: classes)
            #expect(matrix.rows == reference, "case \(index)")
            #expect(abs((matrix.accuracy ?? -1) - c.accuracy) < 1e-6, "case \(index)")
            for (k, scores) in matrix.perClass.enumerated() {
                // scikit-learn writes 0 where a score is undefined.
                #expect(abs((scores.precision ?? 0) - perClass.precision[k]) < 1e-6, "case \(index) class \(k)")
                #expect(abs((scores.recall ?? 0) - perClass.recall[k]) < 1e-6, "case \(index) class \(k)")
                #expect(abs((scores.f1 ?? 0) - perClass.f1[k]) < 1e-6, "case \(index) class \(k)")
                #expect(scores.support == perClass.support[k], "case \(index) class \(k)")
            }
            if matrix.perClass.allSatisfy({ $0.f1 != nil }) {
                #expect(abs((matrix.macroF1 ?? -1) - (c.macro?["f1"] ?? -2)) < 1e-6, "case \(index)")
            }
        }
        print(
            "metrics.json: \(cases.count) cases, \(ran) ran (confusion, accuracy, per class), the rest belong to later work"
        )
        #expect(ran > 0)
    }
}
