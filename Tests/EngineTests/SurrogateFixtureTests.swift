// Surrogates against the authors' package, on its own neighbourhoods.
import Foundation
import Testing

@testable import Engine

/// A case of lime.json: a neighbourhood and the surrogate of it, or the bins of a table's columns.
private struct LIMECase: Decodable {
    let kind: String
    let neighbourhood: FixtureArray?
    let probabilities: FixtureArray?
    let label: Int?
    let distances: [Double]?
    let kernelWidth: Double?
    let ridgeAlpha: Double?
    let numFeatures: Int?
    let featureSelection: String?
    let intercept: Double?
    let explanation: [[Double]]?
    let rSquared: Double?
    let localPrediction: Double?
}

struct SurrogateFixtureTests {
    private func selection(_ name: String) throws -> LIMESettings.FeatureSelection {
        switch name {
        case "highest_weights": .highest
        case "forward_selection": .forward
        default: try #require(LIMESettings.FeatureSelection(rawValue: name))
        }
    }

    @Test func surrogatesAreThoseOfTheAuthorsPackage() throws {
        let cases = try Fixture.load("lime.json", as: [LIMECase].self).filter { $0.kind == "surrogate" }
        #expect(cases.count == 6)
        for (number, one) in cases.enumerated() {
            let rows = try #require(one.neighbourhood)
            let values = try #require(one.probabilities)
            let (width, label) = (try #require(one.kernelWidth), try #require(one.label))
            let weights = try #require(one.distances).map { LIMEKernel.weight($0, width: width) }
            var moments = WeightedMoments(features: rows.shape[1], targets: values.shape[1])
            // In two pieces: how a neighbourhood is cut must not matter.
            let half = rows.shape[0] / 2
            rows.values.withUnsafeBufferPointer { rows_ in
                values.values.withUnsafeBufferPointer { values_ in
                    guard let x = rows_.baseAddress, let y = values_.baseAddress else { return }
                    moments.add(half, features: x, targets: y, weights: Array(weights[..<half]))
                    moments.add(
                        rows.shape[0] - half, features: x + half * rows.shape[1], targets: y + half * values.shape[1],
                        weights: Array(weights[half...]))
                }
            }
            let example = Array(rows.values[..<rows.shape[1]])
            let centred = CentredMoments(moments, target: label)
            let (count, name) = (try #require(one.numFeatures), try #require(one.featureSelection))
            let chosen = centred.select(count, by: try selection(name), example: example)
            let model = centred.ridge(chosen, alpha: try #require(one.ridgeAlpha))
            let (intercept, rSquared) = (try #require(one.intercept), try #require(one.rSquared))
            let prediction = try #require(one.localPrediction)
            #expect(abs(model.intercept - intercept) <= 1e-6, "case \(number)")
            #expect(abs(model.rSquared - rSquared) <= 1e-6, "case \(number)")
            #expect(abs(model.prediction(example) - prediction) <= 1e-6, "case \(number)")
            let explanation = try #require(one.explanation)
            let order = RepeatedSurrogate.ranked(model.coefficients)
            #expect(order.count == explanation.count)
            for (place, pair) in zip(order, explanation) {
                #expect(Double(model.features[place]) == pair[0], "case \(number)")
                #expect(abs(model.coefficients[place] - pair[1]) <= 1e-6, "case \(number)")
            }
        }
    }

    /// Two features that are the same, and one that never changes: nothing may become infinite.
    @Test func whatDeterminesEachOtherIsSolved() {
        var moments = WeightedMoments(features: 3, targets: 1)
        let rows: [Float] = [1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1]
        moments.add(4, features: rows, targets: [2, 0, 2, 0], weights: [1, 1, 1, 1])
        let centred = CentredMoments(moments, target: 0)
        for alpha in [0, 1.0] {
            let model = centred.ridge([0, 1, 2], alpha: alpha)
            #expect(model.coefficients.allSatisfy { $0.isFinite } && model.coefficients[2] == 0)
            #expect(model.rSquared <= 1 + 1e-12)
        }
        #expect(abs(centred.ridge([0, 1, 2], alpha: 0).rSquared - 1) < 1e-12)
        #expect(centred.select(3, by: .forward, example: [1, 1, 1]) == [0, 1, 2])
    }

    /// A network that says the same of everything is explained by nothing.
    @Test func nothingToExplain() {
        var moments = WeightedMoments(features: 1, targets: 1)
        moments.add(3, features: [1, 0, 1], targets: [0.3, 0.3, 0.3], weights: [1, 0.5, 0.25])
        let model = CentredMoments(moments, target: 0).ridge([0], alpha: 1)
        #expect(
            model.rSquared == 0 && abs(model.coefficients[0]) < 1e-12
                && abs(model.intercept - Double(Float(0.3))) < 1e-12)
    }

    @Test func ranksAreCompared() {
        #expect(RepeatedSurrogate.correlation([3, -2, 1], [0.3, 0.2, -0.1]) == 1)
        #expect(RepeatedSurrogate.correlation([3, 2, 1], [1, 2, 3]) == -1)
        #expect(abs(RepeatedSurrogate.correlation([5, 4, 3, 2, 1], [5, 3, 4, 2, 1]) - 0.8) < 1e-12)
        #expect(RepeatedSurrogate.correlation([1], [1]) == 1)
    }
}
