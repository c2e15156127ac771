// Explanation: what LIME says of one prediction, small enough to be an event.

/// How an explanation is made. What is not said otherwise is as in Ribeiro, Singh & Guestrin 2016, "Why should I trust you?",
/// and the authors' Python package.
public struct LIMESettings: Sendable, Equatable {
    /// Perturbations that the model is asked about: 5,000 for tables, 1,000 for images; doubled where the ranking asks for it.
    public var samples: Int
    /// Features (columns or superpixels) that the surrogate may use.
    public var features: Int
    /// Width of the kernel; nil: 0.75·√columns for tables, 0.25 for images.
    public var kernelWidth: Double?
    /// How columns of numbers become bins.
    public var discretizer: Discretizer
    public var selection: FeatureSelection
    public var seed: UInt64
    /// Explanations with seeds `seed`, `seed` + 1, … that are made for the spread of the weights; at least 1.
    public var repeats: Int

    /// How columns of numbers become bins.
    public enum Discretizer: String, Sendable, CaseIterable {
        case quartile, decile, entropy
        /// Numbers stay numbers, standardised.
        case none
    }

    /// Which features the surrogate uses.
    public enum FeatureSelection: String, Sendable, CaseIterable {
        /// `forward` for up to 6 features, else `highest`.
        case auto
        /// Those with the largest products of weight and value in a first surrogate of all.
        case highest
        /// One after the other, each time the one that explains most.
        case forward
        /// All of them.
        case none
    }

    /// What may be asked for.
    public static let mostSamples = 1_000_000
    public static let mostRepeats = 1_000

    public init(
        samples: Int = 5_000, features: Int = 5, kernelWidth: Double? = nil, discretizer: Discretizer = .quartile,
        selection: FeatureSelection = .auto, seed: UInt64 = 1, repeats: Int = 5
    ) {
        self.samples = samples
        self.features = features
        self.kernelWidth = kernelWidth
        self.discretizer = discretizer
        self.selection = selection
        self.seed = seed
        self.repeats = repeats
    }
}

/// How far a surrogate may be believed.
public enum SurrogateFit: String, Sendable, CaseIterable {
    case good, fair, poor
}

/// A linear model that stands for the network near one example, for the probability of one class.
public struct Surrogate: Sendable, Equatable {
    /// Index of the explained class; 0 where a number is predicted.
    public var classIndex: Int
    public var intercept: Double
    /// Weighted coefficient of determination over the perturbations: the surrogate's fidelity, at most 1.
    public var rSquared: Double
    /// What the surrogate says of the example itself.
    public var localPrediction: Double
    /// What the network says of it.
    public var modelPrediction: Double
    /// The features used, the largest weight without its sign first. Means over the repeats.
    public var terms: [Term]
    public var fit: SurrogateFit
    /// Fraction of the repeats whose first feature is the first of `terms`, 0 to 1.
    public var agreement: Double

    public init(
        classIndex: Int, intercept: Double, rSquared: Double, localPrediction: Double, modelPrediction: Double,
        terms: [Term], fit: SurrogateFit, agreement: Double
    ) {
        self.classIndex = classIndex
        self.intercept = intercept
        self.rSquared = rSquared
        self.localPrediction = localPrediction
        self.modelPrediction = modelPrediction
        self.terms = terms
        self.fit = fit
        self.agreement = agreement
    }

    /// One feature's part.
    public struct Term: Sendable, Equatable {
        /// Column, or superpixel, from 0.
        public var feature: Int
        /// "13.37 < mean radius <= 15.78", "sex = female", "mean radius"; for images "superpixel 7".
        public var text: String
        /// Change of the probability (of the number, in its own units) by the feature being as it is.
        public var weight: Double
        /// The smallest and the largest weight of the repeats.
        public var low: Double
        public var high: Double
        public init(feature: Int, text: String, weight: Double, low: Double, high: Double) {
            self.feature = feature
            self.text = text
            self.weight = weight
            self.low = low
            self.high = high
        }
    }
}

/// Why the model said what it said of one example.
public struct Explanation: Sendable, Equatable {
    /// The example's place in the data set, from 0; nil: it came from elsewhere.
    public var row: Int?
    /// Index of its true class; nil: unknown, or a number is predicted.
    public var label: Int?
    /// A table's row, a value a column; empty for images.
    public var values: [Value]
    /// An image and its superpixels; nil for tables.
    public var picture: Picture?
    /// The model's probabilities of all classes; where a number is predicted that number alone.
    public var probabilities: [Float]
    /// How it was made: samples and kernel width as they were in the end.
    public var settings: LIMESettings
    /// The explained classes, the most probable first; at least one.
    public var surrogates: [Surrogate]
    /// Step of the weights that were explained.
    public var step: Int

    public init(
        row: Int?, label: Int?, values: [Value] = [], picture: Picture? = nil, probabilities: [Float],
        settings: LIMESettings, surrogates: [Surrogate], step: Int
    ) {
        self.row = row
        self.label = label
        self.values = values
        self.picture = picture
        self.probabilities = probabilities
        self.settings = settings
        self.surrogates = surrogates
        self.step = step
    }

    /// A value of a table's row as a person reads it.
    public struct Value: Sendable, Equatable {
        public var column: String
        /// "17.99", "female"; empty: missing.
        public var text: String
        /// A person set it to see what would be.
        public var isChanged: Bool
        public init(column: String, text: String, isChanged: Bool = false) {
            self.column = column
            self.text = text
            self.isChanged = isChanged
        }
    }

    /// An image of at most 32x32, and which superpixel each pixel belongs to.
    public struct Picture: Sendable, Equatable {
        /// 1 or 3.
        public var channels: Int
        public var height: Int
        public var width: Int
        /// (channels, height, width).
        public var pixels: [UInt8]
        /// (height, width), from 0.
        public var segments: [Int]
        public init(channels: Int, height: Int, width: Int, pixels: [UInt8], segments: [Int]) {
            precondition(
                pixels.count == channels * height * width && segments.count == height * width,
                "\(pixels.count) values and \(segments.count) segments of \(channels)x\(height)x\(width)")
            self.channels = channels
            self.height = height
            self.width = width
            self.pixels = pixels
            self.segments = segments
        }
        /// The longest side that is kept.
        public static let maximumSide = 32
    }
}

/// What matters to the model over many examples.
public struct FeatureSurvey: Sendable, Equatable {
    /// Explained examples.
    public var rows: Int
    /// Examples that the importance by permutation was measured on.
    public var examples: Int
    public var features: [Feature]
    /// Places in the data set of the examples that together show most of what matters (submodular pick, Ribeiro et al. 2016,
    /// algorithm 2), the most telling first.
    public var picked: [Int]
    /// Step of the weights.
    public var step: Int

    public init(rows: Int, examples: Int, features: [Feature], picked: [Int], step: Int) {
        self.rows = rows
        self.examples = examples
        self.features = features
        self.picked = picked
        self.step = step
    }

    /// One column.
    public struct Feature: Sendable, Equatable {
        public var name: String
        /// Mean over the explained examples of the weight without its sign, for the most probable class.
        public var meanWeight: Double
        /// Accuracy that is lost when the column is shuffled among the examples, mean and deviation over the shufflings
        /// (Breiman 2001); where a number is predicted the RMSE that is gained.
        public var importance: Double
        public var importanceDeviation: Double
        public init(name: String, meanWeight: Double, importance: Double, importanceDeviation: Double) {
            self.name = name
            self.meanWeight = meanWeight
            self.importance = importance
            self.importanceDeviation = importanceDeviation
        }
    }
}
