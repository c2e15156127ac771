// PackedParameter: one array of parameters as few bytes as it needs, and the values that these bytes mean.

/// One array of parameters in little memory.
public struct PackedParameter: Sendable, Equatable {
    public var name: String
    /// As of ``ParameterValues``.
    public var shape: [Int]
    /// Where numbers stand that are not zero; nil: all are there.
    public var positions: Positions?
    public var numbers: Numbers

    /// Where the numbers of an array stand; all others are zero.
    public enum Positions: Sendable, Equatable {
        /// A bit a value, the lowest of a byte first.
        case mask([UInt8])
        /// For each number how many zeros come before it, a byte each; 255: as many zeros and no number.
        case gaps([UInt8])
    }

    /// The numbers, in the order of the array.
    public enum Numbers: Sendable, Equatable {
        case f32([Float])
        case f16([UInt16])
        case bf16([UInt16])
        /// Times the scale of the row that a number stands in.
        case int8([Int8], scales: [Float])
        /// Two's complement, two a byte, the first in the lower half; times the scale, a float16, of 32 neighbours in a row.
        case int4([UInt8], scales: [UInt16])
        /// Places in a list of values, `bits` each, the first in the lowest bits of a byte.
        case palette([Float], packed: [UInt8], bits: Int)
    }

    /// Values that share a scale in four bits.
    public static let int4Group = 32

    public init(name: String, shape: [Int], positions: Positions?, numbers: Numbers) {
        self.name = name
        self.shape = shape
        self.positions = positions
        self.numbers = numbers
    }

    /// Bytes of the numbers and where they stand.
    public var bytes: Int {
        let places =
            switch positions {
            case .mask(let bytes), .gaps(let bytes): bytes.count
            case nil: 0
            }
        switch numbers {
        case .f32(let values): return places + 4 * values.count
        case .f16(let values), .bf16(let values): return places + 2 * values.count
        case .int8(let values, let scales): return places + values.count + 4 * scales.count
        case .int4(let packed, let scales): return places + packed.count + 2 * scales.count
        case .palette(let values, let packed, _): return places + 4 * values.count + packed.count
        }
    }
}

// MARK: What the bytes mean

extension PackedParameter {
    /// The values; nil where the parts do not fit together, as in a damaged file.
    public var values: [Float]? {
        var (count, overflow) = (1, false)
        for length in shape {
            guard length >= 0 else { return nil }
            (count, overflow) = count.multipliedReportingOverflow(by: length)
            // As large as a network's arrays may be; a mask tells of no more than its bytes.
            if overflow || count > 1 << 29 { return nil }
        }
        guard let places = places(count) else { return nil }
        let row = max(1, count / max(1, shape.first ?? 1))
        let stored: Int
        let number: (_ index: Int, _ place: Int) -> Float
        switch numbers {
        case .f32(let list):
            stored = list.count
            number = { index, _ in list[index] }
        case .f16(let list):
            stored = list.count
            number = { index, _ in Float(Float16(bitPattern: list[index])) }
        case .bf16(let list):
            stored = list.count
            number = { index, _ in Float(bitPattern: UInt32(list[index]) << 16) }
        case .int8(let list, let scales):
            guard scales.count == count / row else { return nil }
            stored = list.count
            number = { index, place in Float(list[index]) * scales[place / row] }
        case .int4(let packed, let scales):
            let groups = (row + Self.int4Group - 1) / Self.int4Group
            guard scales.count == groups * (count / row) else { return nil }
            stored = packed.count * 2
            number = { index, place in
                let half = packed[index / 2] >> (index % 2 == 0 ? 0 : 4) & 15
                let whole = half < 8 ? Int(half) : Int(half) - 16
                let group = place / row * groups + place % row / Self.int4Group
                return Float(whole) * Float(Float16(bitPattern: scales[group]))
            }
        case .palette(let list, let packed, let bits):
            guard (1...8).contains(bits), !list.isEmpty, list.count <= 1 << bits else { return nil }
            stored = packed.count * 8 / bits
            let indices = Bits.unpack(packed, bits: bits, count: min(stored, places?.count ?? count))
            guard indices.allSatisfy({ Int($0) < list.count }) else { return nil }
            number = { index, _ in list[Int(indices[index])] }
        }
        let wanted = places?.count ?? count
        // What is packed by bits fills its last byte.
        switch numbers {
        case .int4: guard stored == (wanted + 1) / 2 * 2 else { return nil }
        case .palette(_, let packed, let bits): guard packed.count == (wanted * bits + 7) / 8 else { return nil }
        default: guard stored == wanted else { return nil }
        }
        guard let places else { return (0..<count).map { number($0, $0) } }
        var values = [Float](repeating: 0, count: count)
        for (index, place) in places.enumerated() { values[place] = number(index, place) }
        return values
    }

