// InitialValues: what parameters are before the first step; a function of the seed and the parameter's place alone.
import Foundation

enum InitialValues {
    /// Plain values of `shape`, the parameter with number `index` of its network.
    static func of(_ shape: ParameterShape, seed: UInt64, index: Int) -> [Float] {
        var random = CounterRandom(seed: seed, purpose: .initialWeights, first: index)
        let sum = Float(shape.fanIn + shape.fanOut)
        switch shape.role {
        case .bias, .runningMean: return Array(repeating: 0, count: shape.count)
        case .scale, .runningVariance: return Array(repeating: 1, count: shape.count)
        case .weight(.zeros): return Array(repeating: 0, count: shape.count)
        case .weight(.glorotUniform): return uniform(shape.count, limit: (6 / sum).squareRoot(), &random)
        case .weight(.heUniform): return uniform(shape.count, limit: (6 / Float(shape.fanIn)).squareRoot(), &random)
        case .weight(.glorotNormal): return normal(shape.count, deviation: (2 / Double(sum)).squareRoot(), &random)
        case .weight(.heNormal):
            return normal(shape.count, deviation: (2 / Double(shape.fanIn)).squareRoot(), &random)
        case .weight(.orthogonal): return orthogonal(shape, &random)
        }
    }

    private static func uniform(_ count: Int, limit: Float, _ random: inout CounterRandom) -> [Float] {
        (0..<count).map { _ in (2 * random.unit() - 1) * limit }
    }

    /// Box & Muller 1958.
    private static func normals(_ count: Int, _ random: inout CounterRandom) -> [Double] {
        var values: [Double] = []
        values.reserveCapacity(count + 1)
        while values.count < count {
            let radius = (-2 * log(1 - Double(random.unit()))).squareRoot()
            let angle = 2 * Double.pi * Double(random.unit())
            values.append(radius * cos(angle))
            values.append(radius * sin(angle))
        }
        return Array(values.prefix(count))
    }

    private static func normal(_ count: Int, deviation: Double, _ random: inout CounterRandom) -> [Float] {
        normals(count, &random).map { Float($0 * deviation) }
    }

    /// Of (out, everything else): orthonormal rows, or columns where there are more rows than columns. Gram-Schmidt, twice,
    /// which loses no orthogonality (Giraud et al. 2005).
    private static func orthogonal(_ shape: ParameterShape, _ random: inout CounterRandom) -> [Float] {
        let (rows, columns) = (shape.shape[0], shape.count / max(1, shape.shape[0]))
        let (count, length) = (min(rows, columns), max(rows, columns))
        var vectors = normals(count * length, &random)
        vectors.withUnsafeMutableBufferPointer { v in
            for i in 0..<count {
                for _ in 0..<2 {
                    for j in 0..<i {
                        var product = 0.0
                        for k in 0..<length { product += v[i * length + k] * v[j * length + k] }
                        for k in 0..<length { v[i * length + k] -= product * v[j * length + k] }
                    }
                }
                var squares = 0.0
                for k in 0..<length { squares += v[i * length + k] * v[i * length + k] }
                let scale = 1 / squares.squareRoot()
                for k in 0..<length { v[i * length + k] *= scale }
            }
        }
        var plain = [Float](repeating: 0, count: shape.count)
        for row in 0..<rows {
            for column in 0..<columns {
                plain[row * columns + column] = Float(
                    rows <= columns ? vectors[row * length + column] : vectors[column * length + row])
            }
        }
        return plain
    }
}

extension Network {
    /// The parameters that training from `seed` starts with.
    public func initialWeights(seed: UInt64) -> [ParameterValues] {
        parameters.enumerated().map { index, shape in
            ParameterValues(
                name: shape.name, shape: shape.shape, values: InitialValues.of(shape, seed: seed, index: index))
        }
    }
}
