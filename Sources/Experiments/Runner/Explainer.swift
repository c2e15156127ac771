// Explainer: a session's model with its data, ready to say why it predicts what it predicts.
import Engine
import Foundation

/// Explains predictions of a session's model. What is costly (data, ranges of the columns, the planned network) is made once and kept.
///
/// Not Sendable: one thread owns it.
public final class Explainer {
    public let model: TrainedModel
    public let dataset: Dataset
    public let splits: Splits
    private let workers: Int
    private let probe: NetworkProbe
    private var samplers: [LIMESettings.Discretizer: TableSampler] = [:]
    private var predicted: [Split: Inference] = [:]

    /// An explainer of the last model of the session at `path`.
    /// - Parameters:
    ///   - data: another place of the data; nil: where they were.
    ///   - workers: threads that compute.
    /// - Throws: ``SessionError``, ``ModelError``, ``DatasetError``.
    public convenience init(session path: String, data: String?, workers: Int) throws {
        try self.init(TrainedModel(session: path), data: data, workers: workers)
    }

    /// An explainer of `model`.
    public init(_ model: TrainedModel, data: String?, workers: Int) throws {
        (dataset, splits) = try model.load(data: data)
        self.model = model
        self.workers = workers
        let loss = model.spec.training.loss
        if let quantized = model.quantized {
            probe = NetworkProbe(
                model.network, quantized: quantized, loss: loss, preprocessing: model.preprocessing, workers: workers)
        } else {
            probe = try NetworkProbe(
                model.network, weights: model.weights, loss: loss, preprocessing: model.preprocessing,
                workers: workers)
        }
    }

    /// Whether the model takes images.
    public var takesImages: Bool { dataset.columns.isEmpty }

    /// Settings that nobody has changed: 5,000 samples for tables, 1,000 for images.
    public var defaultSettings: LIMESettings { LIMESettings(samples: takesImages ? 1_000 : 5_000) }

    /// Predictions of all examples of a split, in its order; computed once.
    public func predictions(of split: Split) throws -> Inference {
        if let known = predicted[split] { return known }
        let prepared = PreparedExamples(
            dataset.features, labels: dataset.labels, targets: dataset.targets, by: model.preprocessing)
        let found = try model.infer(prepared, splits[split], workers: workers)
        predicted[split] = found
        return found
    }

    // MARK: One example

    /// Explains example `row` of the data set, from 0.
    /// - Parameters:
    ///   - changes: values that a person sets to see what would be: a number, a level, or nothing for a missing value.
    ///   - progress: gets the part that is done, 0 to 1; false: stop.
    /// - Returns: Nil: `progress` said false.
    /// - Throws: ``ExplainError``, or when a streamed image can't be decoded.
    public func explain(
        row: Int, changes: [(column: Int, text: String)] = [], settings: LIMESettings, progress: (Double) -> Bool
    ) throws -> Explanation? {
        try checkRow(row)
        let label = dataset.targets == nil ? Int(dataset.labels[row]) : nil
        if let pixels = try image(row) {
            if !changes.isEmpty { throw ExplainError.noColumns(path: model.path) }
            return explain(pixels, row: row, label: label, settings: settings, progress: progress)
        }
        var values = tableRow(row)
        let changed = try apply(changes, to: &values)
        return try explain(
            values, changed: changed, row: row, label: label, settings: settings, progress: progress)
    }

    /// Explains example `row` by ranges of few features, as `settings` say; where that is no good fit, also by all features with numbers
    /// that stay numbers, and takes that when it fits better; of its features those that weigh most are kept then, as many as were asked
    /// for. Which it was its settings tell.
    ///
    /// Whether a number lies in the same range as the example's tells little of a network that looks at many columns, each a little:
    /// with breast-cancer-mlp five such features explain some 15 % of what it does, all columns as numbers 70 %.
    public func explainByBestFit(
        row: Int, changes: [(column: Int, text: String)] = [], settings: LIMESettings, progress: (Double) -> Bool
    ) throws -> Explanation? {
        try checkRow(row)
        if takesImages { return try explain(row: row, changes: changes, settings: settings, progress: progress) }
        let label = dataset.targets == nil ? Int(dataset.labels[row]) : nil
        var values = tableRow(row)
        let changed = try apply(changes, to: &values)
        return try bestFit(values, changed: changed, row: row, label: label, settings: settings, progress: progress)
    }

