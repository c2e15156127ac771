// ExplanationFields: the fields of `explained` and `surveyed` lines.

import Engine

extension EventLine {
    /// What a line that is read may hold; more is not written either.
    private static let mostTerms = 200
    private static let mostColumns = 10_000
    private static let mostProbabilities = 1_000

    static func add(_ explanation: Explanation, to line: inout JSONText) {
        line.add("step", explanation.step)
        if let row = explanation.row { line.add("row", row) }
        if let label = explanation.label { line.add("label", label) }
        line.add("probabilities", explanation.probabilities.map { Double("\($0)") ?? .nan })
        if !explanation.values.isEmpty {
            line.add("columns", explanation.values.map(\.column))
            line.add("values", explanation.values.map(\.text))
            let changed = explanation.values.indices.filter { explanation.values[$0].isChanged }
            if !changed.isEmpty { line.add("changed", changed) }
        }
        if let picture = explanation.picture {
            line.add("picture", [picture.channels, picture.height, picture.width])
            line.add("pixels", picture.pixels.map(Int.init))
            line.add("segments", picture.segments)
        }
        add(explanation.settings, to: &line)
        line.add("classes", explanation.surrogates.map(\.classIndex))
        for surrogate in explanation.surrogates { add(surrogate, to: &line) }
    }

    static func add(_ settings: LIMESettings, to line: inout JSONText) {
        line.add("samples", settings.samples)
        line.add("features", settings.features)
        if let width = settings.kernelWidth { line.add("kernel_width", width) }
        line.add("discretizer", settings.discretizer.rawValue)
        line.add("selection", settings.selection.rawValue)
        line.add("seed", settings.seed)
        line.add("repeats", settings.repeats)
    }

    private static func add(_ surrogate: Surrogate, to line: inout JSONText) {
        let name = "\(surrogate.classIndex)"
        line.add(
            "surrogate/\(name)",
            [
                surrogate.intercept, surrogate.rSquared, surrogate.localPrediction, surrogate.modelPrediction,
                surrogate.agreement,
            ])
        line.add("fit/\(name)", surrogate.fit.rawValue)
        line.add("terms/\(name)", surrogate.terms.map(\.text))
        line.add("term_features/\(name)", surrogate.terms.map(\.feature))
        line.add("weights/\(name)", surrogate.terms.flatMap { [$0.weight, $0.low, $0.high] })
    }

    /// How an explanation is made, of a line from anywhere.
    static func settings(from fields: LineFields) throws(EventLineError) -> LIMESettings {
        let width = try fields.optionalDouble("kernel_width")
        if let width, !(width.isFinite && width > 0) { throw fields.wrong("kernel_width", "a number above 0") }
        return LIMESettings(
            samples: try fields.integer("samples", in: 1...LIMESettings.mostSamples),
            features: try fields.integer("features", in: 1...Int(Int32.max)), kernelWidth: width,
            discretizer: try fields.word("discretizer", as: LIMESettings.Discretizer.self),
            selection: try fields.word("selection", as: LIMESettings.FeatureSelection.self),
            seed: try fields.unsigned("seed"), repeats: try fields.integer("repeats", in: 1...LIMESettings.mostRepeats))
    }

    static func explanation(from fields: LineFields) throws(EventLineError) -> Explanation {
        let probabilities = try fields.doubles("probabilities")
        guard probabilities.count <= mostProbabilities else {
            throw fields.wrong("probabilities", "a number for each of \(mostProbabilities) classes or fewer")
        }
        let isOfImage = fields.has("picture")
        let columns = fields.has("columns") ? try fields.strings("columns") : []
        let texts = fields.has("values") ? try fields.strings("values") : []
        guard columns.count == texts.count, columns.count <= mostColumns else {
            throw fields.wrong("values", "a text a column")
        }
        let changed = Set(fields.has("changed") ? try fields.integers("changed") : [])
        let settings = try settings(from: fields)
        let classes = try fields.integers("classes")
        guard !classes.isEmpty, classes.count <= mostProbabilities, Set(classes).count == classes.count,
            classes.allSatisfy({ (0..<max(1, probabilities.count)).contains($0) })
        else { throw fields.wrong("classes", "different places in \"probabilities\"") }
        var surrogates: [Surrogate] = []
        for index in classes { surrogates.append(try surrogate(index, from: fields)) }
        return Explanation(
            row: fields.has("row") ? try fields.integer("row", in: 0...Int(Int32.max)) : nil,
            label: fields.has("label") ? try fields.integer("label", in: 0...mostProbabilities) : nil,
            values: zip(columns, texts).enumerated().map {
                Explanation.Value(column: $1.0, text: $1.1, isChanged: changed.contains($0))
            },
            picture: isOfImage ? try picture(from: fields) : nil, probabilities: probabilities.map { Float($0) },
            settings: settings, surrogates: surrogates, step: try fields.integer("step"))
    }

