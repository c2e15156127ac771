// TFRecord: records with their length and checksums, as TensorFlow's event files are made of.
import Foundation

/// CRC-32C (Castagnoli; RFC 3720, section 12.1), reflected, by a table.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { rest, _ in rest & 1 == 1 ? rest >> 1 ^ 0x82F6_3B78 : rest >> 1 }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            ~bytes.reduce(~0) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
        }
    }

    /// A checksum that may itself be checksummed: rotated right by 15 bits, plus a constant.
    static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
        let checksum = checksum(bytes)
        return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
    }
}

/// A file of records: length (8 bytes, little-endian), its masked checksum, the record, its masked checksum.
struct TFRecordWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ record: [UInt8]) {
        let length = withUnsafeBytes(of: UInt64(record.count).littleEndian) { [UInt8]($0) }
        bytes += length
        add(CRC32C.masked(length))
        bytes += record
        add(CRC32C.masked(record))
    }

    private mutating func add(_ checksum: UInt32) {
        withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
