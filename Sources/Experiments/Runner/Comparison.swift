// Comparison: what variants of a network weigh, what they lose and how quick they are, beside the network itself.
import Engine
import Foundation

/// Variants of one model, measured one after the other on the same examples and then timed in turns.
///
/// Not Sendable: one thread owns it.
public final class Comparison {
    public let maker: VariantMaker
    /// The baseline first.
    public private(set) var lines: [VariantLine] = []
    /// The files of the variants, in their order, without the baseline.
    public private(set) var files: [(name: String, bytes: Data)] = []
    private var variants: [Variant] = []
    /// How variants that have lost something are trained on; nil: not.
    public var tuning: FineTuning?
    private let baseline: [Int]
    private let baseHits: [Bool]

    /// Measures the model itself.
    /// - Parameter tuning: how variants that have lost something are trained on; nil: not.
    /// - Throws: ``ConvolutionError``, ``ExampleError``.
    public init(_ maker: VariantMaker, tuning: FineTuning?) throws {
        self.maker = maker
        self.tuning = tuning
        let variant = maker.baseline
        let inference = try maker.infer(variant)
        baseline = inference.predicted(classes: maker.classes)
        baseHits = Self.hits(baseline, inference.labels)
        add(variant, inference, epochs: 0)
    }

    /// Makes and measures a variant.
    /// - Parameter progress: told the fraction of its training that is done; what it throws ends it.
    /// - Throws: what ``VariantMaker/make(_:tuning:progress:)`` throws.
    @discardableResult
    public func add(_ recipe: VariantRecipe, progress: @escaping (Double) throws -> Void = { _ in }) throws
        -> VariantLine
    {
        let own = recipe.needsTraining ? (tuning ?? .usual) : recipe.isTrainable ? tuning : nil
        let variant = try maker.make(recipe, tuning: own, progress: progress)
        return add(
            variant, try maker.infer(variant), epochs: (own?.epochs ?? 0) * recipe.stagesOfTraining)
    }

    /// - Parameter epochs: that it was trained on for.
    @discardableResult
    private func add(_ variant: Variant, _ inference: Inference, epochs: Int) -> VariantLine {
        let file = VariantFile.encode(variant, of: maker.model.network, fineTuned: epochs)
        let predicted = inference.predicted(classes: maker.classes)
        let hits = Self.hits(predicted, inference.labels)
        let matrix = ConfusionMatrix(
            labels: inference.labels.map(Int.init), predicted: predicted, classes: maker.classes)
        let (right, total) = (hits.count { $0 }, hits.count)
        guard let interval = Interval.wilson(right, of: total), let accuracy = matrix.accuracy else {
            preconditionFailure("a test split is not empty")
        }
        let sparsity = variant.sparsity
        let mcNemar = McNemarTest(first: baseHits, second: hits)
        var notes = [variant.recipe.noteOfSpeed].compactMap { $0 }
        notes += variant.quantized?.notes ?? []
        if epochs > 0 {
            notes.append("trained \(epochs) \(epochs == 1 ? "epoch" : "epochs") longer than the baseline")
        } else if variant.recipe.isTrainable {
            notes.append("not fine-tuned")
        }
        var line = VariantLine(
            variant: variant.recipe.name, step: maker.model.step, bytes: file.count,
            gzipBytes: VariantFile.gzipSize(file),
            parameters: variant.network.parameterCount, nonzeroWeights: sparsity.weights - sparsity.zeros,
            multiplyAdds: variant.network.multiplyAdds, accuracy: accuracy, accuracyInterval: interval,
            agreement: Double(zip(predicted, baseline).count { $0 == $1 }) / Double(total),
            lostPoints: (mcNemar.difference ?? 0) * 100, mcNemarP: mcNemar.pValue, note: notes.joined(separator: "; "))
        line.epochs = epochs
        line.macroF1 = matrix.macroF1
        line.auc = ClassReport.area(
            probabilities: inference.probabilities, labels: inference.labels, classes: maker.classes)
        line.recalls = matrix.perClass.map { $0.recall ?? .nan }
        let arrays = Set(variant.network.parameters.filter(\.isWeight).map(\.name))
        line.weights = WeightHistogram.all(of: variant.weights.filter { arrays.contains($0.name) })
        // The same variant again takes the place of the one before.
        if let index = lines.firstIndex(where: { $0.variant == line.variant }) {
            lines.remove(at: index)
            variants.remove(at: index)
            files.removeAll { $0.name == line.variant }
        }
        lines.append(line)
        if !variants.isEmpty { files.append((line.variant, file)) }
        variants.append(variant)
        return line
    }

