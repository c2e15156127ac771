// TrainingGrammar: what the training part of a spec may say.
import Engine
import Yams

/// Turns the nodes of `training` into a TrainingSpec; what is wrong goes to `problems`.
struct TrainingGrammar {
    private let problems: SpecProblems
    private let positive = { (value: Double) in value > 0 }
    private let part = { (value: Double) in value >= 0 && value < 1 }

    init(_ problems: SpecProblems) { self.problems = problems }

    func training(_ node: Node?) -> TrainingSpec {
        var fields = SpecFields(node, path: "training.", problems)
        var training = TrainingSpec()
        training.epochs = fields.int("epochs", in: 1...1_000_000, default: training.epochs) ?? 1
        training.batch = fields.int("batch", in: 1...65536, default: training.batch) ?? 1
        if fields.has("shards") { training.shards = fields.int("shards", in: 1...64) }
        training.seed = fields.seed("seed", default: training.seed)
        if fields.has("log_every") { training.logEvery = fields.int("log_every", in: 1...1_000_000) }
        training.checkpointSeconds =
            fields.double("checkpoint_seconds", default: training.checkpointSeconds, "more than 0", positive) ?? 10
        training.precision = fields.choice("precision", default: .f32)
        if let node = fields.node("optimizer") { training.optimizer = optimizer(node) ?? training.optimizer }
        if let node = fields.node("loss") { training.loss = loss(node) ?? training.loss }
        if let node = fields.node("class_weights") { training.classWeights = classWeights(node) }
        if training.classWeights != .none, training.loss.isRegression {
            problems.add(
                fields.node("class_weights"),
                "training.class_weights needs classes, but the loss is \(training.loss.name).")
        }
        if let node = fields.node("schedule") { training.schedule = schedule(node) ?? .constant }
        training.warmupSteps = fields.int("warmup_steps", in: 0...100_000_000, default: 0) ?? 0
        if fields.has("clip_norm") { training.clipNorm = fields.float("clip_norm", "more than 0", positive) }
        training.averageDecay = fields.float("average_decay", default: 0, "at least 0 and less than 1", part) ?? 0
        if let node = fields.node("early_stopping") { training.earlyStopping = earlyStopping(node, training.loss) }
        fields.end()
        return training
    }

    /// A word, or one word with its fields: `adam`, `adam: {…}`.
    private func named(_ node: Node) -> (name: String, body: Node?) {
        switch node {
        case .scalar(let scalar): return (scalar.string, nil)
        case .mapping(let mapping):
            if mapping.count == 1, let (key, value) = mapping.first, case .scalar(let scalar) = key {
                return (scalar.string, value)
            }
        case .sequence, .alias: break
        }
        return ("", nil)
    }

    private func complain(_ node: Node, _ field: String, _ name: String, _ known: [String], _ example: String) {
        if let meant = nearest(name, among: known), !name.isEmpty {
            problems.add(node, "training.\(field) \(name) is unknown; did you mean \(meant)?")
        } else {
            problems.add(
                node,
                "training.\(field) must be one of \(known.joined(separator: ", ")), such as \(example), but is \(node.shown)."
            )
        }
    }

    private func optimizer(_ node: Node) -> OptimizerSpec? {
        let (name, body) = named(node)
        var fields = SpecFields(body, path: "training.optimizer.\(name).", problems)
        let partly = "at least 0 and less than 1"
        func rate(_ standard: Float) -> Float {
            fields.float("learning_rate", default: standard, "more than 0", positive) ?? standard
        }
        func fraction(_ key: String, _ standard: Float) -> Float {
            fields.float(key, default: standard, partly, part) ?? standard
        }
        func epsilon(_ standard: Float) -> Float {
            fields.float("epsilon", default: standard, "more than 0", positive) ?? standard
        }
        func decay(_ standard: Float) -> Float {
            fields.float("weight_decay", default: standard, "at least 0") { $0 >= 0 } ?? standard
        }
        defer { fields.end() }
        switch name {
        case "adam":
            return .adam(
                learningRate: rate(0.001), beta1: fraction("beta1", 0.9), beta2: fraction("beta2", 0.999),
                epsilon: epsilon(1e-7))
        case "adamw":
            return .adamW(
                learningRate: rate(0.001), beta1: fraction("beta1", 0.9), beta2: fraction("beta2", 0.999),
                epsilon: epsilon(1e-8), weightDecay: decay(0.01))
        case "sgd":
            return .sgd(
                learningRate: rate(0.01), momentum: fraction("momentum", 0),
                nesterov: fields.bool("nesterov", default: false), weightDecay: decay(0))
        case "rmsprop":
            return .rmsProp(
                learningRate: rate(0.001), alpha: fraction("alpha", 0.99), momentum: fraction("momentum", 0),
                epsilon: epsilon(1e-8), weightDecay: decay(0))
        case "adagrad":
            return .adagrad(learningRate: rate(0.01), epsilon: epsilon(1e-10), weightDecay: decay(0))
        default:
            complain(
                node, "optimizer", name, ["adam", "adamw", "sgd", "rmsprop", "adagrad"],
                "{adam: {learning_rate: 0.001}}")
            return nil
        }
    }

