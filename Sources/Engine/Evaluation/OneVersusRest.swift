// OneVersusRest: curves and areas of each class against all others, and the mean of the areas with its variance.

/// The curves of all classes of one set of predictions.
struct OneVersusRest {
    /// What `shape` made of each class's counting; undefined curves where a class has no examples or all.
    private(set) var curves: [ROCCurve]
    private(set) var estimates: [AreaEstimate?]
    private(set) var averagePrecisions: [Double?]
    /// The mean of the areas; nil where one is undefined.
    private(set) var macro: AreaEstimate? = nil

    /// Classes that are looked at side by side: each needs 8 bytes an example meanwhile.
    private static let group = 8

    /// - Parameters:
    ///   - probabilities: (examples, classes), row-major.
    ///   - labels: a class index an example.
    ///   - each: calls what it is given with 0, 1, … below a count, in any order, on threads of its choice, and returns when
    ///     all calls have.
    ///   - shape: the curve that is kept of a class.
    /// - Complexity: O(classes · n log n).
    init(
        probabilities: [Float], labels: [Int32], classes: Int,
        each: (_ count: Int, _ body: @escaping (Int) -> Void) -> Void, shape: @escaping (ROCCounting) -> ROCCurve
    ) {
        precondition(
            probabilities.count == labels.count * classes, "\(probabilities.count) values, \(labels.count) labels")
        curves = Array(repeating: .undefined, count: classes)
        estimates = Array(repeating: nil, count: classes)
        averagePrecisions = Array(repeating: nil, count: classes)
        let count = labels.count
        var sums = [Double](repeating: 0, count: count)
        var influences = [Double](repeating: 0, count: min(Self.group, classes) * count)
        curves.withUnsafeMutableBufferPointer { curves in
            estimates.withUnsafeMutableBufferPointer { estimates in
                averagePrecisions.withUnsafeMutableBufferPointer { averagePrecisions in
                    influences.withUnsafeMutableBufferPointer { influences in
                        // Each call writes the places of its own class.
                        let places = (curves, estimates, averagePrecisions, influences)
                        for first in stride(from: 0, to: classes, by: Self.group) {
                            let size = min(Self.group, classes - first)
                            each(size) { place in
                                let k = first + place
                                let sorter = ScoreSorter(count: count)
                                let counting = sorter.counting(
                                    class: k, of: classes, probabilities: probabilities, labels: labels,
                                    keepsCorners: true)
                                places.2[k] = counting?.averagePrecision
                                guard let counting, let estimate = counting.estimate else { return }
                                places.0[k] = shape(counting)
                                places.1[k] = estimate
                                sorter.writeInfluences(
                                    on: estimate,
                                    to: UnsafeMutableBufferPointer(
                                        rebasing: places.3[place * count..<(place + 1) * count]))
                            }
                            // In the order of the classes, however the threads took turns.
                            for place in 0..<size where estimates[first + place] != nil {
                                for row in 0..<count { sums[row] += influences[place * count + row] }
                            }
                        }
                    }
                }
            }
        }
        macro = AreaEstimate.macro(estimates, influences: sums, labels: labels)
    }
}
