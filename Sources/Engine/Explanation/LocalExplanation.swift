// LocalExplanation: a network asked about an example's neighbourhood, and the linear models that stand for it there.
import Foundation

/// What was found around one example.
public struct LocalExplanation: Sendable, Equatable {
    /// The network's prediction for the example: probabilities of all classes, or the number.
    public var probabilities: [Float]
    /// The most probable class first.
    public var surrogates: [Surrogate]
    /// Samples and kernel width as they were in the end.
    public var settings: LIMESettings
}

/// Surrogates with one width of the kernel.
public struct KernelWidthTrial: Sendable, Equatable {
    public var width: Double
    /// For the most probable class.
    public var surrogate: Surrogate
}

extension SurrogateFit {
    /// How far a surrogate may be believed.
    ///
    /// - good: it explains at least half of what the network does around the example (R² 0.5: what it explains is more than what it
    ///   leaves), at the example itself the two differ by at most 0.15, so that they say the same class unless the network itself is
    ///   in doubt, and the repeats leave no doubt about what comes first.
    /// - fair: a quarter of it, a difference up to 0.3: signs and the largest weights may be taken as hints.
    /// - poor: less. The weights describe the network badly; no conclusion should rest on them.
    ///
    /// - Parameters:
    ///   - gap: between surrogate and network at the example. Of probabilities: a surrogate is a straight line and may go past 0
    ///     or 1, where it counts as certain. Of numbers: in deviations of the predictions around the example, times 0.3.
    ///   - agreement: fraction of the repeats with the same first feature.
    ///   - isFirstClear: the first feature's lead over the second is more than what the repeats differ by.
    public init(rSquared: Double, gap: Double, agreement: Double, isFirstClear: Bool = true) {
        if rSquared >= 0.5, gap <= Self.goodGap, agreement >= 0.8, isFirstClear {
            self = .good
        } else if rSquared >= 0.25, gap <= 2 * Self.goodGap {
            self = .fair
        } else {
            self = .poor
        }
    }

    static let goodGap = 0.15
}

extension NetworkProbe {
    /// Explains a row of a table; nil: `progress`, which gets the part that is done, said false.
    public func explain(
        _ row: TableNeighbourhood, settings: LIMESettings, progress: (Double) -> Bool
    ) -> LocalExplanation? {
        explanation(of: row, itself: itself(row), settings: settings, progress: progress)
    }

    /// Explains an image; nil: `progress` said false.
    public func explain(
        _ image: ImageNeighbourhood, settings: LIMESettings, progress: (Double) -> Bool
    ) -> LocalExplanation? {
        let probabilities = itself(image)
        if let patched, let tables = patched.tables(image) {
            return patched.suffix.explanation(
                of: tables, itself: probabilities, settings: settings, progress: progress)
        }
        return explanation(of: image, itself: probabilities, settings: settings, progress: progress)
    }

    /// Explains a row with each of `widths`, all from the same perturbations; nil: `progress` said false.
    public func kernelWidthSweep(
        _ row: TableNeighbourhood, widths: [Double], settings: LIMESettings, progress: (Double) -> Bool
    ) -> [KernelWidthTrial]? {
        sweep(row, itself: itself(row), widths: widths, settings: settings, progress: progress)
    }

    /// Explains an image with each of `widths`; nil: `progress` said false.
    public func kernelWidthSweep(
        _ image: ImageNeighbourhood, widths: [Double], settings: LIMESettings, progress: (Double) -> Bool
    ) -> [KernelWidthTrial]? {
        let probabilities = itself(image)
        if let patched, let tables = patched.tables(image) {
            return patched.suffix.sweep(
                tables, itself: probabilities, widths: widths, settings: settings, progress: progress)
        }
        return sweep(image, itself: probabilities, widths: widths, settings: settings, progress: progress)
    }

    /// Classes that are explained: the two most probable.
    private static let explainedClasses = 2
    /// Samples are doubled so many times at most.
    private static let mostDoublings = 3
    /// Operations beyond which samples are not doubled: some ten seconds of computing.
    private static let mostOperations = 1e12
    /// Mean rank correlation of the repeats from which on a ranking is taken as stable: of five features one pair of neighbours
    /// may change places.
    private static let stableCorrelation = 0.8

    private func explanation(
        of place: some Neighbourhood, itself probabilities: [Float], settings: LIMESettings, progress: (Double) -> Bool
    ) -> LocalExplanation? {
        var settings = settings
        let width = settings.kernelWidth ?? place.defaultKernelWidth
        settings.kernelWidth = width
        guard progress(0) else { return nil }
        let classes = topClasses(probabilities)
        let repeats = max(1, settings.repeats)
        var sums = Array(
            repeating: WeightedMoments(features: place.features, targets: classes.count), count: repeats)
        var done = 0
        // The part of the progress that each doubling takes.
        let parts = [0, 0.3, 0.45, 0.65, 1]
        for doubling in 0...Self.mostDoublings {
            let samples = settings.samples << doubling
            for index in 0..<repeats {
                let seed = settings.seed &+ UInt64(index)
                let goesOn = sample(
                    place, done..<samples, seed: seed, classes: classes, widths: [width]
                ) { part in
                    let whole = (Double(index) + part) / Double(repeats)
                    return progress(parts[doubling] + (parts[doubling + 1] - parts[doubling]) * whole)
                } add: { _, count, features, values, weights in
                    sums[index].add(count, features: features, targets: values, weights: weights)
                }
                guard goesOn else { return nil }
            }
            done = samples
            let cost = network.inferenceOperations * Double(2 * samples * repeats)
            if repeats == 1 || cost > Self.mostOperations
                || isStable(sums, example: place.example, settings: settings)
            {
                break
            }
        }
        settings.samples = done
        settings.repeats = repeats
        let surrogates = classes.indices.map { target in
            surrogate(
                of: place, sums, target: target, classIndex: classes[target],
                prediction: Double(probabilities[classes[target]]), settings: settings)
        }
        guard progress(1) else { return nil }
        return LocalExplanation(probabilities: probabilities, surrogates: surrogates, settings: settings)
    }

