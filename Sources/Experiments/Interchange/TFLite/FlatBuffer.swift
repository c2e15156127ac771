// FlatBuffer: FlatBuffers written from the end to the front, as their offsets point ahead (FlatBuffers' internals, "FlatBuffers
// binary format").

/// Writes one FlatBuffer. What a table refers to is written before it.
struct FlatBuffer {
    /// The bytes so far, the last one first.
    private var reversed: [UInt8] = []

    /// Something that was written, by its distance from the end.
    struct Place: Equatable {
        fileprivate var distance: Int
    }

    /// A field of a table.
    enum Field {
        case int8(Int8)
        case bool(Bool)
        case int32(Int32)
        case uint32(UInt32)
        case float(Float)
        case place(Place)

        fileprivate var size: Int {
            switch self {
            case .int8, .bool: 1
            case .int32, .uint32, .float, .place: 4
            }
        }
    }

    /// Zeros, so that what ends `size` bytes further on is a multiple of `alignment` from the end.
    private mutating func align(_ alignment: Int, before size: Int) {
        while (reversed.count + size) % alignment != 0 { reversed.append(0) }
    }

    private mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        align(MemoryLayout<Value>.size, before: MemoryLayout<Value>.size)
        withUnsafeBytes(of: value.littleEndian) { reversed.append(contentsOf: $0.reversed()) }
    }

    private mutating func put(_ place: Place) {
        align(4, before: 4)
        put(UInt32(reversed.count + 4 - place.distance))
    }

    private mutating func vector(_ count: Int, of size: Int, alignment: Int = 4, _ body: (inout FlatBuffer) -> Void)
        -> Place
    {
        align(4, before: count * size)
        align(max(size, alignment), before: count * size)
        body(&self)
        put(UInt32(count))
        return Place(distance: reversed.count)
    }

    mutating func numbers(_ values: [Int32]) -> Place {
        vector(values.count, of: 4) { buffer in for value in values.reversed() { buffer.put(value) } }
    }

    mutating func numbers(_ values: [Int64]) -> Place {
        vector(values.count, of: 8) { buffer in for value in values.reversed() { buffer.put(value) } }
    }

    mutating func numbers(_ values: [Float]) -> Place {
        vector(values.count, of: 4) { buffer in for value in values.reversed() { buffer.put(value.bitPattern) } }
    }

    /// Bytes that begin at a multiple of 16.
    mutating func bytes(_ values: [UInt8]) -> Place {
        vector(values.count, of: 1, alignment: 16) { $0.reversed.append(contentsOf: values.reversed()) }
    }

    mutating func places(_ values: [Place]) -> Place {
        vector(values.count, of: 4) { buffer in for value in values.reversed() { buffer.put(value) } }
    }

    mutating func text(_ text: String) -> Place {
        let values = Array(text.utf8)
        return vector(values.count + 1, of: 1) { buffer in
            buffer.reversed.append(0)
            buffer.reversed.append(contentsOf: values.reversed())
        }
        .shortened(&self)
    }

    fileprivate mutating func setLength(_ place: Place, _ length: UInt32) {
        withUnsafeBytes(of: length.littleEndian) { bytes in
            for (index, byte) in bytes.enumerated() { reversed[place.distance - 1 - index] = byte }
        }
    }

    fileprivate func length(_ place: Place) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(reversed[place.distance - 1 - $1]) << UInt32(8 * $1) }
    }

    /// A table with `fields` by their number.
    mutating func table(_ fields: [(Int, Field)]) -> Place {
        let start = reversed.count
        var places: [(number: Int, distance: Int)] = []
        for (number, field) in fields.sorted(by: { $0.1.size > $1.1.size }) {
            switch field {
            case .int8(let value): put(value)
            case .bool(let value): put(UInt8(value ? 1 : 0))
            case .int32(let value): put(value)
            case .uint32(let value): put(value)
            case .float(let value): put(value.bitPattern)
            case .place(let place): put(place)
            }
            places.append((number, reversed.count))
        }
        put(Int32(0))
        let table = reversed.count
        // Where each field lies in the table; 0: it has its standard value.
        let count = (fields.map(\.0).max() ?? -1) + 1
        for number in (0..<count).reversed() {
            put(UInt16(places.first { $0.number == number }.map { table - $0.distance } ?? 0))
        }
        put(UInt16(table - start))
        put(UInt16(4 + 2 * count))
        setLength(Place(distance: table), UInt32(reversed.count - table))
        return Place(distance: table)
    }

    /// The whole buffer with its root and its identifier of four letters.
    mutating func finished(_ root: Place, identifier: String) -> [UInt8] {
        align(16, before: 8)
        reversed.append(contentsOf: identifier.utf8.prefix(4).reversed())
        put(root)
        return reversed.reversed()
    }
}

extension FlatBuffer.Place {
    /// A text's length leaves its ending zero out.
    fileprivate func shortened(_ buffer: inout FlatBuffer) -> FlatBuffer.Place {
        buffer.setLength(self, buffer.length(self) - 1)
        return self
    }
}
