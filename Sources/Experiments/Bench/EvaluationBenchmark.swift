// EvaluationBenchmark: time of evaluating and explaining on this machine, on cases that other libraries can run too.
import Engine

/// A piece of work on random inputs whose time is measured.
public struct EvaluationBenchmark: Sendable {
    /// As the script of the peers names it.
    public let name: String
    /// Makes the inputs and gives back the work on them, to be done again and again.
    private let prepare: @Sendable () throws -> () throws -> Void

    public init(_ name: String, prepare: @escaping @Sendable () throws -> () throws -> Void) {
        self.name = name
        self.prepare = prepare
    }

    /// Milliseconds of the quickest of `rounds` rounds; making the inputs is not counted.
    public func milliseconds(rounds: Int = 5) throws -> Double {
        let work = try prepare()
        let clock = ContinuousClock()
        var best = Double.infinity
        for _ in 0..<rounds {
            let elapsed = try clock.measure(work)
            let (seconds, attoseconds) = elapsed.components
            best = min(best, Double(seconds) * 1e3 + Double(attoseconds) * 1e-15)
        }
        return best
    }

    /// All cases, in the order in which they are measured.
    public static let all: [EvaluationBenchmark] =
        [rocCurve, confusion] + ExplanationBenchmark.all

    private static let rows = 1_000_000

    private static let rocCurve = EvaluationBenchmark("ROC curve and AUC, 1e6 rows") {
        var random = CounterRandom(seed: 0, purpose: .benchmark)
        let labels = (0..<rows).map { _ in random.below(2) == 1 }
        let scores = labels.map { Double(random.next() >> 11) * 0x1p-53 + ($0 ? 0.3 : 0) }
        return { use(ROCCurve(scores: scores, labels: labels).auc) }
    }

    private static let confusion = EvaluationBenchmark("confusion matrix and report, 1e6 rows, 10 classes") {
        var random = CounterRandom(seed: 1, purpose: .benchmark)
        let labels = (0..<rows).map { _ in Int(random.below(10)) }
        let predicted = (0..<rows).map { _ in Int(random.below(10)) }
        return { use(ConfusionMatrix(labels: labels, predicted: predicted, classes: 10).perClass) }
    }

    /// Takes a result, so that no compiler finds the work needless.
    @inline(never)
    private static func use<Value>(_ value: Value) {}
}
