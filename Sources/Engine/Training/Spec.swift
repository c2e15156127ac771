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
    /// A built-in or made-up set (`digits`, `breast-cancer`, `iris`, `wine`, `two-moons`, `spirals`, `shapes`)
    /// or a kind of files (`mnist`, `idx`, `cifar10`, `csv`, `folder`) that `path` points to.
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

    /// Name as in a spec.
    public var name: String {
        switch self {
        case .sgd: "sgd"
        case .adam: "adam"
        }
    }

    /// The base learning rate.
    public var learningRate: Float {
        switch self {
        case .sgd(let rate, _, _, _), .adam(let rate, _, _, _): rate
        }
    }
}

/// The training part of a ``Spec``.
public struct TrainingSpec: Sendable, Equatable {
    /// Passes over the training split (at least 1).
    public var epochs: Int = 10
    /// Examples a step (at least 1); the last batch of an epoch may be smaller.
    public var batch: Int = 32
    /// Into how many pieces a batch is cut for the workers; a part of the result, so the same on every machine (1 to 64).
    public var shards: Int = 8
    /// Seed of initial weights, shuffling and dropout.
    public var seed: UInt64 = 1
    public var optimizer: OptimizerSpec = .adam(learningRate: 0.001)
    /// A `stepped` event every this many steps, carrying the mean over them; nil: so many that a run has about 2,000.
    public var logEvery: Int?
    /// A checkpoint every this many seconds at most, beside the one at each epoch's end (more than 0).
    public var checkpointSeconds: Double = 10

    public init() {}
}