    private func sweep(
        _ place: some Neighbourhood, itself probabilities: [Float], widths: [Double], settings: LIMESettings,
        progress: (Double) -> Bool
    ) -> [KernelWidthTrial]? {
        guard progress(0) else { return nil }
        let classes = Array(topClasses(probabilities).prefix(1))
        let repeats = max(1, settings.repeats)
        // By width, then repeat.
        var sums = Array(
            repeating: Array(repeating: WeightedMoments(features: place.features, targets: 1), count: repeats),
            count: widths.count)
        for index in 0..<repeats {
            let goesOn = sample(
                place, 0..<settings.samples, seed: settings.seed &+ UInt64(index), classes: classes, widths: widths
            ) {
                progress((Double(index) + $0) / Double(repeats))
            } add: { width, count, features, values, weights in
                sums[width][index].add(count, features: features, targets: values, weights: weights)
            }
            guard goesOn else { return nil }
        }
        return zip(widths, sums).map { width, sums in
            KernelWidthTrial(
                width: width,
                surrogate: surrogate(
                    of: place, sums, target: 0, classIndex: classes[0], prediction: Double(probabilities[classes[0]]),
                    settings: settings))
        }
    }

    /// What the network predicts of the example itself.
    private func itself(_ place: some Neighbourhood) -> [Float] {
        ask(1) { _, rows, _ in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: place.features) { features in
                guard let features = features.baseAddress else { return }
                place.perturb(0, seed: 0, features: features, input: rows)
            }
        }
    }

    /// Indices of the explained classes, the most probable first.
    private func topClasses(_ probabilities: [Float]) -> [Int] {
        if isRegression { return [0] }
        let order = probabilities.indices.sorted {
            probabilities[$0] == probabilities[$1] ? $0 < $1 : probabilities[$0] > probabilities[$1]
        }
        return Array(order.prefix(Self.explainedClasses))
    }

    /// Asks about the perturbations `numbers`, piece by piece, and hands on what came out, for each width its number and weights.
    /// - Returns: False: `progress`, which gets the part of them that is done, said so.
    private func sample<Place: Neighbourhood>(
        _ place: Place, _ numbers: Range<Int>, seed: UInt64, classes: [Int], widths: [Double],
        progress: (Double) -> Bool,
        add: (
            _ width: Int, _ count: Int, _ features: UnsafePointer<Float>, _ values: UnsafePointer<Float>,
            _ weights: [Double]
        ) -> Void
    ) -> Bool {
        let d = place.features
        let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(pieceSize, numbers.count) * d)
        defer { memory.deallocate() }
        guard let features = memory.baseAddress else { return true }
        // Each worker writes the rows of its own tiles alone.
        nonisolated(unsafe) let rows = features
        for first in stride(from: numbers.lowerBound, to: numbers.upperBound, by: pieceSize) {
            let count = min(pieceSize, numbers.upperBound - first)
            let all = ask(count) { range, inputs, stride in
                for (place_, number) in range.enumerated() {
                    place.perturb(
                        first + number, seed: seed, features: rows + number * d, input: inputs + place_ * stride)
                }
            }
            let values = (0..<count).flatMap { row in classes.map { all[row * predictions + $0] } }
            let distances = (0..<count).map { place.distance(features + $0 * d) }
            for (index, width) in widths.enumerated() {
                let weights = distances.map { LIMEKernel.weight($0, width: width) }
                values.withUnsafeBufferPointer { values in
                    if let values = values.baseAddress { add(index, count, features, values, weights) }
                }
            }
            guard progress(Double(first + count - numbers.lowerBound) / Double(numbers.count)) else { return false }
        }
        return true
    }

    /// Whether the repeats `sums` rank the features alike, for the first class.
    private func isStable(_ sums: [WeightedMoments], example: [Float], settings: LIMESettings) -> Bool {
        let found = RepeatedSurrogate(sums, target: 0, example: example, settings: settings)
        return found.agreement == 1 && found.isFirstClear && found.rankCorrelation >= Self.stableCorrelation
    }

    private func surrogate(
        of place: some Neighbourhood, _ sums: [WeightedMoments], target: Int, classIndex: Int, prediction: Double,
        settings: LIMESettings
    ) -> Surrogate {
        let found = RepeatedSurrogate(sums, target: target, example: place.example, settings: settings)
        let terms = found.terms.map {
            Surrogate.Term(
                feature: $0.feature, text: place.text($0.feature), weight: $0.weight, low: $0.low, high: $0.high)
        }
        var gap = abs(min(max(found.localPrediction, 0), 1) - prediction)
        if isRegression {
            // Half a deviation of a number counts as much as the largest good difference of a probability.
            gap = abs(found.localPrediction - prediction) / found.deviation * 2 * SurrogateFit.goodGap
            if !gap.isFinite { gap = 0 }
        }
        return Surrogate(
            classIndex: classIndex, intercept: found.intercept, rSquared: found.rSquared,
            localPrediction: found.localPrediction, modelPrediction: prediction, terms: terms,
            fit: SurrogateFit(
                rSquared: found.rSquared, gap: gap, agreement: found.agreement, isFirstClear: found.isFirstClear),
            agreement: found.agreement)
    }
}
