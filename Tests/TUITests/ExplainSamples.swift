// Made-up explanations that look like real ones, and states of the screen Explain.

import Engine
import Experiments

@testable import TUI

extension Sample {
    /// Predictions of a test split of `count` examples, some of them wrong.
    static func predictions(count: Int, classes: Int) -> PredictionList {
        PredictionList(
            (0..<count).map { place in
                let label = place * 7 % classes
                let isWrong = place % 9 == 4
                let sure = 0.55 + 0.45 * (noise(place) + 1) / 2
                return PredictionList.Row(
                    index: place * 5 + 3, label: label, predicted: isWrong ? (label + 1) % classes : label,
                    prediction: Float(sure), truth: Float(isWrong ? 1 - sure : sure))
            }, classes: classes)
    }

    private static let columns = [
        "worst concave points", "mean concave points", "worst radius", "area error", "worst texture", "mean radius",
        "worst area", "mean perimeter", "smoothness error", "worst smoothness",
    ]

    /// An explanation of a row of a table.
    static func explanation(row: Int, label: Int, changed: Int? = nil) -> Explanation {
        let texts = [
            "0.14 < worst concave points <= 0.18", "0.05 < mean concave points <= 0.07", "worst radius > 18.79",
            "area error <= 17.85", "worst texture > 29.72", "13.37 < mean radius <= 15.78",
            "686.50 < worst area <= 1084.00", "mean perimeter > 104.10",
        ]
        let weights = [0.1421, 0.1012, 0.0913, -0.0534, 0.0431, -0.0221, 0.0114, 0.0021]
        func surrogate(_ index: Int, _ sign: Double) -> Surrogate {
            Surrogate(
                classIndex: index, intercept: 0.41, rSquared: changed == nil ? 0.7123 : 0.2714,
                localPrediction: sign > 0 ? 0.94 : 0.06, modelPrediction: sign > 0 ? 0.981 : 0.019,
                terms: texts.enumerated().map { place, text in
                    let weight = sign * weights[place]
                    return Surrogate.Term(
                        feature: place, text: text, weight: weight, low: weight - 0.008, high: weight + 0.008)
                }, fit: changed == nil ? .good : .poor, agreement: changed == nil ? 1 : 0.6)
        }
        return Explanation(
            row: row, label: label,
            values: columns.enumerated().map { place, name in
                .init(
                    column: name, text: place == changed ? "0.01" : place == 4 ? "" : "\(Double(place) * 3.17 + 0.15)",
                    isChanged: place == changed)
            }, probabilities: changed == nil ? [0.981, 0.019] : [0.312, 0.688],
            settings: LIMESettings(samples: 5_000, features: 8, kernelWidth: 4.1),
            surrogates: [surrogate(0, 1), surrogate(1, -1)], step: 410)
    }

    /// An explanation of an image of 8x8.
    static func imageExplanation(row: Int, label: Int) -> Explanation {
        let pixels = (0..<64).map { place in
            let (x, y) = (place % 8, place / 8)
            return UInt8((2...5).contains(x) && (y == 1 || y == 6 || x == 2 || x == 5) ? 230 : 12)
        }
        return Explanation(
            row: row, label: label,
            picture: .init(
                channels: 1, height: 8, width: 8, pixels: pixels,
                segments: (0..<64).map { $0 / 8 / 2 * 4 + $0 % 8 / 2 }),
            probabilities: [0.02, 0.01, 0.05, 0.6, 0.02, 0.1, 0.1, 0.03, 0.05, 0.02],
            settings: LIMESettings(samples: 1_000, features: 8, kernelWidth: 0.25),
            surrogates: [3, 5].map { index in
                Surrogate(
                    classIndex: index, intercept: 0.1, rSquared: 0.83, localPrediction: 0.58, modelPrediction: 0.6,
                    terms: [(5, 0.31), (6, 0.22), (9, -0.12), (2, 0.08), (10, -0.03)].map {
                        Surrogate.Term(
                            feature: $0.0, text: "superpixel \($0.0)", weight: $0.1, low: $0.1 - 0.01, high: $0.1 + 0.01
                        )
                    }, fit: .good, agreement: 1)
            }, step: 410)
    }

    static let survey = FeatureSurvey(
        rows: 40, examples: 114,
        features: columns.enumerated().map { place, name in
            .init(
                name: name, meanWeight: 0.12 / Double(place + 1), importance: 0.07 / Double(place * place + 1) - 0.002,
                importanceDeviation: 0.004)
        }, picked: [3, 43, 8, 128], step: 410)
}

extension State {
    /// A finished session with predictions, its first row explained.
    mutating func openExplained(_ preset: String) {
        openWithFacts(preset, screen: "4")
        guard var facts = session?.facts, let classes = facts.data?.classes.count else { return }
        facts.predictions = Sample.predictions(count: 114, classes: classes)
        feed(.facts(facts))
        press(.enter)
        let row = session?.explain.row ?? 0
        let explanation =
            preset == "digits-cnn"
            ? Sample.imageExplanation(row: row, label: 3) : Sample.explanation(row: row, label: 1)
        feed(.events([.explained(explanation)]), .analyst(.idle))
    }

    /// The first value of the row is set to 0.01, and the answer comes.
    mutating func tryValue() {
        press(.tab, .enter)
        type("0.01")
        press(.enter)
        let row = session?.explain.row ?? 0
        feed(
            .analyst(.working(fraction: 0.3)),
            .events([.explained(Sample.explanation(row: row, label: 1, changed: 0))]), .analyst(.idle))
    }
}
