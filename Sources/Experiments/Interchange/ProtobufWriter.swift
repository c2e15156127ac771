// ProtobufWriter: messages in the wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding), field by field.
import Foundation

/// Writes one message. Fields come in the order in which they are added; a field that is not added has its default.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    /// The message.
    var data: Data { Data(bytes) }

    private enum Wire: UInt64 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    private mutating func key(_ field: Int, _ wire: Wire) {
        precondition(field > 0 && field < 1 << 29, "\(field) is no number of a field")
        raw(UInt64(field) << 3 | wire.rawValue)
    }

    private mutating func raw(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func fixed<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// `uint32`, `uint64`.
    mutating func varint(field: Int, _ value: UInt64) {
        key(field, .varint)
        raw(value)
    }

    /// `int32`, `int64`, an enumeration; negative ones take ten bytes.
    mutating func varint(field: Int, _ value: Int) { varint(field: field, UInt64(bitPattern: Int64(value))) }

    mutating func varint(field: Int, _ value: Bool) { varint(field: field, value ? 1 : 0 as UInt64) }

    mutating func fixed32(field: Int, _ value: UInt32) {
        key(field, .fixed32)
        fixed(value)
    }

    mutating func fixed64(field: Int, _ value: UInt64) {
        key(field, .fixed64)
        fixed(value)
    }

    mutating func float(field: Int, _ value: Float) { fixed32(field: field, value.bitPattern) }

    mutating func double(field: Int, _ value: Double) { fixed64(field: field, value.bitPattern) }

    mutating func bytes(field: Int, _ value: some Collection<UInt8>) {
        key(field, .lengthDelimited)
        raw(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func string(field: Int, _ value: String) { bytes(field: field, value.utf8) }

    /// A message within this one.
    mutating func message(field: Int, _ write: (inout ProtobufWriter) throws -> Void) rethrows {
        var inner = ProtobufWriter()
        try write(&inner)
        bytes(field: field, inner.bytes)
    }

    /// A packed list of `int64`.
    mutating func packed(field: Int, _ values: [Int]) {
        var inner = ProtobufWriter()
        for value in values { inner.raw(UInt64(bitPattern: Int64(value))) }
        bytes(field: field, inner.bytes)
    }

    /// A packed list of `float`.
    mutating func packed(field: Int, _ values: [Float]) {
        key(field, .lengthDelimited)
        raw(UInt64(values.count * 4))
        bytes.reserveCapacity(bytes.count + values.count * 4)
        for value in values { fixed(value.bitPattern) }
    }
}