    /// The better of two explanations; see ``explainByBestFit(row:changes:settings:progress:)``.
    private func bestFit(
        _ values: [Float], changed: Set<Int>, row: Int?, label: Int?, settings: LIMESettings,
        progress: (Double) -> Bool
    ) throws(ExplainError) -> Explanation? {
        let first = try explain(values, changed: changed, row: row, label: label, settings: settings) {
            progress($0 / 2)
        }
        guard let first, first.surrogates[0].fit != .good else { return first }
        var other = settings
        other.discretizer = .none
        other.selection = .none
        let second = try explain(values, changed: changed, row: row, label: label, settings: other) {
            progress(0.5 + $0 / 2)
        }
        guard var second else { return nil }
        // The surrogate needs all columns to be like the network; a person wants to see those that weigh most.
        for index in second.surrogates.indices {
            second.surrogates[index].terms = Array(second.surrogates[index].terms.prefix(settings.features))
        }
        let order = SurrogateFit.allCases.firstIndex(of:)
        let isBetter = order(second.surrogates[0].fit) ?? 0 < order(first.surrogates[0].fit) ?? 0
        return isBetter ? second : first
    }

    /// Explains the examples of a file, as ``PredictionInput`` reads them; those that were done when `progress` said false.
    public func explain(
        file: String, settings: LIMESettings, progress: (Double) -> Bool
    ) throws -> [Explanation] {
        let input = try PredictionInput(path: file, for: model.preprocessing)
        return try explain(input, settings: settings, progress: progress)
    }

    /// Explains new examples; those that were done when `progress` said false.
    /// - Parameter byBestFit: rows of tables as ``explainByBestFit(row:changes:settings:progress:)`` does.
    public func explain(
        _ input: PredictionInput, byBestFit: Bool = false, settings: LIMESettings, progress: (Double) -> Bool
    ) throws -> [Explanation] {
        var found: [Explanation] = []
        for index in 0..<input.count {
            func part(_ done: Double) -> Bool { progress((Double(index) + done) / Double(input.count)) }
            let explanation: Explanation?
            if let pixels = try input.features.image(index, bytes: model.preprocessing.rawShape.count) {
                explanation = explain(pixels, row: nil, label: nil, settings: settings, progress: part)
            } else if case .floats(let values) = input.features {
                let width = dataset.columns.count
                let row = Array(values[index * width..<(index + 1) * width])
                explanation =
                    try byBestFit
                    ? bestFit(row, changed: [], row: nil, label: nil, settings: settings, progress: part)
                    : explain(row, changed: [], row: nil, label: nil, settings: settings, progress: part)
            } else {
                preconditionFailure("an example is an image or a row")
            }
            guard let explanation else { break }
            found.append(explanation)
        }
        return found
    }

    /// Explanations of example `row` with kernels of several widths, all from the same perturbations; nil: `progress` said false.
    /// - Parameter widths: nil: from a quarter of the usual one to four times it.
    public func kernelWidthSweep(
        row: Int, changes: [(column: Int, text: String)] = [], widths: [Double]? = nil, settings: LIMESettings,
        progress: (Double) -> Bool
    ) throws -> [KernelWidthTrial]? {
        try checkRow(row)
        if let pixels = try image(row) {
            let widths = widths ?? Self.sweptFactors.map { 0.25 * $0 }
            return probe.kernelWidthSweep(
                neighbourhood(pixels).place, widths: widths, settings: settings, progress: progress)
        }
        var values = tableRow(row)
        _ = try apply(changes, to: &values)
        let usual = 0.75 * Double(values.count).squareRoot()
        return probe.kernelWidthSweep(
            TableNeighbourhood(try sampler(settings.discretizer), row: values),
            widths: widths ?? Self.sweptFactors.map { usual * $0 }, settings: settings, progress: progress)
    }

