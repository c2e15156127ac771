// CounterRandom: randomness that follows from (seed, purpose, indices) alone, never from the order of threads.

/// What random numbers are for. Streams of different purposes are independent.
public enum RandomPurpose: UInt32, Sendable {
    case initialWeights = 1
    case shuffle = 2
    case dropout = 3
    case split = 4
    case benchmark = 5
    case madeUp = 6
    case augmentation = 16
    case mixup = 17
    case balance = 18
    case smote = 19
    case folds = 24
    case intervals = 25
}

/// Philox 4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"): the n-th number
/// of a stream is a function of its key and n.
public struct CounterRandom: RandomNumberGenerator, Sendable {
    private let key: (UInt32, UInt32)
    private let high: (UInt32, UInt32, UInt32)
    private var block: UInt32 = 0
    private var draws: SIMD4<UInt32> = .zero
    private var used = 4

    /// The stream of `seed` for `purpose`; `first`, `second` and `third` (below 65,536) tell its streams apart (epoch,
    /// parameter, …).
    public init(seed: UInt64, purpose: RandomPurpose, first: Int = 0, second: Int = 0, third: Int = 0) {
        key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        high = (
            UInt32(truncatingIfNeeded: first), UInt32(truncatingIfNeeded: second),
            purpose.rawValue | UInt32(truncatingIfNeeded: third) << 16
        )
    }

    /// Ten rounds over one counter.
    static func philox(_ counter: SIMD4<UInt32>, _ key: (UInt32, UInt32)) -> SIMD4<UInt32> {
        var c = counter
        var (k0, k1) = key
        for _ in 0..<10 {
            let a = UInt64(0xD251_1F53) * UInt64(c[0])
            let b = UInt64(0xCD9E_8D57) * UInt64(c[2])
            c = SIMD4(
                UInt32(truncatingIfNeeded: b >> 32) ^ c[1] ^ k0, UInt32(truncatingIfNeeded: b),
                UInt32(truncatingIfNeeded: a >> 32) ^ c[3] ^ k1, UInt32(truncatingIfNeeded: a))
            k0 &+= 0x9E37_79B9
            k1 &+= 0xBB67_AE85
        }
        return c
    }

    /// The next 32 bits.
    public mutating func next32() -> UInt32 {
        if used == 4 {
            draws = Self.philox(SIMD4(block, high.0, high.1, high.2), key)
            block &+= 1
            used = 0
        }
        defer { used += 1 }
        return draws[used]
    }

    public mutating func next() -> UInt64 { UInt64(next32()) << 32 | UInt64(next32()) }

    /// A number in [0, 1), a multiple of 2^-24.
    public mutating func unit() -> Float { Float(next32() >> 8) * 0x1p-24 }

    /// A whole number in 0..<bound, without bias (Lemire 2019).
    public mutating func below(_ bound: UInt32) -> UInt32 {
        precondition(bound > 0, "an empty range has no numbers")
        let threshold = (0 &- bound) % bound
        while true {
            let product = UInt64(next32()) * UInt64(bound)
            if UInt32(truncatingIfNeeded: product) >= threshold { return UInt32(product >> 32) }
        }
    }

    /// Puts `values` into a random order (Fisher & Yates).
    public mutating func shuffle<T>(_ values: inout [T]) {
        guard values.count > 1 else { return }
        for i in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(i, Int(below(UInt32(i + 1)))) }
    }
}
