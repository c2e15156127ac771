// Spec: what to train, a value. Experiments/Specs reads it from YAML and validates it whole; past that it is trusted.

/// What to train: the data, the network, and how.
public struct Spec: Sendable, Equatable {
    public var name: String
    public var data: DataSpec
    public var network: [LayerSpec]
    public var training: TrainingSpec
    /// What is done to the training examples, in this order.
    public var augment: [Augmentation] = []

    public init(name: String, data: DataSpec, network: [LayerSpec], training: TrainingSpec) {
        self.name = name
        self.data = data
        self.network = network
        self.training = training
    }
}

/// Which examples, and how they are split and preprocessed.
public struct DataSpec: Sendable, Equatable {
    /// A built-in or made-up set (`digits`, `breast-cancer`, `iris`, `wine`, `two-moons`, `spirals`, `friedman`, `shapes`)
    /// or a kind of files (`mnist`, `idx`, `cifar10`, `npz`, `npy`, `csv`, `folder`) that `path` points to.
    public var dataset: String
    /// A file or folder; nil for built-in sets.
    public var path: String?
    /// Label column of a CSV file; nil: the last one.
    public var target: String?
    /// Columns of a CSV file that are left out.
    public var ignore: [String] = []
    /// Fraction of all examples that becomes the test split when the set has no official one (0 to less than 1).
    public var testFraction: Double = 0.2
    /// Fraction of the training part that becomes the validation split; 0: curves watch the test part.
    public var validationFraction: Double = 0.1
    /// Seed of the split, and of made-up sets.
    public var seed: UInt64 = 42
    /// Examples to make, for made-up sets; nil: the set's own default.
    public var examples: Int?
    /// Resize images to (height, width); nil: as they are.
    public var resize: ImageSize?
    /// Turn colour images to grey (ITU-R BT.601 luma).
    public var grey: Bool = false
    /// Decode the images of a folder when they are wanted instead of keeping all in memory; false: only when they would take
    /// more than half of it.
    public var stream: Bool = false
    /// MiB of decoded images that are kept while streaming.
    public var cache: Int = 512
    /// What is done about classes of different size.
    public var balance: Balance = .none

    public init(dataset: String) { self.dataset = dataset }
}

/// Height and width in pixels.
public struct ImageSize: Sendable, Equatable, Codable {
    public var height: Int
    public var width: Int
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }
}

/// How parameters follow gradients.
public enum OptimizerSpec: Sendable, Equatable {
    /// v = momentum·v + g + weightDecay·p; p -= rate·v, or with Nesterov p -= rate·(g + momentum·v) (Sutskever et al. 2013, as PyTorch states it).
    case sgd(learningRate: Float, momentum: Float = 0, nesterov: Bool = false, weightDecay: Float = 0)
    /// Kingma & Ba 2015, algorithm 1.
    case adam(learningRate: Float, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-7)
    /// Adam with decoupled weight decay: p *= 1 - rate·weightDecay before the step (Loshchilov & Hutter 2019, algorithm 2).
    case adamW(
        learningRate: Float, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0.01)
    /// v = alpha·v + (1-alpha)·g²; p -= rate·g/(√v + epsilon), with momentum on that quotient (Tieleman & Hinton 2012).
    case rmsProp(
        learningRate: Float, alpha: Float = 0.99, momentum: Float = 0, epsilon: Float = 1e-8, weightDecay: Float = 0)
    /// v += g²; p -= rate·g/(√v + epsilon) (Duchi, Hazan & Singer 2011).
    case adagrad(learningRate: Float, epsilon: Float = 1e-10, weightDecay: Float = 0)

    /// Name as in a spec.
    public var name: String {
        switch self {
        case .sgd: "sgd"
        case .adam: "adam"
        case .adamW: "adamw"
        case .rmsProp: "rmsprop"
        case .adagrad: "adagrad"
        }
    }

    /// The base learning rate.
    public var learningRate: Float {
        switch self {
        case .sgd(let rate, _, _, _), .adam(let rate, _, _, _), .adamW(let rate, _, _, _, _),
            .rmsProp(let rate, _, _, _, _), .adagrad(let rate, _, _):
            rate
        }
    }

    /// Whether it keeps a second moment of the gradients.
    public var usesSecondMoment: Bool {
        if case .sgd = self { false } else { true }
    }
}

/// What training makes small.
public enum LossSpec: Sendable, Equatable {
    /// Of the logits of all classes; targets are 1 - labelSmoothing at the label, the rest spread evenly (Szegedy et al. 2016).
    case softmaxCrossEntropy(labelSmoothing: Float = 0)
    /// Of one logit, for two classes; the second class is the positive one.
    case binaryCrossEntropy
    /// (prediction - target)², for numbers.
    case meanSquaredError
    /// Quadratic up to `delta`, linear beyond (Huber 1964), for numbers.
    case huber(delta: Float = 1)

    /// Name as in a spec.
    public var name: String {
        switch self {
        case .softmaxCrossEntropy: "softmax_cross_entropy"
        case .binaryCrossEntropy: "binary_cross_entropy"
        case .meanSquaredError: "mean_squared_error"
        case .huber: "huber"
        }
    }

