// Random numbers for made-up sets: the same on every machine and in every version of the program.

/// A stream of numbers that follows from a seed and a stream number alone.
/// SplitMix64 (Steele, Lea & Flood 2014, figure 14).
struct CounterRandom {
    private var state: UInt64

    init(seed: UInt64, stream: UInt64) {
        state = Self.mix(seed &+ 0x9e37_79b9_7f4a_7c15) ^ Self.mix(stream &+ 0xd1b5_4a32_d192_ed03)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.mix(state)
    }

    /// 0 up to, not with, 1, in steps of 2^-53.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }

    /// 0 up to, not with, `count`.
    mutating func below(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }

    /// Nearly normal, mean 0, deviation 1: twelve uniform numbers less six, so that no logarithm's last bit matters.
    mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += unit() }
        return sum
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