    private static let sweptFactors = [0.25, 0.5, 0.71, 1, 1.41, 2, 4]

    // MARK: Many examples

    /// Examples of the survey that ``FeatureSurvey/picked`` shows at most.
    private static let mostPicked = 5

    /// What matters to the model over many examples of the test split: `rows` of them, evenly chosen, are explained, the
    /// importance by permutation is measured on all of them. Nil: `progress` said false. One seed a row will do: what is shown are means.
    /// - Throws: ``ExplainError`` where the model takes images.
    public func survey(rows: Int = 40, settings: LIMESettings, progress: (Double) -> Bool) throws -> FeatureSurvey? {
        guard !takesImages else { throw ExplainError.surveyNeedsColumns(path: model.path) }
        let test = splits.test
        let count = min(max(1, rows), test.count)
        var settings = settings
        settings.repeats = 1
        let chosen = (0..<count).map { Int(test[$0 * test.count / count]) }
        var weights: [[Double]] = []
        for (index, row) in chosen.enumerated() {
            let found = try explain(row: row, settings: settings) {
                progress(0.7 * (Double(index) + $0) / Double(count))
            }
            guard let found else { return nil }
            var line = [Double](repeating: 0, count: dataset.columns.count)
            for term in found.surrogates[0].terms { line[term.feature] = term.weight }
            weights.append(line)
        }
        let importance = probe.permutationImportance(
            test.flatMap { tableRow(Int($0)) }, labels: test.map { dataset.labels[Int($0)] },
            targets: dataset.targets.map { targets in test.map { targets[Int($0)] } }, seed: settings.seed
        ) { progress(0.7 + 0.3 * $0) }
        guard let importance, progress(1) else { return nil }
        let features = dataset.columns.indices.map { column in
            FeatureSurvey.Feature(
                name: dataset.columns[column].name,
                meanWeight: weights.reduce(0) { $0 + abs($1[column]) } / Double(count),
                importance: importance.means[column], importanceDeviation: importance.deviations[column])
        }
        return FeatureSurvey(
            rows: count, examples: test.count, features: features,
            picked: SubmodularPick.pick(Self.mostPicked, of: weights).map { chosen[$0] }, step: model.step)
    }

    // MARK: Parts

    private func checkRow(_ row: Int) throws(ExplainError) {
        guard dataset.labels.indices.contains(row) else {
            throw .rowOutOfRange(row: row, rows: dataset.count, name: dataset.name)
        }
    }

    private func image(_ row: Int) throws(ExampleError) -> [UInt8]? {
        try dataset.features.image(row, bytes: dataset.shape.count)
    }

    private func tableRow(_ row: Int) -> [Float] {
        guard case .floats(let values) = dataset.features else { preconditionFailure("images have no columns") }
        let width = dataset.columns.count
        return Array(values[row * width..<(row + 1) * width])
    }

    /// The columns as perturbations are drawn from them; fitted once.
    private func sampler(_ discretizer: LIMESettings.Discretizer) throws(ExplainError) -> TableSampler {
        if let known = samplers[discretizer] { return known }
        if discretizer == .entropy, dataset.targets != nil { throw .numbersHaveNoEntropy(path: model.path) }
        guard case .floats(let values) = dataset.features else { preconditionFailure("images have no columns") }
        let made = TableSampler(
            values, columns: dataset.columns, train: splits.train, labels: dataset.labels,
            classes: dataset.classes.count, discretizer: discretizer, preprocessing: model.preprocessing)
        samplers[discretizer] = made
        return made
    }

