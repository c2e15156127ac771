// VariantLine: what was measured of a variant beside the network it was made of, and how much each layer alone can stand.

/// One variant, measured on the test split and timed on this machine.
public struct VariantLine: Sendable, Equatable {
    /// Name of the recipe; "baseline" for the network itself.
    public var variant: String
    /// Step of the run whose weights it was made of.
    public var step: Int
    /// Epochs that it was trained on for.
    public var epochs = 0
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
    /// Mean over the classes of the area under the ROC curve, each against the rest.
    public var auc: Double?
    /// Recall of each class; NaN where it has no examples.
    public var recalls: [Double] = []
    /// Fraction of the test examples of which it says the same as the baseline.
    public var agreement: Double
    /// Accuracy of the baseline less its own, in points.
    public var lostPoints: Double
    /// Of McNemar's test against the baseline.
    public var mcNemarP: Double
    /// Median and 95th percentile of the time for a single example, all workers, seconds.
    public var median: Double = 0
    public var percentile95: Double = 0
    /// In batches of 256 examples, all workers; of several rounds the quickest one's median.
    public var imagesPerSecond: Double = 0
    /// How many times as many as the baseline in the same round; the median over the rounds.
    public var speedup: Double = 1
    /// What should be known of the numbers; empty: nothing.
    public var note: String
    /// Histograms of the weights that it runs with, an array of convolutions and dense layers each.
    public var weights: [WeightHistogram] = []

    public init(
        variant: String, step: Int, bytes: Int, gzipBytes: Int, parameters: Int, nonzeroWeights: Int,
        multiplyAdds: Int, accuracy: Double, accuracyInterval: Interval, agreement: Double, lostPoints: Double,
        mcNemarP: Double, note: String
    ) {
        self.variant = variant
        self.step = step
        self.bytes = bytes
        self.gzipBytes = gzipBytes
        self.parameters = parameters
        self.nonzeroWeights = nonzeroWeights
        self.multiplyAdds = multiplyAdds
        self.accuracy = accuracy
        self.accuracyInterval = accuracyInterval
        self.agreement = agreement
        self.lostPoints = lostPoints
        self.mcNemarP = mcNemarP
        self.note = note
    }

    /// Whether it is the network itself.
    public var isBaseline: Bool { variant == VariantRecipe().name }

    /// What so many predictions in batches cost on `workers` cores; nil: no time was taken, or no price is known.
    public func bill(predictions: Double, workers: Int, _ tariff: Tariff) -> Bill? {
        imagesPerSecond > 0 ? tariff.bill(coreSeconds: predictions / imagesPerSecond * Double(workers)) : nil
    }
}

/// What each layer loses when it alone is made smaller.
public struct LayerSensitivity: Sendable, Equatable {
    /// A layer with weights.
    public struct Layer: Sendable, Equatable {
        /// Place in the network, from 1, as recipes count.
        public var number: Int
        public var name: String
        /// Points of accuracy lost, by treatment; negative: gained.
        public var lostPoints: [Double]
        public init(number: Int, name: String, lostPoints: [Double]) {
            self.number = number
            self.name = name
            self.lostPoints = lostPoints
        }
    }
    /// Step of the run whose weights were looked at.
    public var step: Int
    /// Test examples that were asked about.
    public var examples: Int
    /// Recipes of the treatments.
    public var treatments: [String]
    public var layers: [Layer]
    public init(step: Int, examples: Int, treatments: [String], layers: [Layer]) {
        self.step = step
        self.examples = examples
        self.treatments = treatments
        self.layers = layers
    }

    /// What is tried on each layer where nothing else is said.
    public static let usualTreatments = ["int8", "int4", "prune50", "prune80", "prune95"]
}

/// A person's word on a variant.
public struct VariantChoice: Sendable, Equatable {
    public enum Act: String, Sendable, Equatable {
        /// It is the one to take.
        case chosen
        /// It is not to be seen any more; what was measured stays in the session.
        case dropped
        /// It is seen again.
        case restored
    }
    public var step: Int
    public var variant: String
    public var act: Act
    public init(step: Int, variant: String, act: Act) {
        self.step = step
        self.variant = variant
        self.act = act
    }
}

/// Variants of a run that were compared, folded from events.
public struct ComparedVariants: Sendable, Equatable {
    /// All that were measured, the baseline first, the newest of each name.
    public private(set) var all: [VariantLine] = []
    public private(set) var dropped: Set<String> = []
    /// The one that a person chose.
    public private(set) var chosen: String?
    public private(set) var sensitivity: LayerSensitivity?

    public init() {}

    /// Those that are seen.
    public var shown: [VariantLine] { all.filter { !dropped.contains($0.variant) } }
    public var baseline: VariantLine? { all.first { $0.isBaseline } }

    /// No more are kept.
    public static let most = 200

    mutating func take(_ line: VariantLine) {
        // Variants of other weights can't be compared with these.
        if let first = all.first, first.step != line.step { self = ComparedVariants() }
        dropped.remove(line.variant)
        if let index = all.firstIndex(where: { $0.variant == line.variant }) {
            all[index] = line
        } else if line.isBaseline {
            all.insert(line, at: 0)
        } else if all.count < Self.most {
            all.append(line)
        }
    }

    mutating func take(_ sensitivity: LayerSensitivity) { self.sensitivity = sensitivity }

    mutating func take(_ choice: VariantChoice) {
        guard all.contains(where: { $0.variant == choice.variant && $0.step == choice.step }) else { return }
        switch choice.act {
        case .chosen: chosen = choice.variant
        case .dropped:
            dropped.insert(choice.variant)
            if chosen == choice.variant { chosen = nil }
        case .restored: dropped.remove(choice.variant)
        }
    }

    /// Drops what was made of weights after `step`.
    mutating func rewind(to step: Int) {
        if let first = all.first, first.step > step { self = ComparedVariants() }
        if let found = sensitivity, found.step > step { sensitivity = nil }
    }
}