    /// Rounds of timing: who is timed takes turns, so that what else the machine does falls on all alike.
    private static let rounds = 9
    /// Calls of a turn: so many, and more until a hundredth of a second is over; at most what lasts for ``patience`` seconds.
    private static let singles = 60
    private static let batches = 6
    private static let leastSeconds = 0.01
    private static let patience = 0.2
    /// Seconds of calls before those of a turn: while others had theirs the workers slept, and the caches were somebody else's.
    private static let settling = 0.003
    /// Examples of a batch.
    public static let batch = 256

    /// Times them, in turns.
    /// - Parameters:
    ///   - only: the variant that is timed beside the baseline, by its name; nil: all.
    ///   - progress: told the fraction that is done; what it throws ends it.
    /// - Throws: what `progress` throws.
    public func time(only: String? = nil, progress: (Double) throws -> Void = { _ in }) throws {
        let clock = ContinuousClock()
        for (batch, calls) in [(1, Self.singles), (Self.batch, Self.batches)] {
            let places = lines.indices.filter { only == nil || $0 == 0 || lines[$0].variant == only }
            let probes = places.map { maker.probe(variants[$0], batch: batch) }
            // By probe and round.
            var seconds = probes.map { _ in [[Double]]() }
            for round in 0..<Self.rounds {
                for (index, probe) in probes.enumerated() {
                    let awake = clock.now + .seconds(Self.settling)
                    repeat { probe.ask() } while clock.now < awake
                    seconds[index].append([])
                    let began = clock.now
                    var done = 0
                    while done == 0 || clock.now - began < .seconds(done < calls ? Self.patience : Self.leastSeconds) {
                        seconds[index][round].append(clock.measure { probe.ask() } / .seconds(1))
                        done += 1
                    }
                }
                try progress((Double(round + 1) / Double(Self.rounds) + (batch == 1 ? 0 : 1)) / 2)
            }
            for (place, index) in places.enumerated() {
                let sorted = seconds[place].flatMap { $0 }.sorted()
                let median = sorted[sorted.count / 2]
                // Once timed, the baseline keeps its time: each variant says what it is to that of its own turns.
                if index == 0, only != nil, batch == 1 ? lines[0].median > 0 : lines[0].imagesPerSecond > 0 { continue }
                if batch == 1 {
                    lines[index].median = median
                    lines[index].percentile95 = sorted[min(sorted.count - 1, sorted.count * 95 / 100)]
                } else {
                    // The quickest round, and ratios round by round: what disturbs some of them does not count.
                    lines[index].imagesPerSecond = Double(batch) / (seconds[place].map(Self.median).min() ?? median)
                    let times = zip(seconds[0], seconds[place]).map { Self.median($0) / Self.median($1) }
                    lines[index].speedup = Self.median(times)
                    guard lines[index].speedup < 1.05 else { continue }
                    var reasons: [String] = []
                    if variants[index].recipe.channels != nil {
                        reasons.append("no quicker with fewer channels: kernels compute whole blocks of them")
                    }
                    if variants[index].quantized != nil {
                        reasons.append("no quicker in bytes: too little of its time is arithmetic")
                    }
                    let known = lines[index].note.isEmpty ? [] : [lines[index].note]
                    lines[index].note = (known + reasons).joined(separator: "; ")
                }
            }
        }
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// The smallest of the lines that loses at most `points` of accuracy; nil: none but the baseline does.
    public func smallest(losingAtMost points: Double) -> VariantLine? {
        lines.dropFirst().filter { $0.lostPoints <= points + 1e-9 }.min { $0.bytes < $1.bytes }
    }

    /// Families of variants, each getting smaller: where one loses too much, those behind it are not tried.
    public static let ladders: [[String]] = [
        ["f16", "int8", "int4"],
        ["cluster16", "prune50+cluster16", "prune80+cluster16", "prune90+cluster16", "prune95+cluster16"],
        ["channels25+int4", "channels50+int4", "channels75+int4"],
        ["channels50+prune50+cluster16", "channels50+prune80+cluster16", "channels50+prune90+cluster16"],
    ]

    /// Makes and measures variants, smaller and smaller ones, as long as they lose at most `points`.
    /// - Parameter before: told of each before it is made.
    /// - Throws: what ``add(_:progress:)`` throws.
    public func search(losingAtMost points: Double, before: (VariantRecipe) throws -> (Double) throws -> Void) throws {
        for ladder in Self.ladders {
            for name in ladder {
                let recipe = try VariantRecipe(name)
                if lines.contains(where: { $0.variant == recipe.name }) { continue }
                if try add(recipe, progress: try before(recipe)).lostPoints > points + 1e-9 { break }
            }
        }
    }

    /// Test examples that sensitivity asks about, at most.
    private static let sensed = 2_000

    /// Makes each layer smaller alone and looks what that costs.
    /// - Parameter progress: told the fraction that is done; what it throws ends it.
    /// - Throws: ``VariantError``, ``ConvolutionError``, ``ExampleError``.
    public func sensitivity(
        _ treatments: [String] = LayerSensitivity.usualTreatments, progress: (Double) throws -> Void = { _ in }
    ) throws -> LayerSensitivity {
        let model = maker.model
        let layers = model.network.layers.filter { $0.parameters.contains(where: \.isWeight) }
        let examples = min(maker.testCount, Self.sensed)
        func accuracy(_ weights: [ParameterValues]) throws -> Double {
            let inference = try maker.infer(model.network, weights, examples: examples)
            let hits = Self.hits(inference.predicted(classes: maker.classes), inference.labels)
            return Double(hits.count { $0 }) / Double(hits.count)
        }
        let whole = try accuracy(model.weights)
        var found: [LayerSensitivity.Layer] = []
        for (place, layer) in layers.enumerated() {
            var lost: [Double] = []
            for (index, name) in treatments.enumerated() {
                try progress(
                    Double(place * treatments.count + index) / Double(max(1, layers.count * treatments.count)))
                let names = Set(layer.parameters.filter(\.isWeight).map(\.name))
                let smaller = try VariantRecipe(name).applied(to: model.weights, of: model.network, only: names)
                lost.append((whole - (try accuracy(smaller))) * 100)
            }
            found.append(LayerSensitivity.Layer(number: layer.index + 1, name: layer.summary, lostPoints: lost))
        }
        return LayerSensitivity(step: model.step, examples: examples, treatments: treatments, layers: found)
    }

    /// Keeps the variants in the session, each in the place of an earlier one of the same name.
    /// - Parameter recording: what was measured becomes events, so that the screen Compare shows it.
    /// - Returns: names of those that are too large to be kept.
    /// - Throws: ``SessionError``, when a run has the session open, say.
    public func keep(recording: Bool = false) throws(SessionError) -> [String] {
        guard !files.isEmpty || recording else { return [] }
        let writer = try SessionWriter.open(path: maker.model.path)
        defer { writer.close() }
        var large: [String] = []
        for file in files where try !store(file.name, in: writer) { large.append(file.name) }
        if recording { try writer.append(lines.map(RunEvent.compared)) }
        return large
    }

    /// Keeps one variant in the session that `writer` has open.
    /// - Returns: whether it is small enough to be kept.
    @discardableResult
    func store(_ name: String, in writer: SessionWriter) throws(SessionError) -> Bool {
        guard let file = files.first(where: { $0.name == name }) else { preconditionFailure("there is no \(name)") }
        guard file.bytes.count <= SessionArtifact.maximumBytes else { return false }
        try writer.storeArtifact(
            SessionArtifact(kind: VariantFile.artifactKind, name: name, step: maker.model.step, body: file.bytes))
        return true
    }

    private static func hits(_ predicted: [Int], _ labels: [Int32]) -> [Bool] {
        zip(predicted, labels).map { $0 == Int($1) }
    }
}