    /// Puts what a person typed into a row.
    /// - Returns: The columns that were changed.
    private func apply(
        _ changes: [(column: Int, text: String)], to row: inout [Float]
    ) throws(ExplainError) -> Set<Int> {
        for (column, text) in changes {
            guard dataset.columns.indices.contains(column) else {
                throw .columnOutOfRange(column, columns: dataset.columns.count)
            }
            row[column] = try Self.value(text, of: dataset.columns[column])
        }
        return Set(changes.map(\.column))
    }

    /// What `text` means in `column`; nothing at all is a missing value.
    public static func value(_ text: String, of column: Column) throws(ExplainError) -> Float {
        let text = text.trimmingCharacters(in: .whitespaces)
        if text.isEmpty { return .nan }
        switch column.kind {
        case .numeric:
            guard let number = Float(text), number.isFinite else {
                throw .notANumber(column: column.name, text: text)
            }
            return number
        case .category(let levels):
            guard let level = levels.firstIndex(of: text) else {
                throw .unknownLevel(column: column.name, text: text, levels: levels)
            }
            return Float(level)
        }
    }

    /// What a person reads of a value.
    private static func text(_ value: Float, of column: Column) -> String {
        if value.isNaN { return "" }
        if case .category(let levels) = column.kind { return levels[Int(value)] }
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private func explain(
        _ values: [Float], changed: Set<Int>, row: Int?, label: Int?, settings: LIMESettings,
        progress: (Double) -> Bool
    ) throws(ExplainError) -> Explanation? {
        let place = TableNeighbourhood(try sampler(settings.discretizer), row: values)
        guard let found = probe.explain(place, settings: settings, progress: progress) else { return nil }
        let shown = dataset.columns.enumerated().map { index, column in
            Explanation.Value(
                column: column.name, text: Self.text(values[index], of: column), isChanged: changed.contains(index))
        }
        return Explanation(
            row: row, label: label, values: shown, probabilities: found.probabilities, settings: found.settings,
            surrogates: found.surrogates, step: model.step)
    }

    private func neighbourhood(_ pixels: [UInt8]) -> (place: ImageNeighbourhood, superpixels: Superpixels) {
        guard case .image(let channels, let height, let width) = model.preprocessing.rawShape else {
            preconditionFailure("a table's row is no image")
        }
        let superpixels = Superpixels(pixels, channels: channels, height: height, width: width)
        return (
            ImageNeighbourhood(pixels, superpixels: superpixels, preprocessing: model.preprocessing), superpixels
        )
    }

    private func explain(
        _ pixels: [UInt8], row: Int?, label: Int?, settings: LIMESettings, progress: (Double) -> Bool
    ) -> Explanation? {
        let (place, superpixels) = neighbourhood(pixels)
        guard let found = probe.explain(place, settings: settings, progress: progress) else { return nil }
        return Explanation(
            row: row, label: label, picture: Self.picture(pixels, superpixels), probabilities: found.probabilities,
            settings: found.settings, surrogates: found.surrogates, step: model.step)
    }

    /// Image and superpixels small enough to be kept: a small pixel belongs to the superpixel at its middle.
    private static func picture(_ pixels: [UInt8], _ superpixels: Superpixels) -> Explanation.Picture {
        let (height, width) = (superpixels.height, superpixels.width)
        let channels = pixels.count / (height * width)
        let small = Thumbnail(pixels[...], channels: channels, height: height, width: width)
        let segments = (0..<small.height).flatMap { y in
            (0..<small.width).map { x in
                let row = (2 * y + 1) * height / (2 * small.height)
                return superpixels.segments[row * width + (2 * x + 1) * width / (2 * small.width)]
            }
        }
        return Explanation.Picture(
            channels: small.channels, height: small.height, width: small.width, pixels: small.pixels, segments: segments
        )
    }
}
