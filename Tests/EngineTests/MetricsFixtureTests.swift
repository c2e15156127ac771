// All measures of classes against scikit-learn's numbers.
import Foundation
import Testing

@testable import Engine

struct MetricsFixtureTests {
    /// What every case has.
    private struct Kind: Decodable { let kind: String }

    private struct Binary: Decodable {
        let labels: [Int]
        let scores: [Double]
        let sampleWeights: [Double]?
        let threshold: Double
        let roc: ROC
        let pr: PR
        let confusion: [String: Double]
        let accuracy: Double
        let balancedAccuracy: Double
        let precision: Double
        let recall: Double
        let f1: Double
        let mcc: Double
        let cohenKappa: Double
        let logLoss: Double
        let brier: Double
        let calibrationUniform5: Calibration
        struct ROC: Decodable { let auc: Double }
        struct PR: Decodable {
            let precision: [Double]
            let recall: [Double]
            let thresholds: [Double]
            let averagePrecision: Double
        }
        struct Calibration: Decodable {
            let fractionPositive: [Double]
            let meanPredicted: [Double]
        }
    }

    private struct Multiclass: Decodable {
        let classes: Int
        let labels: [Int32]
        let probabilities: FixtureArray
        let confusion: [[Int]]
        let accuracy: Double
        let balancedAccuracy: Double
        let mcc: Double
        let cohenKappa: Double
        let top2Accuracy: Double
        let logLoss: Double
        let perClass: PerClass
        let macro: [String: Double]
        let weighted: [String: Double]
        let aucOneVsRest: [String: Double]
        let aucOneVsOneMacro: Double
        let aucPerClass: [Double]
        struct PerClass: Decodable {
            let precision: [Double]
            let recall: [Double]
            let f1: [Double]
            let support: [Int]
        }
    }

    private enum Case: Decodable {
        case binary(Binary)
        case multiclass(Multiclass)
        case unknown(String)
        init(from decoder: any Decoder) throws {
            switch try Kind(from: decoder).kind {
            case "binary": self = .binary(try Binary(from: decoder))
            case "multiclass": self = .multiclass(try Multiclass(from: decoder))
            case let kind: self = .unknown(kind)
            }
        }
    }

    private func expect(_ got: Double?, _ wanted: Double?, _ what: String) {
        guard let got, let wanted else {
            Issue.record("\(what): \(String(describing: got)) and \(String(describing: wanted))")
            return
        }
        #expect(abs(got - wanted) < 1e-6, "\(what): \(got) instead of \(wanted)")
    }

    private func expect(_ got: [Double], _ wanted: [Double], _ what: String) {
        #expect(got.count == wanted.count, "\(what)")
        for (place, pair) in zip(got, wanted).enumerated() { expect(pair.0, pair.1, "\(what) \(place)") }
    }

    private func check(_ c: Binary, _ name: String) {
        let labels = c.labels.map { $0 == 1 }
        let scores = BinaryScores(
            scores: c.scores, labels: labels, weights: c.sampleWeights, threshold: c.threshold)
        expect(scores.truePositives, c.confusion["tp"], "\(name) tp")
        expect(scores.falsePositives, c.confusion["fp"], "\(name) fp")
        expect(scores.falseNegatives, c.confusion["fn"], "\(name) fn")
        expect(scores.trueNegatives, c.confusion["tn"], "\(name) tn")
        expect(scores.accuracy, c.accuracy, "\(name) accuracy")
        expect(scores.balancedAccuracy, c.balancedAccuracy, "\(name) balanced accuracy")
        expect(scores.recall, c.recall, "\(name) recall")
        // scikit-learn writes 0 for these where they are undefined; then nothing else may be behind it.
        let isTaken = c.confusion["tp", default: 0] + c.confusion["fp", default: 0] > 0
        let isLeft = c.confusion["tn", default: 0] + c.confusion["fn", default: 0] > 0
        #expect((scores.precision != nil) == isTaken && (scores.mcc != nil) == (isTaken && isLeft))
        expect(scores.precision ?? 0, c.precision, "\(name) precision")
        expect(scores.f1, c.f1, "\(name) F1")
        expect(scores.mcc ?? 0, c.mcc, "\(name) MCC")
        expect(scores.cohenKappa, c.cohenKappa, "\(name) kappa")
        // The file's probabilities are kept 1e-7 from 0 and 1.
        let clipped = c.scores.map { max(1e-7, min(1 - 1e-7, $0)) }
        expect(
            ProbabilityScores.mean(
                ProbabilityScores.logLosses(clipped, labels: labels), weights: c.sampleWeights), c.logLoss,
            "\(name) log loss")
        expect(
            ProbabilityScores.mean(ProbabilityScores.brier(c.scores, labels: labels), weights: c.sampleWeights),
            c.brier, "\(name) Brier score")
        let curve: PrecisionRecallCurve
        if let weights = c.sampleWeights {
            curve = PrecisionRecallCurve(scores: c.scores, labels: labels, weights: weights)
        } else {
            curve = PrecisionRecallCurve(scores: c.scores, labels: labels)
            expect(
                PrecisionEstimate(scores: c.scores, labels: labels)?.averagePrecision, c.pr.averagePrecision,
                "\(name) average precision of the estimate")
            expect(AreaEstimate(scores: c.scores, labels: labels)?.auc, c.roc.auc, "\(name) AUC of the estimate")
        }
        expect(curve.precisions, c.pr.precision, "\(name) precisions")
        expect(curve.recalls, c.pr.recall, "\(name) recalls")
        expect(curve.thresholds, c.pr.thresholds, "\(name) thresholds")
        expect(curve.averagePrecision, c.pr.averagePrecision, "\(name) average precision")
        let steps = curve.steps
        let area = steps.recalls.indices.dropFirst().reduce(0.0) {
            $0 + (steps.recalls[$1] - steps.recalls[$1 - 1]) * steps.precisions[$1]
        }
        expect(area, c.pr.averagePrecision, "\(name) area under the steps")
        // As the file has them, without weights.
        let calibration = CalibrationCurve(probabilities: c.scores, labels: labels, bins: 5)
        expect(
            calibration.bins.map(\.fractionPositive), c.calibrationUniform5.fractionPositive, "\(name) true in bin")
        expect(calibration.bins.map(\.meanPredicted), c.calibrationUniform5.meanPredicted, "\(name) predicted in bin")
        #expect(calibration.bins.reduce(0) { $0 + $1.count } == labels.count)
    }