    private func loss(_ node: Node) -> LossSpec? {
        let (name, body) = named(node)
        var fields = SpecFields(body, path: "training.loss.\(name).", problems)
        defer { fields.end() }
        switch name {
        case "softmax_cross_entropy":
            let smoothing = fields.float("label_smoothing", default: 0, "at least 0 and less than 1", part)
            return .softmaxCrossEntropy(labelSmoothing: smoothing ?? 0)
        case "binary_cross_entropy": return .binaryCrossEntropy
        case "mean_squared_error": return .meanSquaredError
        case "huber": return .huber(delta: fields.float("delta", default: 1, "more than 0", positive) ?? 1)
        default:
            complain(
                node, "loss", name, ["softmax_cross_entropy", "binary_cross_entropy", "mean_squared_error", "huber"],
                "{softmax_cross_entropy: {label_smoothing: 0.1}}")
            return nil
        }
    }

    private func classWeights(_ node: Node) -> ClassWeights {
        switch node {
        case .scalar(let scalar) where scalar.string == "balanced": return .balanced
        case .scalar(let scalar) where scalar.string == "none": return .none
        case .sequence(let items):
            let weights = items.compactMap { item -> Float? in
                guard case .scalar(let scalar) = item, let weight = Float(scalar.string), weight.isFinite, weight >= 0
                else { return nil }
                return weight
            }
            if weights.count == items.count, weights.contains(where: { $0 > 0 }) { return .given(weights) }
        default: break
        }
        problems.add(
            node, "training.class_weights must be balanced or a list of one number a class, but is \(node.shown).")
        return .none
    }

    private func schedule(_ node: Node) -> ScheduleSpec? {
        let (name, body) = named(node)
        var fields = SpecFields(body, path: "training.schedule.\(name).", problems)
        func factor(_ standard: Double?) -> Double {
            fields.double("factor", default: standard, "more than 0 and less than 1") { $0 > 0 && $0 < 1 } ?? 0.1
        }
        func minimum() -> Double { fields.double("minimum", default: 0, "at least 0") { $0 >= 0 } ?? 0 }
        defer { fields.end() }
        switch name {
        case "constant": return .constant
        case "step":
            return .step(every: fields.int("every", in: 1...1_000_000) ?? 1, factor: factor(0.1))
        case "exponential": return .exponential(factor: factor(nil))
        case "cosine":
            let epochs = fields.has("epochs") ? fields.int("epochs", in: 1...1_000_000) : nil
            return .cosine(epochs: epochs, minimum: minimum())
        case "one_cycle":
            let maximum = fields.double("maximum", "more than 0", positive)
            let warmup = fields.double("warmup_fraction", default: 0.3, "more than 0 and less than 1") {
                $0 > 0 && $0 < 1
            }
            let initial = fields.double("initial_divisor", default: 25, "at least 1") { $0 >= 1 }
            let final = fields.double("final_divisor", default: 10_000, "at least 1") { $0 >= 1 }
            return maximum.map {
                .oneCycle(
                    maximum: $0, warmupFraction: warmup ?? 0.3, initialDivisor: initial ?? 25,
                    finalDivisor: final ?? 10_000)
            }
        case "reduce_on_plateau":
            return .reduceOnPlateau(
                factor: factor(0.1), patience: fields.int("patience", in: 0...1_000_000, default: 10) ?? 10,
                minimum: minimum())
        default:
            complain(
                node, "schedule", name,
                ["constant", "step", "exponential", "cosine", "one_cycle", "reduce_on_plateau"],
                "{cosine: {minimum: 0.00001}}")
            return nil
        }
    }

    private func earlyStopping(_ node: Node, _ loss: LossSpec) -> EarlyStopping {
        var stopping = EarlyStopping()
        var fields = SpecFields(node, path: "training.early_stopping.", problems)
        stopping.patience = fields.int("patience", in: 1...1_000_000, default: stopping.patience) ?? stopping.patience
        let monitor = fields.node("monitor")
        stopping.monitor = fields.choice("monitor", default: .loss)
        if loss.isRegression, stopping.monitor == .accuracy {
            problems.add(monitor, "training.early_stopping.monitor: numbers have no accuracy; watch the loss.")
        }
        stopping.restoresBest = fields.bool("restore_best", default: true)
        fields.end()
        return stopping
    }
}
