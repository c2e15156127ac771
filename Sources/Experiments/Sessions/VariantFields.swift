// VariantFields: the fields of `compared`, `sensed` and `decided` lines.

import Engine

extension EventLine {
    /// What a line that is read may hold; more is not written either.
    private static let mostRecalls = 1_000
    private static let mostLayers = 10_000
    private static let mostTreatments = 100
    private static let longestName = 400

    static func add(_ variant: VariantLine, to line: inout JSONText) {
        line.add("step", variant.step)
        line.add("variant", variant.variant)
        line.add("fine_tuned_epochs", variant.epochs)
        line.add("bytes", variant.bytes)
        line.add("gzip_bytes", variant.gzipBytes)
        line.add("parameters", variant.parameters)
        line.add("nonzero_weights", variant.nonzeroWeights)
        line.add("macs", variant.multiplyAdds)
        line.add("accuracy", variant.accuracy)
        line.add("accuracy_low", variant.accuracyInterval.low)
        line.add("accuracy_high", variant.accuracyInterval.high)
        if let score = variant.macroF1 { line.add("macro_f1", score) }
        if let area = variant.auc { line.add("auc", area) }
        line.add("recalls", variant.recalls)
        line.add("agreement", variant.agreement)
        line.add("lost_points", variant.lostPoints)
        line.add("mcnemar_p", variant.mcNemarP)
        line.add("p50_us", variant.median * 1e6)
        line.add("p95_us", variant.percentile95 * 1e6)
        line.add("images_per_s", variant.imagesPerSecond)
        line.add("speedup", variant.speedup)
        line.add("note", variant.note)
        add(variant.weights, to: &line)
    }

    static func variantName(from fields: LineFields) throws(EventLineError) -> String {
        let name = try fields.string("variant")
        guard !name.isEmpty, name.utf8.count <= longestName else {
            throw fields.wrong("variant", "a name of at most \(longestName) bytes")
        }
        return name
    }

    static func variant(from fields: LineFields) throws(EventLineError) -> VariantLine {
        func fraction(_ field: String) throws(EventLineError) -> Double {
            let value = try fields.double(field)
            guard (0...1).contains(value) else { throw fields.wrong(field, "a number from 0 to 1") }
            return value
        }
        func amount(_ field: String) throws(EventLineError) -> Double {
            let value = try fields.double(field)
            guard value.isFinite, value >= 0 else { throw fields.wrong(field, "a number, 0 or more") }
            return value
        }
        let recalls = try fields.doubles("recalls")
        guard recalls.count <= mostRecalls, recalls.allSatisfy({ $0.isNaN || (0...1).contains($0) }) else {
            throw fields.wrong("recalls", "numbers from 0 to 1, \(mostRecalls) at most")
        }
        let lost = try fields.double("lost_points")
        guard (-100...100).contains(lost) else { throw fields.wrong("lost_points", "a number from -100 to 100") }
        let (low, high) = (try fraction("accuracy_low"), try fraction("accuracy_high"))
        var line = VariantLine(
            variant: try variantName(from: fields), step: try fields.integer("step"),
            bytes: try fields.integer("bytes"), gzipBytes: try fields.integer("gzip_bytes"),
            parameters: try fields.integer("parameters"), nonzeroWeights: try fields.integer("nonzero_weights"),
            multiplyAdds: try fields.integer("macs"), accuracy: try fraction("accuracy"),
            accuracyInterval: Interval(low: low, high: high), agreement: try fraction("agreement"), lostPoints: lost,
            mcNemarP: try fraction("mcnemar_p"), note: try fields.string("note"))
        line.epochs = try fields.integer("fine_tuned_epochs", in: 0...Int(Int32.max))
        line.macroF1 = fields.has("macro_f1") ? try fraction("macro_f1") : nil
        line.auc = fields.has("auc") ? try fraction("auc") : nil
        line.recalls = recalls
        line.median = try amount("p50_us") / 1e6
        line.percentile95 = try amount("p95_us") / 1e6
        line.imagesPerSecond = try amount("images_per_s")
        line.speedup = try amount("speedup")
        line.weights = try weights(from: fields)
        return line
    }

    static func add(_ sensitivity: LayerSensitivity, to line: inout JSONText) {
        line.add("step", sensitivity.step)
        line.add("examples", sensitivity.examples)
        line.add("treatments", sensitivity.treatments)
        line.add("layers", sensitivity.layers.map(\.name))
        line.add("numbers", sensitivity.layers.map(\.number))
        line.add("lost_points", sensitivity.layers.flatMap(\.lostPoints))
    }

    static func sensitivity(from fields: LineFields) throws(EventLineError) -> LayerSensitivity {
        let treatments = try fields.strings("treatments")
        let names = try fields.strings("layers")
        let numbers = try fields.integers("numbers")
        let lost = try fields.doubles("lost_points")
        guard treatments.count <= mostTreatments, names.count <= mostLayers, numbers.count == names.count,
            numbers.allSatisfy({ (1...mostLayers).contains($0) }), lost.count == names.count * treatments.count,
            lost.allSatisfy({ (-100...100).contains($0) })
        else { throw fields.wrong("lost_points", "a number for each of \"treatments\" of each of \"layers\"") }
        let width = treatments.count
        return LayerSensitivity(
            step: try fields.integer("step"), examples: try fields.integer("examples"), treatments: treatments,
            layers: names.indices.map {
                LayerSensitivity.Layer(
                    number: numbers[$0], name: names[$0], lostPoints: Array(lost[$0 * width..<($0 + 1) * width]))
            })
    }
}