    private func check(_ c: Multiclass, _ name: String) {
        let probabilities = c.probabilities.values
        let matrix = ConfusionMatrix(probabilities: probabilities, labels: c.labels, classes: c.classes)
        #expect(matrix.rows == c.confusion, "\(name)")
        expect(matrix.accuracy, c.accuracy, "\(name) accuracy")
        expect(matrix.micro.f1, c.accuracy, "\(name) micro F1")
        expect(matrix.balancedAccuracy, c.balancedAccuracy, "\(name) balanced accuracy")
        expect(matrix.mcc, c.mcc, "\(name) MCC")
        expect(matrix.cohenKappa, c.cohenKappa, "\(name) kappa")
        // scikit-learn writes 0 where the precision of a class that is never predicted is undefined.
        let scores = matrix.perClass
        expect(scores.map { $0.precision ?? 0 }, c.perClass.precision, "\(name) precision")
        expect(scores.map { $0.recall ?? 0 }, c.perClass.recall, "\(name) recall")
        expect(scores.map { $0.f1 ?? 0 }, c.perClass.f1, "\(name) F1")
        #expect(scores.map(\.support) == c.perClass.support, "\(name)")
        let areDefined = scores.allSatisfy { $0.precision != nil }
        #expect((matrix.macro.precision != nil) == areDefined && (matrix.weighted.precision != nil) == areDefined)
        if areDefined {
            expect(matrix.macro.precision, c.macro["precision"], "\(name) macro precision")
            expect(matrix.weighted.precision, c.weighted["precision"], "\(name) weighted precision")
        } else {
            let zeros = scores.reduce(0) { $0 + ($1.precision ?? 0) } / Double(c.classes)
            expect(zeros, c.macro["precision"], "\(name) macro precision with 0 for undefined")
        }
        expect(matrix.macro.recall, c.macro["recall"], "\(name) macro recall")
        expect(matrix.macro.f1, c.macro["f1"], "\(name) macro F1")
        expect(matrix.weighted.recall, c.weighted["recall"], "\(name) weighted recall")
        expect(matrix.weighted.f1, c.weighted["f1"], "\(name) weighted F1")
        let hits = ProbabilityScores.topHits(2, probabilities, labels: c.labels, classes: c.classes)
        expect(Double(hits) / Double(c.labels.count), c.top2Accuracy, "\(name) top 2")
        expect(
            ProbabilityScores.mean(
                ProbabilityScores.logLosses(probabilities, labels: c.labels, classes: c.classes)), c.logLoss,
            "\(name) log loss")
        for (averaging, key) in [(ROCCurve.Averaging.macro, "macro"), (.weighted, "weighted")] {
            expect(
                ROCCurve.meanAreaOneVersusRest(
                    probabilities: probabilities, labels: c.labels, classes: c.classes, averaging: averaging),
                c.aucOneVsRest[key], "\(name) AUC one versus rest, \(key)")
        }
        expect(
            ROCCurve.meanAreaOneVersusOne(probabilities: probabilities, labels: c.labels, classes: c.classes),
            c.aucOneVsOneMacro, "\(name) AUC one versus one")
        let report = ClassReport(probabilities: probabilities, labels: c.labels, classes: c.classes)
        expect(report.auc.value, c.aucOneVsRest["macro"], "\(name) AUC of the report")
        expect(report.perClass.map { $0.auc.value ?? -1 }, c.aucPerClass, "\(name) AUC of each class")
        expect(report.macroF1.value, c.macro["f1"], "\(name) macro F1 of the report")
        expect(report.logLoss.value, c.logLoss, "\(name) log loss of the report")
    }

    @Test func everyCase() throws {
        let cases = try Fixture.load("metrics.json", as: [Case].self)
        var (binary, weighted, multiclass) = (0, 0, 0)
        for (index, one) in cases.enumerated() {
            switch one {
            case .binary(let c):
                check(c, "case \(index)")
                binary += 1
                weighted += c.sampleWeights == nil ? 0 : 1
            case .multiclass(let c):
                check(c, "case \(index)")
                multiclass += 1
            case .unknown(let kind): Issue.record("case \(index) is of the kind \(kind), which nobody tests")
            }
        }
        print(
            "metrics.json: \(cases.count) cases, \(binary + multiclass) ran (all measures: \(binary) binary, of which "
                + "\(weighted) weighted, \(multiclass) multiclass)")
        #expect(binary + multiclass == cases.count && weighted > 0 && binary > weighted && multiclass > 0)
    }
}
