// Curve: values over a run. Those of single steps, of which there may be a million, share their steps and times.

/// Values of one metric over a run, in the order of steps.
public struct Curve: Sendable, Equatable {
    public private(set) var steps: [Int] = []
    public private(set) var seconds: [Double] = []
    public private(set) var values: [Double] = []

    public init() {}

    /// The curve through points that are known, in the order of steps.
    init(steps: [Int], seconds: [Double], values: [Double]) {
        self.steps = steps
        self.seconds = seconds
        self.values = values
    }

    /// Number of points.
    public var count: Int { values.count }
    /// The newest value.
    public var last: Double? { values.last }

    /// Adds a point; steps never decrease.
    public mutating func append(step: Int, seconds: Double, value: Double) {
        steps.append(step)
        self.seconds.append(seconds)
        values.append(value)
    }

    /// The first `count` points.
    func prefix(_ count: Int) -> Curve {
        Curve(
            steps: Array(steps.prefix(count)), seconds: Array(seconds.prefix(count)),
            values: Array(values.prefix(count)))
    }

    /// Drops the points after `step`.
    public mutating func truncate(after step: Int) {
        while let last = steps.last, last > step {
            steps.removeLast()
            seconds.removeLast()
            values.removeLast()
        }
    }

    /// The points of both curves in the order of steps; of equal ones those of this curve first.
    func merging(_ other: Curve) -> Curve {
        if count == 0 { return other }
        if other.count == 0 { return self }
        let all = Curve(
            steps: steps + other.steps, seconds: seconds + other.seconds, values: values + other.values)
        // A stable sort: the offset decides among equals.
        let order = all.steps.indices.sorted { (all.steps[$0], $0) < (all.steps[$1], $1) }
        return Curve(
            steps: order.map { all.steps[$0] }, seconds: order.map { all.seconds[$0] },
            values: order.map { all.values[$0] })
    }
}

/// The curves of `stepped` events.
struct StepCurves: Sendable, Equatable {
    private var steps: [Int] = []
    private var seconds: [Double] = []
    private var losses: [Double] = []
    private var accuracies: [Double] = []
    private var learningRates: [Double] = []

    @inline(__always)
    mutating func append(_ event: RunEvent.Stepped) {
        steps.append(event.step)
        seconds.append(event.seconds)
        losses.append(event.loss)
        accuracies.append(event.accuracy)
        learningRates.append(event.learningRate)
    }

    /// Number of points.
    var count: Int { steps.count }

    /// The first `count` points.
    func prefix(_ count: Int) -> StepCurves {
        var first = StepCurves()
        first.steps = Array(steps.prefix(count))
        first.seconds = Array(seconds.prefix(count))
        first.losses = Array(losses.prefix(count))
        first.accuracies = Array(accuracies.prefix(count))
        first.learningRates = Array(learningRates.prefix(count))
        return first
    }

    /// Makes room for `count` more points.
    mutating func reserve(_ count: Int) {
        let total = steps.count + count
        steps.reserveCapacity(total)
        seconds.reserveCapacity(total)
        losses.reserveCapacity(total)
        accuracies.reserveCapacity(total)
        learningRates.reserveCapacity(total)
    }

    /// Drops the points after `step`.
    mutating func truncate(after step: Int) {
        var kept = steps.count
        while kept > 0, steps[kept - 1] > step { kept -= 1 }
        let gone = steps.count - kept
        steps.removeLast(gone)
        seconds.removeLast(gone)
        losses.removeLast(gone)
        accuracies.removeLast(gone)
        learningRates.removeLast(gone)
    }

    /// By metric name; none before the first step. Nothing is copied.
    var curves: [String: Curve] {
        guard let accuracy = accuracies.first else { return [:] }
        var curves = [
            "train/loss": Curve(steps: steps, seconds: seconds, values: losses),
            "learning_rate": Curve(steps: steps, seconds: seconds, values: learningRates),
        ]
        // Numbers have no accuracy, at no step.
        if !accuracy.isNaN { curves["train/accuracy"] = Curve(steps: steps, seconds: seconds, values: accuracies) }
        return curves
    }
}