    private static func surrogate(_ index: Int, from fields: LineFields) throws(EventLineError) -> Surrogate {
        let numbers = try fields.doubles("surrogate/\(index)")
        guard numbers.count == 5, (0...1).contains(numbers[4]) else {
            throw fields.wrong("surrogate/\(index)", "five numbers, the last from 0 to 1")
        }
        let texts = try fields.strings("terms/\(index)")
        let features = try fields.integers("term_features/\(index)")
        let weights = try fields.doubles("weights/\(index)")
        guard texts.count <= mostTerms, features.count == texts.count, weights.count == texts.count * 3,
            features.allSatisfy({ (0...Int(Int32.max)).contains($0) }), weights.allSatisfy(\.isFinite)
        else { throw fields.wrong("weights/\(index)", "weight, low and high for each of \"terms/\(index)\"") }
        return Surrogate(
            classIndex: index, intercept: numbers[0], rSquared: numbers[1], localPrediction: numbers[2],
            modelPrediction: numbers[3],
            terms: texts.indices.map { place in
                Surrogate.Term(
                    feature: features[place], text: texts[place], weight: weights[place * 3],
                    low: weights[place * 3 + 1], high: weights[place * 3 + 2])
            }, fit: try fields.word("fit/\(index)", as: SurrogateFit.self), agreement: numbers[4])
    }

    private static func picture(from fields: LineFields) throws(EventLineError) -> Explanation.Picture {
        let sides = 1...Explanation.Picture.maximumSide
        let shape = try fields.integers("picture")
        guard shape.count == 3, [1, 3].contains(shape[0]), sides.contains(shape[1]), sides.contains(shape[2]) else {
            throw fields.wrong("picture", "1 or 3 channels, height and width of at most \(sides.upperBound)")
        }
        let pixels = try fields.integers("pixels")
        let segments = try fields.integers("segments")
        guard pixels.count == shape[0] * shape[1] * shape[2], pixels.allSatisfy({ (0...255).contains($0) }) else {
            throw fields.wrong("pixels", "bytes, as many as \"picture\" says")
        }
        guard segments.count == shape[1] * shape[2], segments.allSatisfy({ (0...Int(Int32.max)).contains($0) }) else {
            throw fields.wrong("segments", "a whole number a pixel")
        }
        return Explanation.Picture(
            channels: shape[0], height: shape[1], width: shape[2], pixels: pixels.map { UInt8($0) }, segments: segments)
    }

    static func add(_ survey: FeatureSurvey, to line: inout JSONText) {
        line.add("step", survey.step)
        line.add("rows", survey.rows)
        line.add("examples", survey.examples)
        line.add("columns", survey.features.map(\.name))
        line.add("mean_weights", survey.features.map(\.meanWeight))
        line.add("importances", survey.features.map(\.importance))
        line.add("importance_deviations", survey.features.map(\.importanceDeviation))
        line.add("picked", survey.picked)
    }

    static func survey(from fields: LineFields) throws(EventLineError) -> FeatureSurvey {
        let names = try fields.strings("columns")
        let weights = try fields.doubles("mean_weights")
        let importances = try fields.doubles("importances")
        let deviations = try fields.doubles("importance_deviations")
        let picked = try fields.integers("picked")
        guard names.count <= mostColumns, weights.count == names.count, importances.count == names.count,
            deviations.count == names.count
        else { throw fields.wrong("mean_weights", "a number a column, as are the importances") }
        guard (weights + importances + deviations).allSatisfy(\.isFinite) else {
            throw fields.wrong("importances", "finite, as are the weights")
        }
        guard picked.count <= mostTerms, picked.allSatisfy({ (0...Int(Int32.max)).contains($0) }) else {
            throw fields.wrong("picked", "places of examples, \(mostTerms) at most")
        }
        return FeatureSurvey(
            rows: try fields.integer("rows", in: 0...Int(Int32.max)),
            examples: try fields.integer("examples", in: 0...Int(Int32.max)),
            features: names.indices.map {
                FeatureSurvey.Feature(
                    name: names[$0], meanWeight: weights[$0], importance: importances[$0],
                    importanceDeviation: deviations[$0])
            }, picked: picked, step: try fields.integer("step"))
    }
}
