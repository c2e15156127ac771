// FoldPlan: the folds of a cross-validation as experiments of their own, each with its own training part.
import Engine
import Foundation

/// Why data can't be cut into folds as was asked.
public enum FoldError: Error, Equatable, CustomStringConvertible {
    case number(Int)

    public var description: String {
        switch self {
        case .number(let folds):
            "\(folds) folds make no cross-validation: choose 2 to \(FoldPlan.range.upperBound)."
        }
    }
}

/// How a set is cut into folds, and what is trained on each.
public struct FoldPlan: Sendable {
    /// Folds that may be asked for.
    public static let range = 2...EventLine.mostFolds

    public let folds: Int
    /// The order of the examples was drawn anew before they were cut.
    public let shuffles: Bool
    /// All examples that take part, as one experiment; nothing is trained on it.
    let whole: Experiment
    /// The experiment of each fold: its training part, preprocessing fitted on that alone, and as test split what is kept from it.
    let parts: [Experiment]
    /// What should be known of the folds, in sentences.
    let notes: [String]

    /// Cuts the data of `spec`.
    /// - Parameter shuffles: the examples are shuffled by `data.seed` first; else they are taken in their order.
    /// - Throws: ``FoldError``, ``FoldsError``, ``SplitError``, and what ``Experiment/init(spec:yaml:)`` throws.
    public init(spec: Spec, yaml: String, folds: Int, shuffles: Bool = true) throws {
        guard Self.range.contains(folds) else { throw FoldError.number(folds) }
        self.folds = folds
        self.shuffles = shuffles
        let dataset = try DatasetLoader.load(spec.data, for: spec.training.loss)
        var members = Array(Int32(0)..<Int32(dataset.count))
        if let official = dataset.officialTest { members.removeAll { official.contains(Int($0)) } }
        // Numbers to predict are of one class: plain folds.
        let cut = try Folds(
            stratified: members.map { dataset.labels[Int($0)] }, count: folds, seed: shuffles ? spec.data.seed : nil)
        let tests = (0..<folds).map { fold in cut.test(fold).map { members[Int($0)] } }
        let fraction = Self.validation(of: spec)
        whole = try Experiment(
            spec: spec, yaml: yaml, dataset: dataset,
            splits: Splits(train: members, test: dataset.officialTest.map { $0.map(Int32.init) } ?? []))
        let steps = (members.count - members.count / folds) / max(1, spec.training.batch) * spec.training.epochs
        parts = try tests.enumerated().map { index, test in
            let kept = Set(test)
            let splits = try Splits(
                dataset, test: test, rest: members.filter { !kept.contains($0) }, validation: fraction,
                seed: spec.data.seed)
            var changes = [
                (key: "name", value: SpecFile.quoted("fold \(index + 1) of \(folds)")),
                (key: "training.seed", value: "\(Self.seed(spec.training.seed, fold: index + 1))"),
                (key: "data.validation_fraction", value: "\(fraction)"),
            ]
            if spec.training.logEvery == nil {
                changes.append((key: "training.log_every", value: "\(max(1, steps / Self.loggedSteps))"))
            }
            let (own, ownYAML) = try SpecFile.parse(yaml: yaml, file: spec.name, overrides: changes)
            var ownSpec = own
            // Callers may have changed the spec beyond its text.
            ownSpec.data = spec.data
            ownSpec.data.validationFraction = fraction
            return try Experiment(spec: ownSpec, yaml: ownYAML, dataset: dataset, splits: splits)
        }
        notes = Self.notes(spec, dataset, cut, validation: fraction)
    }

    /// Steps of a fold that its run keeps the losses of, about.
    private static let loggedSteps = 400

    /// The seed of a fold's weights, order and dropout: it follows from the spec's and the fold alone.
    static func seed(_ seed: UInt64, fold: Int) -> UInt64 { seed &* 1_000 &+ UInt64(fold) }

    /// The part of a fold's training examples that decides when it stops or slows down: never the examples kept from it.
    private static func validation(of spec: Spec) -> Double {
        guard needsValidation(spec.training) else { return 0 }
        return spec.data.validationFraction > 0 ? spec.data.validationFraction : 0.1
    }

    private static func needsValidation(_ training: TrainingSpec) -> Bool {
        if case .reduceOnPlateau = training.schedule { return true }
        return training.earlyStopping != nil
    }

    private static func notes(_ spec: Spec, _ dataset: Dataset, _ cut: Folds, validation: Double) -> [String] {
        var notes: [String] = []
        if let official = dataset.officialTest {
            notes.append(
                "The \(official.count) examples that \(dataset.name) sets aside for testing take no part in the folds.")
        }
        if validation > 0, spec.data.validationFraction == 0 {
            notes.append(
                "data.validation_fraction is 0, but training watches a validation split: a tenth of each fold's training part is taken for it."
            )
        }
        if let rare = cut.rareClasses.first {
            let others = cut.rareClasses.count > 1 ? " and \(cut.rareClasses.count - 1) more" : ""
            notes.append(
                "The class '\(dataset.classes[rare])'\(others) has fewer examples than there are folds: some folds are measured without it."
            )
        }
        return notes
    }
}
