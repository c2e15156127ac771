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
        let network = network(fields.node("network"), root)
        let training = training(fields.node("training"))
        let augment = AugmentGrammar(problems).augment(fields.node("augment"), data: data)
        fields.end()
        guard let data else { return nil }
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

    // MARK: network

    private static let layerNames = ["conv", "max_pool", "flatten", "dense", "relu", "dropout"]
    private static let laterLayers = [
        "batch_norm", "layer_norm", "average_pool", "global_average_pool", "depthwise_conv", "separable_conv",
        "residual", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh",
    ]

    private func network(_ node: Node?, _ root: Node) -> [LayerSpec] {
        guard let node else {
            problems.add(root, "network is missing: a list of layers that ends with dense: {units: classes}.")
            return []
        }
        guard case .sequence(let items) = node, !items.isEmpty else {
            problems.add(node, "network must be a list of layers, each on a line that begins with a dash.")
            return []
        }
        guard items.count <= 1000 else {
            problems.add(node, "network has \(items.count) layers; at most 1000 are allowed.")
            return []
        }
        var layers: [LayerSpec] = []
        var vectorsSince: String?
        for (index, item) in items.enumerated() {
            guard let layer = layer(item, index) else { continue }
            switch layer {
            case .conv, .maxPool, .flatten:
                if let before = vectorsSince {
                    problems.add(
                        item,
                        "layer \(index + 1): \(layer.name) needs an image, but \(before) before it has made a vector.")
                }
                if case .flatten = layer { vectorsSince = vectorsSince ?? "flatten" }
            case .dense: vectorsSince = vectorsSince ?? "dense"
            case .activation, .dropout: break
            }
            layers.append(layer)
        }
        if layers.count == items.count, let last = layers.last, let item = items.last {
            guard case .dense(_, let activation) = last else {
                problems.add(
                    item, "the last layer gives the logits, so it must be dense: {units: classes}, not \(last.name).")
                return layers
            }
            if activation != .linear {
                problems.add(
                    item,
                    "the last layer gives the logits, so it takes no activation: drop activation: \(activation.rawValue)."
                )
            }
        }
        return layers
    }

    private func layer(_ node: Node, _ index: Int) -> LayerSpec? {
        let number = index + 1
        let name: String
        var body: Node?
        switch node {
        case .scalar(let scalar): name = scalar.string
        case .mapping(let mapping):
            guard mapping.count == 1, let (key, value) = mapping.first, case .scalar(let scalar) = key else {
                problems.add(node, "layer \(number) must be one name, such as conv: {filters: 32, kernel: 3}.")
                return nil
            }
            (name, body) = (scalar.string, value)
        case .sequence, .alias:
            problems.add(node, "layer \(number) must be one name, such as conv: {filters: 32, kernel: 3}.")
            return nil
        }
        return named(name, node, body, number)
    }

    private func named(_ name: String, _ node: Node, _ body: Node?, _ number: Int) -> LayerSpec? {
        // `dropout: 0.5` is short for `dropout: {rate: 0.5}`.
        var fields = SpecFields(
            name == "dropout" ? body.map(Self.rate) : body, path: "layer \(number) (\(name)): ", problems)
        defer { if Self.layerNames.contains(name) { fields.end(later: ["dilation", "groups", "initializer"]) } }
        switch name {
        case "conv":
            let filters = fields.int("filters", in: 1...65536)
            let kernel = fields.int("kernel", in: 1...255)
            let stride = fields.int("stride", in: 1...255, default: 1)
            let padding = padding(fields.node("padding"), number)
            let activation = fields.choice("activation", default: Activation.linear)
            guard let filters, let kernel, let stride else { return nil }
            return .conv(filters: filters, kernel: kernel, stride: stride, padding: padding, activation: activation)
        case "max_pool":
            guard let size = fields.int("size", in: 1...255) else { return nil }
            return .maxPool(size: size, stride: fields.int("stride", in: 1...255, default: size) ?? size)
        case "flatten": return .flatten
        case "dense":
            var units: Int?
            if case .scalar(let scalar)? = fields.node("units"), scalar.string == "classes" {
                units = nil
            } else {
                guard let number = fields.int("units", in: 1...1_000_000) else { return nil }
                units = number
            }
            return .dense(units: units, activation: fields.choice("activation", default: .linear))
        case "relu": return .activation(.relu)
        case "dropout":
            return fields.float("rate", "at least 0 and less than 1") { $0 >= 0 && $0 < 1 }.map { .dropout(rate: $0) }
        case "softmax":
            problems.add(
                node,
                "layer \(number): drop softmax; the loss is softmax cross-entropy, which takes the logits of the last dense layer and applies softmax itself."
            )
            return nil
        default:
            if Self.laterLayers.contains(name) {
                problems.add(node, "layer \(number): \(name) is not in this version.")
            } else if let meant = nearest(name, among: Self.layerNames) {
                problems.add(node, "layer \(number): \(name) is unknown; did you mean \(meant)?")
            } else {
                problems.add(
                    node, "layer \(number): \(name) is unknown; known are \(Self.layerNames.joined(separator: ", ")).")
            }
            return nil
        }
    }

    private static func rate(_ node: Node) -> Node {
        guard case .scalar = node else { return node }
        return Node.mapping(Node.Mapping([(Node("rate"), node)]))
    }

    private func padding(_ node: Node?, _ number: Int) -> Padding {
        guard let node else { return .valid }
        if case .scalar(let scalar) = node {
            switch scalar.string {
            case "valid": return .valid
            case "same": return .same
            default: if let pixels = Int(scalar.string), (0...254).contains(pixels) { return .explicit(pixels) }
            }
        }
        problems.add(
            node, "layer \(number): padding must be valid, same or a number of pixels up to 254, but is \(node.shown).")
        return .valid
    }

    // MARK: training

    private func training(_ node: Node?) -> TrainingSpec {
        var fields = SpecFields(node, path: "training.", problems)
        var training = TrainingSpec()
        training.epochs = fields.int("epochs", in: 1...1_000_000, default: training.epochs) ?? 1
        training.batch = fields.int("batch", in: 1...65536, default: training.batch) ?? 1
        training.shards = fields.int("shards", in: 1...64, default: training.shards) ?? 1
        training.seed = fields.seed("seed", default: training.seed)
        if fields.has("log_every") { training.logEvery = fields.int("log_every", in: 1...1_000_000) }
        training.checkpointSeconds =
            fields.double("checkpoint_seconds", default: training.checkpointSeconds, "more than 0") { $0 > 0 } ?? 10
        if let precision = fields.string("precision"), precision != "f32" {
            problems.add(fields.node("precision"), "training.precision \(precision) is not in this version; f32 is.")
        }
        if let node = fields.node("optimizer") { training.optimizer = optimizer(node) ?? training.optimizer }
        fields.end(later: ["schedule", "clip_norm", "early_stopping", "loss", "ema"])
        return training
    }

    private func optimizer(_ node: Node) -> OptimizerSpec? {
        var name = ""
        var body: Node?
        if case .scalar(let scalar) = node { name = scalar.string }
        if case .mapping(let mapping) = node, mapping.count == 1, let (key, value) = mapping.first,
            case .scalar(let scalar) = key
        {
            (name, body) = (scalar.string, value)
        }
        var fields = SpecFields(body, path: "training.optimizer.\(name).", problems)
        let positive = { (value: Double) in value > 0 }
        let decay = { (value: Double) in value >= 0 && value < 1 }
        switch name {
        case "adam":
            let rate = fields.float("learning_rate", default: 0.001, "more than 0", positive)
            let beta1 = fields.float("beta1", default: 0.9, "at least 0 and less than 1", decay)
            let beta2 = fields.float("beta2", default: 0.999, "at least 0 and less than 1", decay)
            let epsilon = fields.float("epsilon", default: 1e-7, "more than 0", positive)
            fields.end()
            return .adam(
                learningRate: rate ?? 0.001, beta1: beta1 ?? 0.9, beta2: beta2 ?? 0.999, epsilon: epsilon ?? 1e-7)
        case "sgd":
            let rate = fields.float("learning_rate", default: 0.01, "more than 0", positive)
            let momentum = fields.float("momentum", default: 0, "at least 0 and less than 1", decay)
            let nesterov = fields.bool("nesterov", default: false)
            let weightDecay = fields.float("weight_decay", default: 0, "at least 0") { $0 >= 0 }
            fields.end()
            return .sgd(
                learningRate: rate ?? 0.01, momentum: momentum ?? 0, nesterov: nesterov, weightDecay: weightDecay ?? 0)
        case "adamw", "rmsprop", "adagrad":
            problems.add(node, "training.optimizer \(name) is not in this version; adam and sgd are.")
        default:
            problems.add(
                node,
                "training.optimizer must be adam or sgd, such as {adam: {learning_rate: 0.001}}, but is \(node.shown).")
        }
        return nil
    }
}
