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
        [rocCurve, confusion, detail, report] + ExplanationBenchmark.all

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

    /// Probabilities and labels of ten classes, two of three right.
    private static func tenClasses(rows: Int) -> Inference {
        var random = CounterRandom(seed: 2, purpose: .benchmark)
        var probabilities: [Float] = []
        let labels = (0..<rows).map { Int32($0 % 10) }
        for label in labels {
            let values = (0..<10 as Range<Int32>).map { random.unit() + ($0 == label ? 0.6 : 0) }
            let sum = values.reduce(0, +)
            probabilities += values.map { $0 / sum }
        }
        return Inference(probabilities: probabilities, losses: [], hits: [], labels: labels)
    }

    /// What each evaluation of a run takes on one thread.
    private static let detail = EvaluationBenchmark("detail of an evaluation, 1e4 rows, 10 classes") {
        let inference = tenClasses(rows: 10_000)
        return { use(EvaluationDetail(inference, classes: 10)) }
    }

    private static let report = EvaluationBenchmark("all measures with intervals, 1e6 rows, 10 classes") {
        let inference = tenClasses(rows: rows)
        return { use(ClassReport(probabilities: inference.probabilities, labels: inference.labels, classes: 10)) }
    }

    /// Takes a result, so that no compiler finds the work needless.
    @inline(never)
    private static func use<Value>(_ value: Value) {}
}
