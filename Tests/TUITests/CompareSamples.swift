// Made-up variants that look like real ones, and states of the screen Compare.

import Engine
import Experiments

@testable import TUI

extension Sample {
    /// A variant of a network of ten classes: its size and speed as parts of the baseline's.
    static func variant(
        _ name: String, size: Double, lost: Double, speedup: Double, epochs: Int = 0, note: String = "",
        arrays: [String] = []
    ) -> VariantLine {
        let accuracy = 0.9721 - lost / 100
        var line = VariantLine(
            variant: name, step: 410, bytes: Int(228_000 * size), gzipBytes: Int(211_000 * size),
            parameters: name.hasPrefix("channels") ? 14_410 : 56_714, nonzeroWeights: 56_000,
            multiplyAdds: name.hasPrefix("channels") ? 201_000 : 706_750, accuracy: accuracy,
            accuracyInterval: Interval(low: accuracy - 0.018, high: accuracy + 0.011),
            agreement: lost == 0 ? 1 : 0.985 - abs(lost) / 100, lostPoints: lost,
            mcNemarP: lost == 0 ? 1 : max(0.0002, 0.4 - abs(lost) / 5), note: note)
        line.epochs = epochs
        line.macroF1 = accuracy - 0.002
        line.auc = 0.9984 - lost / 1000
        line.recalls = (0..<10).map { accuracy + 0.02 * noise($0) - lost / 100 * Double($0 % 3) }
        line.median = 13.5e-6 / speedup
        line.percentile95 = 15.1e-6 / speedup
        line.imagesPerSecond = 168_700 * speedup
        line.speedup = speedup
        line.weights = arrays.map { array in
            WeightHistogram(
                name: array,
                values: (0..<900).map { place in
                    let value = Float(noise(place) + noise(place + 7) + noise(place * 3)) * 0.11
                    return name.contains("prune") && abs(value) < 0.08 ? 0 : value
                })
        }
        return line
    }

    static func variants(arrays: [String]) -> [VariantLine] {
        let zeros = "zeros are multiplied like other weights: only the file is smaller"
        let longer = "trained 2 epochs longer than the baseline"
        return [
            variant("baseline", size: 1, lost: 0, speedup: 1, arrays: arrays),
            variant(
                "f16", size: 0.501, lost: 0, speedup: 0.99, note: "runs as float32: only the file is smaller",
                arrays: arrays),
            variant("int8", size: 0.258, lost: 0.28, speedup: 3.16, arrays: arrays),
            variant(
                "prune80", size: 0.236, lost: -0.16, speedup: 1, epochs: 2, note: "\(zeros); \(longer)", arrays: arrays),
            variant("channels50", size: 0.256, lost: 1.39, speedup: 1.7, epochs: 2, note: longer, arrays: arrays),
            variant(
                "prune80+cluster16", size: 0.08, lost: 0.56, speedup: 1, epochs: 4,
                note: "\(zeros); shared values are unpacked to float32", arrays: arrays),
            variant("channels30+int8", size: 0.135, lost: 0.83, speedup: 3.2, epochs: 2, note: longer, arrays: arrays),
        ]
    }
}

extension State {
    /// A finished session with variants of its model, on Compare.
    mutating func openCompared(latency: Bool = true) {
        openWithFacts("digits-cnn", screen: "5")
        let layers = session?.weightedLayers ?? []
        let lines = Sample.variants(arrays: layers.map(\.array))
        let lost = [[0.0, 0.28, 0.0, 1.11, 9.72], [0.0, 0.56, 0.28, 0.83, 4.44], [0.0, 0.0, -0.28, 0.28, 1.67]]
        feed(
            .events(
                lines.map(RunEvent.compared) + [
                    .sensed(
                        LayerSensitivity(
                            step: 410, examples: 360, treatments: LayerSensitivity.usualTreatments,
                            layers: layers.enumerated().map { place, layer in
                                .init(number: layer.number, name: layer.name, lostPoints: lost[place % lost.count])
                            })),
                    .decided(VariantChoice(step: 410, variant: "channels30+int8", act: .chosen)),
                ]))
    }
}
