// WeightedMoments: the sums over a neighbourhood from which every linear model of it follows.
import Foundation

/// Weighted sums over the perturbations of one example, whose predictions are several targets. All linear models of subsets of the
/// features, for each target, follow from them without the perturbations.
struct WeightedMoments: Sendable {
    let features: Int
    let targets: Int
    /// Sum of the weights.
    private(set) var weight = 0.0
    /// Sums of weight times feature, and times target.
    private(set) var x: [Double]
    private(set) var y: [Double]
    /// Sums of weight times products: (features, features), upper triangle; (targets, features); squares of the targets.
    private(set) var xx: [Double]
    private(set) var xy: [Double]
    private(set) var yy: [Double]

    init(features: Int, targets: Int) {
        self.features = features
        self.targets = targets
        x = Array(repeating: 0, count: features)
        y = Array(repeating: 0, count: targets)
        xx = Array(repeating: 0, count: features * features)
        xy = Array(repeating: 0, count: targets * features)
        yy = Array(repeating: 0, count: targets)
    }

    /// Adds `count` rows: features (count, features), targets (count, targets), a weight each. Features that are 0 cost nothing.
    /// - Complexity: O(count · n²) for rows with n features that are not 0.
    mutating func add(
        _ count: Int, features rows: UnsafePointer<Float>, targets values: UnsafePointer<Float>, weights: [Double]
    ) {
        let (d, t) = (features, targets)
        // Added to row by row, as all sums are: how the rows come in pieces does not matter.
        var total = weight
        var places = [Int](repeating: 0, count: d)
        x.withUnsafeMutableBufferPointer { x in
            y.withUnsafeMutableBufferPointer { y in
                xx.withUnsafeMutableBufferPointer { xx in
                    xy.withUnsafeMutableBufferPointer { xy in
                        yy.withUnsafeMutableBufferPointer { yy in
                            let sums = Sums(x: x, y: y, xx: xx, xy: xy, yy: yy)
                            for row in 0..<count {
                                total += weights[row]
                                sums.add(weights[row], rows + row * d, values + row * t, &places)
                            }
                        }
                    }
                }
            }
        }
        weight = total
    }

    /// The sums while rows are added.
    private struct Sums {
        let x: UnsafeMutableBufferPointer<Double>
        let y: UnsafeMutableBufferPointer<Double>
        let xx: UnsafeMutableBufferPointer<Double>
        let xy: UnsafeMutableBufferPointer<Double>
        let yy: UnsafeMutableBufferPointer<Double>

        /// Adds one row; `places` is room for the places of its features that are not 0.
        @inline(__always)
        func add(
            _ weight: Double, _ features: UnsafePointer<Float>, _ targets: UnsafePointer<Float>, _ places: inout [Int]
        ) {
            let d = x.count
            var used = 0
            for feature in 0..<d where features[feature] != 0 {
                places[used] = feature
                used += 1
            }
            for i in 0..<used {
                let feature = places[i]
                let weighted = weight * Double(features[feature])
                x[feature] += weighted
                let line = feature * d
                for j in i..<used { xx[line + places[j]] += weighted * Double(features[places[j]]) }
                for target in 0..<y.count { xy[target * d + feature] += weighted * Double(targets[target]) }
            }
            for target in 0..<y.count {
                let value = Double(targets[target])
                y[target] += weight * value
                yy[target] += weight * value * value
            }
        }
    }

    /// The sums over both neighbourhoods.
    static func += (a: inout Self, b: Self) {
        precondition(a.features == b.features && a.targets == b.targets, "moments of other features")
        a.weight += b.weight
        for i in a.x.indices { a.x[i] += b.x[i] }
        for i in a.y.indices { a.y[i] += b.y[i] }
        for i in a.xx.indices { a.xx[i] += b.xx[i] }
        for i in a.xy.indices { a.xy[i] += b.xy[i] }
        for i in a.yy.indices { a.yy[i] += b.yy[i] }
    }
}

/// A linear model of some features.
struct LinearModel: Sendable, Equatable {
    var intercept: Double
    /// Which features, and their coefficients.
    var features: [Int]
    var coefficients: [Double]
    /// Weighted coefficient of determination; 0 where there is nothing to explain.
    var rSquared: Double

    /// What it says of an example.
    func prediction(_ example: [Float]) -> Double {
        zip(features, coefficients).reduce(intercept) { $0 + $1.1 * Double(example[$1.0]) }
    }
}

/// The moments of one target around the weighted means.
struct CentredMoments {
    let features: Int
    private let meanX: [Double]
    private let meanY: Double
    /// (features, features), whole.
    private let covariance: [Double]
    private let products: [Double]
    private let squares: Double
    /// Squares below this are rounding errors of what they are differences of.
    private let squaresNoise: Double