    /// Where numbers stand; an inner nil: everywhere. An outer nil: nonsense.
    private func places(_ count: Int) -> [Int]?? {
        switch positions {
        case nil: return .some(nil)
        case .mask(let bytes):
            guard bytes.count == (count + 7) / 8 else { return nil }
            return (0..<count).filter { bytes[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
        case .gaps(let bytes):
            var places: [Int] = []
            var next = 0
            for gap in bytes {
                next += Int(gap)
                if gap == 255 { continue }
                guard next < count else { return nil }
                places.append(next)
                next += 1
            }
            return places
        }
    }
}

// MARK: Packing

extension PackedParameter {
    /// What is done to the numbers of an array.
    public enum Format: Sendable, Equatable {
        case f32, f16, bf16, int8, int4
        /// Numbers that have few different values, at most 256.
        case palette
    }

    /// Packs `array`, its numbers rounded as `format` says; zeros are left out where that takes less. Half floats that would be
    /// infinite keep the array in float32.
    public init(_ array: ParameterValues, _ format: Format) {
        let dense = Self.pack(array, format, places: nil)
        // By bits: a negative zero comes back as it was.
        guard let values = dense.values, values.contains(where: { $0.bitPattern == 0 }) else {
            self = dense
            return
        }
        let places = values.indices.filter { values[$0].bitPattern != 0 }
        self = Self.smallest(dense, places, of: values.count) { Self.pack(array, format, places: places, as: $0) }
    }

    /// Weights that are bytes already; zeros are left out where that takes less.
    public init(name: String, shape: [Int], _ weights: QuantizedWeights) {
        func packed(_ places: [Int], _ positions: Positions?) -> PackedParameter {
            PackedParameter(
                name: name, shape: shape, positions: positions,
                numbers: .int8(places.map { weights.values[$0] }, scales: weights.scales))
        }
        let places = weights.values.indices.filter { weights.values[$0] != 0 }
        self = Self.smallest(packed(Array(weights.values.indices), nil), places, of: weights.values.count) {
            packed(places, $0)
        }
    }

    /// The bytes of an array of ``Format/int8``, with zeros where they were left out; nil where the parts do not fit together.
    public var quantized: QuantizedWeights? {
        guard case .int8(let list, let scales) = numbers, let values, let rows = shape.first, scales.count == rows
        else {
            return nil
        }
        guard positions != nil else { return QuantizedWeights(values: list, shape: shape, scales: scales) }
        guard let places = places(values.count), let places else { return nil }
        var bytes = [Int8](repeating: 0, count: values.count)
        for (index, place) in places.enumerated() { bytes[place] = list[index] }
        return QuantizedWeights(values: bytes, shape: shape, scales: scales)
    }

    /// The one of three ways to keep numbers, of which only those at `places` are not zero, that takes the least.
    private static func smallest(
        _ dense: PackedParameter, _ places: [Int], of count: Int, as sparse: (Positions) -> PackedParameter
    ) -> PackedParameter {
        guard places.count < count else { return dense }
        return [sparse(.mask(mask(places, of: count))), sparse(.gaps(gaps(places)))].reduce(dense) {
            $1.bytes < $0.bytes ? $1 : $0
        }
    }

    private static func mask(_ places: [Int], of count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (count + 7) / 8)
        for place in places { bytes[place / 8] |= 1 << UInt8(place % 8) }
        return bytes
    }

    private static func gaps(_ places: [Int]) -> [UInt8] {
        var bytes: [UInt8] = []
        var next = 0
        for place in places {
            var gap = place - next
            while gap >= 255 {
                bytes.append(255)
                gap -= 255
            }
            bytes.append(UInt8(gap))
            next = place + 1
        }
        return bytes
    }

    private static func pack(
        _ array: ParameterValues, _ format: Format, places: [Int]?, as positions: Positions? = nil
    ) -> PackedParameter {
        let all = array.values
        let row = max(1, all.count / max(1, array.shape.first ?? 1))
        let places = places ?? Array(all.indices)
        let chosen = places.map { all[$0] }
        func packed(_ numbers: Numbers) -> PackedParameter {
            PackedParameter(name: array.name, shape: array.shape, positions: positions, numbers: numbers)
        }
        switch format {
        case .f32: return packed(.f32(chosen))
        case .f16:
            guard all.allSatisfy({ Float16($0).isFinite }) else { return packed(.f32(chosen)) }
            return packed(.f16(chosen.map { Float16($0).bitPattern }))
        case .bf16:
            guard all.allSatisfy({ Float(bitPattern: UInt32(Self.bfloat($0)) << 16).isFinite }) else {
                return packed(.f32(chosen))
            }
            return packed(.bf16(chosen.map(bfloat)))
        case .int8:
            let scales = stride(from: 0, to: all.count, by: row).map { first in
                all[first..<first + row].reduce(0) { max($0, $1.magnitude) } / 127
            }
            let numbers = places.map { whole(all[$0], scales[$0 / row], most: 127) }
            return packed(.int8(numbers.map { Int8($0) }, scales: scales))
        case .int4:
            var scales: [UInt16] = []
            for first in stride(from: 0, to: all.count, by: row) {
                for group in stride(from: first, to: first + row, by: int4Group) {
                    let most = all[group..<min(group + int4Group, first + row)].reduce(0) { max($0, $1.magnitude) }
                    scales.append(Float16(min(most / 7, 65504)).bitPattern)
                }
            }
            let groups = (row + int4Group - 1) / int4Group
            let wholes = places.map { place in
                let group = place / row * groups + place % row / int4Group
                return UInt8(
                    truncatingIfNeeded: whole(all[place], Float(Float16(bitPattern: scales[group])), most: 7)) & 15
            }
            return packed(.int4(Bits.pack(wholes, bits: 4), scales: scales))
        case .palette:
            let list = Array(Set(chosen.map(\.bitPattern))).sorted().map { Float(bitPattern: $0) }
            guard list.count <= 256, !list.isEmpty else { return packed(.f32(chosen)) }
            let index = Dictionary(uniqueKeysWithValues: list.enumerated().map { ($1.bitPattern, UInt8($0)) })
            let bits = paletteBits(list.count)
            let indices = chosen.map { index[$0.bitPattern] ?? 0 }
            return packed(.palette(list, packed: Bits.pack(indices, bits: bits), bits: bits))
        }
    }

    /// Bits that tell the values of a list of `count` apart.
    public static func paletteBits(_ count: Int) -> Int {
        max(1, Int.bitWidth - max(0, count - 1).leadingZeroBitCount)
    }

    /// `value` in units of `scale`, rounded to the nearest, of two the even one.
    private static func whole(_ value: Float, _ scale: Float, most: Float) -> Int {
        guard scale > 0, value.isFinite else { return 0 }
        return Int(max(-most, min(most, (value / scale).rounded(.toNearestOrEven))))
    }

    /// The upper half of a float32, rounded to the nearest, of two the even one.
    private static func bfloat(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (UInt64(bits) + 0x7FFF + UInt64(bits >> 16 & 1)) >> 16)
    }
}

/// Small numbers, some bits each, the first in the lowest bits of the first byte.
enum Bits {
    static func pack(_ numbers: [UInt8], bits: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (numbers.count * bits + 7) / 8)
        for (index, number) in numbers.enumerated() {
            let (byte, shift) = (index * bits / 8, index * bits % 8)
            let wide = UInt16(number) << UInt16(shift)
            bytes[byte] |= UInt8(truncatingIfNeeded: wide)
            if shift + bits > 8 { bytes[byte + 1] |= UInt8(truncatingIfNeeded: wide >> 8) }
        }
        return bytes
    }

    static func unpack(_ bytes: [UInt8], bits: Int, count: Int) -> [UInt8] {
        (0..<count).map { index in
            let (byte, shift) = (index * bits / 8, index * bits % 8)
            var wide = UInt16(bytes[byte])
            if shift + bits > 8 { wide |= UInt16(bytes[byte + 1]) << 8 }
            return UInt8(truncatingIfNeeded: wide >> UInt16(shift)) & UInt8(truncatingIfNeeded: (1 << bits) - 1)
        }
    }
}
