// RegressionDetail: what a screen shows of predicted numbers, small enough to be a part of its event.

/// The errors of one evaluation: scores over all examples, and a picture of them of bounded size.
public struct RegressionDetail: Sendable, Equatable {
    /// A prediction beside what it should have been, both in the target's units.
    public struct Pair: Sendable, Equatable {
        public var truth: Float
        public var prediction: Float
        public init(truth: Float, prediction: Float) {
            self.truth = truth
            self.prediction = prediction
        }
        /// Truth less prediction, in the target's units.
        public var residual: Double { Double(truth) - Double(prediction) }
    }

    /// An example that is predicted badly.
    public struct Miss: Sendable, Equatable {
        /// The example's place in the data set, from 0.
        public var index: Int
        public var pair: Pair
        public init(index: Int, pair: Pair) {
            self.index = index
            self.pair = pair
        }
    }

    public var scores: RegressionScores
    /// All examples, or ``maximumPairs`` of them at equal distances in the order of the data set: the same ones in every
    /// evaluation of a split, so that points can be followed over the run.
    public var pairs: [Pair]
    /// Half the range of ``residuals``: the largest finite residual.
    public var reach: Double
    /// Finite residuals of all examples in ``bins`` bins of equal width from `-reach` to `reach`, which belongs to the last.
    public var residuals: [Int]
    /// The examples with the largest residuals, the worst first.
    public var largest: [Miss]

    public init(scores: RegressionScores, pairs: [Pair], reach: Double, residuals: [Int], largest: [Miss]) {
        self.scores = scores
        self.pairs = pairs
        self.reach = reach
        self.residuals = residuals
        self.largest = largest
    }

    public static let maximumPairs = 2_000
    /// Odd, so that no residual at all has a bin in the middle; a third of it too, for where there is less room.
    public static let bins = 33
    public static let maximumMisses = 10

    /// The detail of `inference`, which was made of the examples `examples` of a data set; nil without any.
    /// - Complexity: O(n log n).
    public init?(_ inference: Inference, examples: [Int32]) {
        precondition(
            inference.probabilities.count == examples.count && inference.targets.count == examples.count,
            "\(inference.probabilities.count) predictions of \(inference.targets.count) numbers of \(examples.count) examples"
        )
        guard let scores = RegressionScores(predictions: inference.probabilities, truth: inference.targets) else {
            return nil
        }
        let all = zip(inference.targets, inference.probabilities).map { Pair(truth: $0, prediction: $1) }
        let shown = min(all.count, Self.maximumPairs)
        self.scores = scores
        pairs = (0..<shown).map { all[$0 * all.count / shown] }
        let finite = all.indices.filter { all[$0].residual.isFinite }
        let order = finite.sorted {
            (all[$1].residual.magnitude, $0) < (all[$0].residual.magnitude, $1)
        }
        largest = order.prefix(Self.maximumMisses).map { Miss(index: Int(examples[$0]), pair: all[$0]) }
        let reach = order.first.map { all[$0].residual.magnitude } ?? 0
        self.reach = reach
        residuals = Array(repeating: 0, count: Self.bins)
        for index in finite {
            let share = reach > 0 ? (all[index].residual / reach + 1) / 2 : 0.5
            residuals[min(Self.bins - 1, Int(share * Double(Self.bins)))] += 1
        }
    }
}