    init(_ moments: WeightedMoments, target: Int) {
        let d = moments.features
        features = d
        let weight = moments.weight
        let means = moments.x.map { weight > 0 ? $0 / weight : 0 }
        let mean = weight > 0 ? moments.y[target] / weight : 0
        meanX = means
        meanY = mean
        var covariance = moments.xx
        for i in 0..<d {
            for j in i..<d {
                let value = moments.xx[i * d + j] - weight * means[i] * means[j]
                covariance[i * d + j] = value
                covariance[j * d + i] = value
            }
        }
        self.covariance = covariance
        products = (0..<d).map { moments.xy[target * d + $0] - weight * means[$0] * mean }
        squares = moments.yy[target] - weight * mean * mean
        squaresNoise = 1e-13 * moments.yy[target]
    }

    /// Weighted variance of the target, times the sum of the weights.
    var spread: Double { max(0, squares) }

    /// Ridge regression on the features `chosen` (Hoerl & Kennard 1970): the penalty is `alpha` times the squares of the
    /// coefficients, the intercept costs nothing. A feature that the ones before it determine gets 0.
    func ridge(_ chosen: [Int], alpha: Double) -> LinearModel {
        let n = chosen.count
        // Cholesky: L L' = C + alpha I.
        var factor = [Double](repeating: 0, count: n * n)
        var solved = [Double](repeating: 0, count: n)
        var isFree = [Bool](repeating: true, count: n)
        for i in 0..<n {
            for j in 0...i {
                var value = covariance[chosen[i] * features + chosen[j]] + (i == j ? alpha : 0)
                for k in 0..<j { value -= factor[i * n + k] * factor[j * n + k] }
                if i == j {
                    isFree[i] = value > 1e-10 * (covariance[chosen[i] * features + chosen[i]] + alpha) && value > 0
                    factor[i * n + i] = isFree[i] ? value.squareRoot() : 0
                } else {
                    factor[i * n + j] = isFree[j] ? value / factor[j * n + j] : 0
                }
            }
            var value = products[chosen[i]]
            for k in 0..<i { value -= factor[i * n + k] * solved[k] }
            solved[i] = isFree[i] ? value / factor[i * n + i] : 0
        }
        var coefficients = solved
        for i in stride(from: n - 1, through: 0, by: -1) {
            var value = coefficients[i]
            for k in i + 1..<max(n, i + 1) { value -= factor[k * n + i] * coefficients[k] }
            coefficients[i] = isFree[i] ? value / factor[i * n + i] : 0
        }
        var intercept = meanY
        var explained = 0.0
        for (i, feature) in chosen.enumerated() {
            intercept -= coefficients[i] * meanX[feature]
            var row = 0.0
            for (j, other) in chosen.enumerated() { row += covariance[feature * features + other] * coefficients[j] }
            explained += coefficients[i] * (2 * products[feature] - row)
        }
        let rSquared = squares > squaresNoise ? explained / squares : 0
        return LinearModel(intercept: intercept, features: chosen, coefficients: coefficients, rSquared: rSquared)
    }

    /// The `count` features that a surrogate of `example` uses.
    func select(_ count: Int, by selection: LIMESettings.FeatureSelection, example: [Float]) -> [Int] {
        let all = Array(0..<features)
        switch selection {
        case .none: return all
        case .auto:
            return select(count, by: count <= Self.mostByForward ? .forward : .highest, example: example)
        case .highest:
            let model = ridge(all, alpha: 0.01)
            let sizes = all.map { abs(model.coefficients[$0] * Double(example[$0])) }
            return Array(all.sorted { sizes[$0] == sizes[$1] ? $0 < $1 : sizes[$0] > sizes[$1] }.prefix(count))
        case .forward: return forward(count)
        }
    }

    /// `auto` selects up to this many features one by one, as the authors' package does.
    private static let mostByForward = 6

    /// Features one after the other, each time the one with which least squares explain most.
    ///
    /// What is left of the moments after regression on the features chosen so far is kept (Gauss & Jordan's sweep), so that a
    /// feature's gain is the square of what it has left in common with the target over what is left of itself.
    private func forward(_ count: Int) -> [Int] {
        var left = covariance
        var common = products
        var chosen: [Int] = []
        var isChosen = [Bool](repeating: false, count: features)
        for _ in 0..<min(count, features) {
            var best: Int?
            var bestGain = -1.0
            for feature in 0..<features where !isChosen[feature] {
                let pivot = left[feature * features + feature]
                let isFree = pivot > 1e-10 * covariance[feature * features + feature] && pivot > 0
                let gain = isFree ? common[feature] * common[feature] / pivot : 0
                if gain > bestGain { (best, bestGain) = (feature, gain) }
            }
            guard let best else { break }
            isChosen[best] = true
            chosen.append(best)
            let pivot = left[best * features + best]
            guard bestGain > 0, pivot > 0 else { continue }
            let row = (0..<features).map { left[best * features + $0] }
            for i in 0..<features where row[i] != 0 {
                let factor = row[i] / pivot
                for j in 0..<features { left[i * features + j] -= factor * row[j] }
                if i != best { common[i] -= factor * common[best] }
            }
            common[best] = 0
        }
        return chosen
    }
}

/// Weights of perturbations by their distance.
enum LIMEKernel {
    /// sqrt(exp(-d² / width²)).
    static func weight(_ distance: Double, width: Double) -> Double {
        exp(-(distance * distance) / (width * width)).squareRoot()
    }
}
