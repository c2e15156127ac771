// SpecGrammar: what a spec may say, field by field.
import Engine
import Foundation
import Yams

/// Turns nodes into a Spec; what is wrong goes to `problems`.
struct SpecGrammar {
    private let problems: SpecProblems

    init(_ problems: SpecProblems) { self.problems = problems }

    /// The whole spec; nil only beside a problem.
    func spec(_ root: Node, file: String) -> Spec? {
        var fields = SpecFields(root, path: "", problems)
        let standardName = ((file as NSString).lastPathComponent as NSString).deletingPathExtension
        let name = fields.string("name") ?? standardName
        let data = data(fields.node("data"), root)
        let training = TrainingGrammar(problems).training(fields.node("training"))
        let network = LayerGrammar(problems).network(fields.node("network"), root, loss: training.loss)
        let augment = AugmentGrammar(problems).augment(fields.node("augment"), data: data)
        fields.end()
        guard let data else { return nil }
        if data.balance != .none, training.loss.isRegression {
            problems.add(
                fields.node("data"),
                "data.balance \(data.balance.rawValue) needs classes, but the loss is \(training.loss.name).")
        }
        var spec = Spec(name: name, data: data, network: network, training: training)
        spec.augment = augment
        return spec
    }

    private func data(_ node: Node?, _ root: Node) -> DataSpec? {
        guard let node else {
            problems.add(root, "data is missing: say which data set, such as data: {dataset: digits}.")
            return nil
        }
        var fields = SpecFields(node, path: "data.", problems)
        var data = DataSpec(dataset: fields.string("dataset") ?? "")
        if data.dataset.isEmpty, case .mapping = node { problems.add(node, "data.dataset is missing.") }
        data.path = fields.string("path")
        data.target = fields.string("target")
        data.ignore = ignore(fields.node("ignore"))
        let fraction = "at least 0 and less than 1"
        let isFraction = { (value: Double) in value >= 0 && value < 1 }
        data.testFraction = fields.double("test_fraction", default: data.testFraction, fraction, isFraction) ?? 0
        data.validationFraction =
            fields.double("validation_fraction", default: data.validationFraction, fraction, isFraction) ?? 0
        data.seed = fields.seed("seed", default: data.seed)
        if fields.has("examples") { data.examples = fields.int("examples", in: 10...10_000_000) }
        data.resize = resize(fields.node("resize"))
        data.grey = fields.bool("grey", default: false)
        data.stream = fields.bool("stream", default: false)
        data.cache = fields.int("cache", in: 1...1_048_576, default: data.cache) ?? data.cache
        data.balance = fields.choice("balance", default: .none)
        if data.balance == .smote, data.isTable == false {
            problems.add(fields.node("balance"), BalanceError.needsTable.description)
        }
        fields.end()
        return data
    }

    private func ignore(_ node: Node?) -> [String] {
        guard let node, !node.isNull else { return [] }
        switch node {
        case .scalar(let scalar): return [scalar.string]
        case .sequence(let items):
            return items.compactMap { item in
                guard case .scalar(let scalar) = item else {
                    problems.add(item, "data.ignore must be a list of column names.")
                    return nil
                }
                return scalar.string
            }
        case .mapping, .alias:
            problems.add(node, "data.ignore must be a list of column names.")
            return []
        }
    }

    private func resize(_ node: Node?) -> ImageSize? {
        guard let node, !node.isNull else { return nil }
        let sides: [Int] =
            switch node {
            case .scalar(let scalar): [scalar.string, scalar.string].compactMap { Int($0) }
            case .sequence(let items):
                items.compactMap { if case .scalar(let scalar) = $0 { Int(scalar.string) } else { nil } }
            case .mapping, .alias: []
            }
        guard sides.count == 2, sides.allSatisfy({ (1...4096).contains($0) }) else {
            problems.add(
                node,
                "data.resize must be [height, width] or one side, each from 1 to 4096 pixels, but is \(node.shown).")
            return nil
        }
        return ImageSize(height: sides[0], width: sides[1])
    }
}
