// Affine: bytes that stand for numbers at even distances, zero among them (Jacob et al. 2018, eq. 1).

/// Integers q that stand for the numbers scale·(q - zero). Zero is one of them, so that what is padded costs nothing.
public struct Affine: Sendable, Equatable, Codable {
    /// Integers that are used.
    public enum Width: String, Sendable, Equatable, Codable {
        case int8, uint8
        /// The smallest and the largest integer.
        public var range: ClosedRange<Int32> { self == .int8 ? -128...127 : 0...255 }
    }
    /// Distance of two neighbours, positive.
    public var scale: Float
    /// The integer that stands for 0.
    public var zero: Int32
    public var width: Width

    public init(scale: Float, zero: Int32, width: Width = .uint8) {
        precondition(scale > 0 && scale.isFinite, "a scale of \(scale)")
        self.scale = scale
        self.zero = zero
        self.width = width
    }

    /// Unsigned bytes over `low`...`high`, widened to hold 0.
    public init(covering low: Float, _ high: Float) {
        let (low, high) = (min(low, 0), max(high, 0))
        let wide = (high - low) / 255
        guard wide > 0, wide.isFinite else {
            self.init(scale: 1, zero: 0)
            return
        }
        self.init(scale: wide, zero: Int32(max(0, min(255, (-low / wide).rounded(.toNearestOrEven)))))
    }

    /// Signed bytes -127...127 over ±`largest`.
    public init(symmetric largest: Float) {
        let scale = largest / 127
        self.init(scale: scale > 0 && scale.isFinite ? scale : 1, zero: 0, width: .int8)
    }

    /// The nearest integer, ties to the even one; what lies outside becomes the smallest or the largest. NaN becomes 0's.
    public func quantize(_ value: Float) -> Int32 {
        let nearest = (value / scale).rounded(.toNearestOrEven)
        guard !nearest.isNaN else { return zero }
        let (low, high) = (Float(width.range.lowerBound - zero), Float(width.range.upperBound - zero))
        return Int32(min(max(nearest, low), high)) + zero
    }

    public func dequantize(_ integer: Int32) -> Float { Float(integer - zero) * scale }
}

/// Weights as signed bytes with a scale for each output channel, symmetric: 0 is 0.
public struct QuantizedWeights: Sendable, Equatable {
    /// Row-major, output channels first.
    public var shape: [Int]
    public var values: [Int8]
    /// One a channel.
    public var scales: [Float]

    /// - Parameters:
    ///   - values: as many as the product of `shape`.
    ///   - scales: as many as the first of its lengths.
    public init(values: [Int8], shape: [Int], scales: [Float]) {
        precondition(
            values.count == shape.reduce(1, *) && scales.count == shape[0], "\(values.count) weights of shape \(shape)")
        (self.values, self.shape, self.scales) = (values, shape, scales)
    }

    /// The nearest to `weights`, whose first axis are the output channels.
    /// - Parameter least: smallest scale of a channel; nil: any.
    public init(_ weights: [Float], shape: [Int], least: [Float]? = nil) {
        let channels = shape[0]
        precondition(channels > 0 && weights.count == shape.reduce(1, *), "\(weights.count) weights of shape \(shape)")
        let row = weights.count / channels
        var values = [Int8](repeating: 0, count: weights.count)
        scales = (0..<channels).map { channel in
            let mine = weights[channel * row..<(channel + 1) * row]
            let affine = Affine(symmetric: mine.reduce(0) { max($0, abs($1)) })
            var scale = max(affine.scale, least?[channel] ?? 0)
            func fill() -> Int {
                let affine = Affine(scale: scale, zero: 0, width: .int8)
                for index in mine.indices { values[index] = Int8(max(-127, affine.quantize(weights[index]))) }
                return mine.indices.reduce(0) { $0 + abs(Int(values[$1])) }
            }
            // The sum of any 255-fold inputs must fit 31 bits.
            while fill() > Self.mostSum { scale *= 2 }
            return scale
        }
        self.shape = shape
        self.values = values
    }

    /// Largest sum of the magnitudes of a channel's weights.
    static let mostSum = (1 << 30) / 255

    /// Weights in a channel.
    public var row: Int { values.count / shape[0] }

    /// The numbers that the bytes stand for.
    public var dequantized: [Float] {
        values.indices.map { Float(values[$0]) * scales[$0 / row] }
    }
}