    /// Targets are numbers, not classes.
    public var isRegression: Bool {
        switch self {
        case .softmaxCrossEntropy, .binaryCrossEntropy: false
        case .meanSquaredError, .huber: true
        }
    }

    /// Values that the network must give for data of `classes` classes, or of `classes` numbers to predict.
    public func outputs(classes: Int) -> Int {
        if case .binaryCrossEntropy = self { 1 } else { classes }
    }
}

/// How much the examples of a class count in the loss.
public enum ClassWeights: Sendable, Equatable {
    case none
    /// examples / (classes · examples of the class), counted on the training split.
    case balanced
    /// One number a class, in the order of the classes.
    case given([Float])
}

/// How the learning rate changes over a run.
public enum ScheduleSpec: Sendable, Equatable {
    case constant
    /// Times `factor` after every `every` epochs.
    case step(every: Int, factor: Double)
    /// Times `factor` after each epoch.
    case exponential(factor: Double)
    /// From the base to `minimum` along half a cosine in `epochs` epochs (nil: the whole run), step by step; then it stays
    /// (Loshchilov & Hutter 2017, without restarts).
    case cosine(epochs: Int? = nil, minimum: Double = 0)
    /// Up from maximum / initialDivisor to `maximum` in the first `warmupFraction` of all steps, then down to the start /
    /// finalDivisor, both along half a cosine (Smith & Topin 2018, as PyTorch states it). The base rate plays no part.
    case oneCycle(
        maximum: Double, warmupFraction: Double = 0.3, initialDivisor: Double = 25, finalDivisor: Double = 10_000)
    /// Times `factor` when the watched loss has not fallen (by a part in 10,000) for more than `patience` epochs.
    case reduceOnPlateau(factor: Double = 0.1, patience: Int = 10, minimum: Double = 0)

    /// Name as in a spec.
    public var name: String {
        switch self {
        case .constant: "constant"
        case .step: "step"
        case .exponential: "exponential"
        case .cosine: "cosine"
        case .oneCycle: "one_cycle"
        case .reduceOnPlateau: "reduce_on_plateau"
        }
    }
}

/// What the products of convolutions and dense layers are made of. Sums, weights, moments and everything else are float32.
public enum Precision: String, Sendable, CaseIterable {
    case f32
    /// Inputs, weights and gradients of convolutions and dense layers are rounded to bfloat16 first (Kalamkar et al. 2019).
    /// Evaluation stays float32.
    case bf16
}

/// When a run ends before its last epoch.
public struct EarlyStopping: Sendable, Equatable {
    /// What is watched on the validation split.
    public enum Monitor: String, Sendable, CaseIterable { case loss, accuracy }
    public var monitor = Monitor.loss
    /// Epochs without a new best after which training stops (at least 1).
    public var patience = 5
    /// The weights of the best epoch are those that remain.
    public var restoresBest = true

    public init() {}
}

/// The training part of a ``Spec``.
public struct TrainingSpec: Sendable, Equatable {
    /// Passes over the training split (at least 1).
    public var epochs: Int = 10
    /// Examples a step (at least 1); the last batch of an epoch may be smaller.
    public var batch: Int = 32
    /// Into how many pieces a batch is cut for the workers (1 to 64); a part of the result, so the same on every machine.
    /// Nil: as many as the batch and the network ask for, see ``shards(of:batch:)``.
    public var shards: Int?
    /// Seed of initial weights, shuffling, dropout and augmentation.
    public var seed: UInt64 = 1
    public var optimizer: OptimizerSpec = .adam(learningRate: 0.001)
    public var loss: LossSpec = .softmaxCrossEntropy()
    public var classWeights = ClassWeights.none
    public var schedule: ScheduleSpec = .constant
    /// Steps over which the learning rate grows from 0 to what the schedule says.
    public var warmupSteps: Int = 0
    /// Largest norm of the gradient of all parameters together; a longer one is shortened to it (Pascanu et al. 2013). Nil: any.
    public var clipNorm: Float?
    /// Decay of an exponential moving average of the weights, which is what is evaluated and kept (Polyak & Juditsky 1992);
    /// 0: none.
    public var averageDecay: Float = 0
    public var earlyStopping: EarlyStopping?
    public var precision = Precision.f32
    /// A `stepped` event every this many steps, carrying the mean over them; nil: so many that a run has about 2,000.
    public var logEvery: Int?
    /// A checkpoint every this many seconds at most, beside the one at each epoch's end (more than 0).
    public var checkpointSeconds: Double = 10

    public init() {}

    /// The shards of a batch of `batch` examples for `network`: ``shards``, or 8, and for images so many more that a shard has
    /// four of them, whose activations a core can keep in its cache, as long as the shards' gradients stay below 32 MiB.
    public func shards(of network: Network, batch: Int) -> Int {
        if let shards { return shards }
        guard case .image = network.input else { return 8 }
        // Wide dense weights have no gradients by shards.
        let summed = network.parameters.reduce(0) { sum, parameter in
            let isWide = parameter.shape.count == 2 && parameter.count >= wideWeights
            return parameter.isTrained && !isWide ? sum + parameter.count : sum
        }
        return max(8, min(64, (8 << 20) / max(1, summed), (batch + 3) / 4))
    }
}
