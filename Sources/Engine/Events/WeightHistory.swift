// WeightHistory: histograms of the weights over a run, thinned so that a long run takes no more room than a short one.

/// The weights' histograms at one moment.
public struct WeightMoment: Sendable, Equatable {
    public var step: Int
    public var epoch: Int
    /// One a parameter, in the network's order.
    public var histograms: [WeightHistogram]
    /// How many came before it in the run.
    fileprivate var ordinal: Int
}

/// At most 200 moments: the first, the newest, and in between every one, every second, every fourth, …
struct WeightHistory: Sendable, Equatable {
    private(set) var moments: [WeightMoment] = []
    private var stride = 1
    private var count = 0

    static let maximumMoments = 200

    mutating func append(step: Int, epoch: Int, _ histograms: [WeightHistogram]) {
        // The newest of all stays until there is a newer one; then only if it is in step with the others.
        if let last = moments.last, last.ordinal % stride != 0 { moments.removeLast() }
        moments.append(WeightMoment(step: step, epoch: epoch, histograms: histograms, ordinal: count))
        count += 1
        while moments.count > Self.maximumMoments {
            stride *= 2
            let newest = moments.count - 1
            moments = moments.enumerated().filter { $0 == newest || $1.ordinal % stride == 0 }.map(\.element)
        }
    }

    /// Forgets what came after `step`.
    mutating func truncate(after step: Int) {
        while let last = moments.last, last.step > step { moments.removeLast() }
    }
}
