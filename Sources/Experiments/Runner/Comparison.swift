// Comparison: what variants of a network weigh, what they lose and how quick they are, beside the network itself.
import Engine
import Foundation

/// One variant, measured.
public struct VariantLine: Sendable {
    /// Name of the recipe; "baseline" for the network itself.
    public var variant: String
    /// Bytes of the file, and after gzip.
    public var bytes: Int
    public var gzipBytes: Int
    /// Trained values of the network, and how many weights are not zero.
    public var parameters: Int
    public var nonzeroWeights: Int
    /// Multiply-adds for one example. Zeros count: they are multiplied.
    public var multiplyAdds: Int
    public var accuracy: Double
    /// Wilson's interval.
    public var accuracyInterval: Interval
    public var macroF1: Double?
    /// Fraction of the test examples of which it says the same as the baseline.
    public var agreement: Double
    /// Accuracy of the baseline less its own, in points.
    public var lostPoints: Double
    /// Of McNemar's test against the baseline.
    public var mcNemarP: Double
    /// Median and 95th percentile of the time for a single example, one worker, seconds.
    public var median: Double = 0
    public var percentile95: Double = 0
    /// In batches of 256 examples, all workers; from the median.
    public var imagesPerSecond: Double = 0
    /// What should be known of the numbers; empty: nothing.
    public var note: String
}

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
    private let tuning: FineTuning?
    private let baseline: [Int]
    private let workers: Int
    private let baseHits: [Bool]

    /// Measures the model itself.
    /// - Parameter tuning: how variants that have lost something are trained on; nil: not.
    /// - Throws: ``ConvolutionError``, ``ExampleError``.
    public init(_ maker: VariantMaker, tuning: FineTuning?, workers: Int) throws {
        self.maker = maker
        self.tuning = tuning
        self.workers = workers
        let variant = maker.baseline
        let inference = try maker.infer(variant)
        baseline = inference.predicted(classes: maker.classes)
        baseHits = Self.hits(baseline, inference.labels)
        add(variant, inference, fineTuned: false)
    }

    /// Makes and measures a variant.
    /// - Parameter progress: told the fraction of its training that is done.
    /// - Throws: what ``VariantMaker/make(_:tuning:progress:)`` throws.
    @discardableResult
    public func add(_ recipe: VariantRecipe, progress: @escaping (Double) -> Void = { _ in }) throws -> VariantLine {
        let own = recipe.isTrainable ? tuning : nil
        let variant = try maker.make(recipe, tuning: own, progress: progress)
        return add(variant, try maker.infer(variant), fineTuned: own != nil)
    }

    @discardableResult
    private func add(_ variant: Variant, _ inference: Inference, fineTuned: Bool) -> VariantLine {
        let file = VariantFile.encode(
            variant, of: maker.model.network,
            fineTuned: fineTuned ? (tuning?.epochs ?? 0) * variant.recipe.stagesOfTraining : 0)
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
        if let tuning, fineTuned {
            let stages = variant.recipe.stagesOfTraining * tuning.epochs
            notes.append("trained \(stages) \(stages == 1 ? "epoch" : "epochs") longer than the baseline")
        } else if variant.recipe.isTrainable {
            notes.append("not fine-tuned")
        }
        let line = VariantLine(
            variant: variant.recipe.name, bytes: file.count, gzipBytes: VariantFile.gzipSize(file),
            parameters: variant.network.parameterCount, nonzeroWeights: sparsity.weights - sparsity.zeros,
            multiplyAdds: variant.network.multiplyAdds, accuracy: accuracy, accuracyInterval: interval,
            macroF1: matrix.macroF1,
            agreement: Double(zip(predicted, baseline).count { $0 == $1 }) / Double(total),
            lostPoints: (mcNemar.difference ?? 0) * 100, mcNemarP: mcNemar.pValue, note: notes.joined(separator: "; "))
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

    /// Times all of them.
    /// - Parameter progress: told the fraction that is done.
    /// - Throws: ``ConvolutionError``.
    public func time(progress: (Double) -> Void = { _ in }) throws {
        let clock = ContinuousClock()
        for (batch, workers, calls) in [(1, 1, Self.singles), (Self.batch, self.workers, Self.batches)] {
            let probes = try variants.map { try maker.probe($0, batch: batch, workers: workers) }
            var seconds = probes.map { _ in [Double]() }
            for round in 0..<Self.rounds {
                for (index, probe) in probes.enumerated() {
                    let awake = clock.now + .seconds(Self.settling)
                    repeat { probe.ask() } while clock.now < awake
                    let began = clock.now
                    var done = 0
                    while done == 0 || clock.now - began < .seconds(done < calls ? Self.patience : Self.leastSeconds) {
                        seconds[index].append(clock.measure { probe.ask() } / .seconds(1))
                        done += 1
                    }
                }
                progress((Double(round + 1) / Double(Self.rounds) + (batch == 1 ? 0 : 1)) / 2)
            }
            for index in lines.indices {
                let sorted = seconds[index].sorted()
                let median = sorted[sorted.count / 2]
                if batch == 1 {
                    lines[index].median = median
                    lines[index].percentile95 = sorted[min(sorted.count - 1, sorted.count * 95 / 100)]
                } else {
                    lines[index].imagesPerSecond = Double(batch) / median
                    if variants[index].recipe.channels != nil,
                        lines[index].imagesPerSecond < lines[0].imagesPerSecond * 1.05
                    {
                        lines[index].note +=
                            (lines[index].note.isEmpty ? "" : "; ")
                            + "no quicker with fewer channels: kernels compute whole blocks of them"
                    }
                }
            }
        }
    }

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
    public func search(losingAtMost points: Double, before: (VariantRecipe) -> (Double) -> Void) throws {
        for ladder in Self.ladders {
            for name in ladder {
                let recipe = try VariantRecipe(name)
                if lines.contains(where: { $0.variant == recipe.name }) { continue }
                if try add(recipe, progress: before(recipe)).lostPoints > points + 1e-9 { break }
            }
        }
    }

    /// Keeps the variants in the session, each in the place of an earlier one of the same name.
    /// - Returns: names of those that are too large to be kept.
    /// - Throws: ``SessionError``, when a run has the session open, say.
    public func keep() throws(SessionError) -> [String] {
        guard !files.isEmpty else { return [] }
        let writer = try SessionWriter.open(path: maker.model.path)
        defer { writer.close() }
        var large: [String] = []
        for (name, bytes) in files {
            guard bytes.count <= SessionArtifact.maximumBytes else {
                large.append(name)
                continue
            }
            try writer.storeArtifact(
                SessionArtifact(kind: VariantFile.artifactKind, name: name, step: maker.model.step, body: bytes))
        }
        return large
    }

    private static func hits(_ predicted: [Int], _ labels: [Int32]) -> [Bool] {
        zip(predicted, labels).map { $0 == Int($1) }
    }
}
