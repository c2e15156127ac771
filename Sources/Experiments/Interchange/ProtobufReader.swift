// ProtobufReader: the wire format of Protocol Buffers, read without copies.
//
// A reader of our own, as a general one makes an object of each message: a few bytes of a file would become hundreds in memory.

/// Why bytes are no message.
struct ProtobufError: Error, Equatable, CustomStringConvertible {
    /// Where in the file.
    var offset: Int
    var reason: String

    var description: String { "\(reason) at byte \(offset)" }
}

/// The fields of a message, one after the other: a range of a file's bytes.
struct ProtobufReader {
    /// What a field holds.
    enum Value: Equatable {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// A text, a message, or packed numbers.
        case bytes(Range<Int>)
    }

    let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int
    private let end: Int

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>? = nil) {
        let range = range ?? 0..<bytes.count
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "\(range) of \(bytes.count) bytes")
        self.bytes = bytes
        (offset, end) = (range.lowerBound, range.upperBound)
    }

    var isAtEnd: Bool { offset >= end }

    /// The next field; nil: the message is over.
    mutating func next() throws(ProtobufError) -> (field: Int, value: Value)? {
        guard offset < end else { return nil }
        let start = offset
        let tag = try varint()
        let field = Int(truncatingIfNeeded: tag >> 3)
        guard (1...536_870_911).contains(field) else {
            throw ProtobufError(offset: start, reason: "a field with the number \(tag >> 3)")
        }
        switch tag & 7 {
        case 0: return (field, .varint(try varint()))
        case 1: return (field, .fixed64(try fixed(UInt64.self)))
        case 5: return (field, .fixed32(try fixed(UInt32.self)))
        case 2:
            let count = try varint()
            guard count <= UInt64(end - offset) else {
                throw ProtobufError(offset: start, reason: "a field of \(count) bytes where \(end - offset) are left")
            }
            let range = offset..<offset + Int(count)
            offset = range.upperBound
            return (field, .bytes(range))
        default: throw ProtobufError(offset: start, reason: "a field of the unknown wire type \(tag & 7)")
        }
    }

    mutating func varint() throws(ProtobufError) -> UInt64 {
        var (value, shift) = (UInt64(0), UInt64(0))
        let start = offset
        while offset < end, shift < 70 {
            let byte = bytes[offset]
            offset += 1
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw ProtobufError(offset: start, reason: "a number that does not end")
    }

    private mutating func fixed<Number: FixedWidthInteger>(_: Number.Type) throws(ProtobufError) -> Number {
        let size = MemoryLayout<Number>.size
        guard end - offset >= size else { throw ProtobufError(offset: offset, reason: "a number that is cut off") }
        defer { offset += size }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    /// A text; what is no UTF-8 is refused.
    func text(_ value: Value) throws(ProtobufError) -> String {
        guard case .bytes(let range) = value,
            let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
        else { throw ProtobufError(offset: offset, reason: "a text that is no UTF-8") }
        return text
    }

    func message(_ value: Value) throws(ProtobufError) -> ProtobufReader {
        guard case .bytes(let range) = value else {
            throw ProtobufError(offset: offset, reason: "a number in the place of a message")
        }
        return ProtobufReader(bytes, range)
    }

    /// A whole number.
    func integer(_ value: Value) throws(ProtobufError) -> Int64 {
        guard case .varint(let number) = value else {
            throw ProtobufError(offset: offset, reason: "something else in the place of a number")
        }
        return Int64(bitPattern: number)
    }

    /// Whole numbers, packed or one by one, at the end of `list`.
    func integers(_ value: Value, into list: inout [Int64]) throws(ProtobufError) {
        guard case .bytes(let range) = value else {
            list.append(try integer(value))
            return
        }
        var packed = ProtobufReader(bytes, range)
        while !packed.isAtEnd { list.append(Int64(bitPattern: try packed.varint())) }
    }

    /// Float32 numbers, packed or one by one, at the end of `list`.
    func floats(_ value: Value, into list: inout [Float]) throws(ProtobufError) {
        switch value {
        case .fixed32(let bits): list.append(Float(bitPattern: bits))
        case .bytes(let range) where range.count % 4 == 0:
            list.reserveCapacity(list.count + range.count / 4)
            for place in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
                list.append(
                    Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
                )
            }
        default: throw ProtobufError(offset: offset, reason: "something else in the place of floats")
        }
    }
}
