// The draws that made-up sets are made of: the same bits on every machine, as no logarithm or sine comes into them.
import Engine

extension CounterRandom {
    /// `low` up to, not with, `high`, in steps of 2^-53 of their distance.
    mutating func uniform(_ low: Double, _ high: Double) -> Double {
        low + (high - low) * (Double(next() >> 11) * 0x1p-53)
    }

    /// 0 up to, not with, `count`.
    mutating func below(_ count: Int) -> Int { Int(below(UInt32(count))) }

    /// Nearly normal, mean 0, deviation 1, in steps of 2^-16: twelve uniform numbers of 16 bits less their mean.
    mutating func normal() -> Double {
        var sum = 0
        for _ in 0..<3 {
            let bits = next()
            for piece in 0..<4 { sum += Int(bits >> (16 * UInt64(piece)) & 0xffff) }
        }
        return Double(sum - 12 * 0xffff / 2) * 0x1p-16
    }

    /// A point on the unit circle, every direction as likely.
    mutating func direction() -> (x: Double, y: Double) {
        while true {
            let x = uniform(-1, 1)
            let y = uniform(-1, 1)
            let square = x * x + y * y
            if square <= 1 && square > 0.01 {
                let length = square.squareRoot()
                return (x / length, y / length)
            }
        }
    }
}

/// The point at `turns` full turns on the unit circle, by Taylor's series: additions and multiplications only, so the
/// same bits on every machine, and right to 1e-12.
func circlePoint(turns: Double) -> (x: Double, y: Double) {
    // Down to an eighth of a turn at most, then doubled three times.
    let angle = (turns - turns.rounded(.down)) * 2 * 3.141592653589793 / 8
    let square = angle * angle
    var x = 0.0
    var y = 0.0
    for k in stride(from: 8, through: 1, by: -1) {
        let order = Double(2 * k)
        x = (1 + x) * -square / (order * (order - 1))
        y = (1 + y) * -square / (order * (order + 1))
    }
    x += 1
    y = (y + 1) * angle
    for _ in 0..<3 { (x, y) = (x * x - y * y, 2 * x * y) }
    return (x, y)
}
