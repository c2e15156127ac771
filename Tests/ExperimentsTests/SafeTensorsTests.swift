// Tests of safetensors blocks: what is written, what is read, and what is refused.

import Foundation
import Testing

@testable import Experiments

/// A block with the given header text and bytes of values.
private func block(_ header: String, values: Int = 0, length: UInt64? = nil) -> Data {
    block(Data(header.utf8), values: values, length: length)
}

private func block(_ header: Data, values: Int = 0, length: UInt64? = nil) -> Data {
    var data = Data()
    withUnsafeBytes(of: (length ?? UInt64(header.count)).littleEndian) { data.append(contentsOf: $0) }
    data.append(header)
    data.append(Data(count: values))
    return data
}

private func entry(_ name: String = "a", shape: String = "[1]", offsets: String = "[0,4]", type: String = "F32")
    -> String
{
    "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
}

extension Data {
    /// The block with the element type BF16 changed to `type`.
    fileprivate func replacingType(by type: String) -> Data {
        block(String(decoding: dropFirst(8).dropLast(4), as: UTF8.self).replacing("BF16", with: type), values: 4)
    }
}

struct SafeTensorsTests {
    @Test func roundTrip() throws {
        let tensors = SafeTensors(
            tensors: [
                TensorRecord(
                    name: "layer 1/\"w\"\u{0}é", shape: [2, 3],
                    values: [1, -0.0, .nan, .infinity, .leastNonzeroMagnitude, 3]),
                TensorRecord(name: "scalar", shape: [], values: [0.1]),
                TensorRecord(name: "none", shape: [0, 5], values: []),
                TensorRecord(name: "last", shape: [1], values: [7]),
            ], metadata: ["step": "40", "state": "x\ny"])
        let data = tensors.encoded()
        let back = try SafeTensors(data)
        #expect(back.metadata == tensors.metadata)
        #expect(back.tensors.map(\.name) == tensors.tensors.map(\.name))
        #expect(back.tensors.map(\.shape) == tensors.tensors.map(\.shape))
        // By bits: NaN is not equal to itself.
        #expect(
            back.tensors.map { $0.values.map(\.bitPattern) } == tensors.tensors.map { $0.values.map(\.bitPattern) })
        #expect(data == tensors.encoded())
        #expect((data.count - 4 * 8) % 8 == 0)
        // A slice of a larger block, whose indices do not start at 0, reads the same.
        #expect(try SafeTensors((Data([1, 2, 3]) + data).dropFirst(3)).metadata == tensors.metadata)
    }

    /// Put together by hand from the format's description.
    @Test func bytesOfTheFormat() throws {
        let header =
            #"{"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]}}"#
        var expected = block(header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8))
        for value in [0.5, 1, 2, 3, 4, 5, 6] as [Float] {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { expected.append(contentsOf: $0) }
        }
        let tensors = SafeTensors(
            tensors: [
                TensorRecord(name: "b", shape: [1], values: [0.5]),
                TensorRecord(name: "w", shape: [2, 3], values: [1, 2, 3, 4, 5, 6]),
            ], metadata: ["k": "v"])
        #expect(tensors.encoded() == expected)
        #expect(try SafeTensors(expected) == tensors)
    }

    @Test func orderOfEntriesIsFree() throws {
        let data = block("{\(entry("b", offsets: "[4,8]")),\(entry("a"))}", values: 8)
        #expect(try SafeTensors(data).tensors.map(\.name) == ["a", "b"])
        #expect(try SafeTensors(block("{}")).tensors.isEmpty)
    }

    /// The fourteen of the scorecard (D1), and what else the format forbids.
    @Test(
        arguments: [
            ("length over file", block("{}", length: 3), SafeTensorsError.headerPastEnd(length: 3, available: 2)),
            ("no length", Data([1, 0, 0]), .headerPastEnd(length: 8, available: 3)),
            ("over 100 MB", block("{}", length: 100_000_001), .headerTooLong(length: 100_000_001)),
            ("over every number", block("{}", length: .max), .headerTooLong(length: .max)),
            ("not starting {", block(" {}"), .headerNotObject),
            ("empty", block(""), .headerNotObject),
            ("bad UTF-8", block(Data([0x7B, 0x22, 0xC3, 0x28, 0x22, 0x7D])), .headerNotUTF8),
            ("not JSON", block("{\"a\""), .headerNotJSON(reason: "':' was expected", offset: 4)),
            ("two objects", block("{}{}"), .headerNotJSON(reason: "something follows the object", offset: 2)),
            (
                "duplicate key", block("{\(entry()),\(entry())}", values: 4),
                .headerNotJSON(reason: "the key \"a\" appears twice", offset: 54)
            ),
            ("negative offset", block("{\(entry(offsets: "[-4,0]"))}", values: 4), .negative(tensor: "a", number: -4)),
            ("negative length", block("{\(entry(shape: "[-1]"))}", values: 4), .negative(tensor: "a", number: -1)),
            (
                "begin after end", block("{\(entry(offsets: "[8,4]"))}", values: 8),
                .beginAfterEnd(tensor: "a", begin: 8, end: 4)
            ),
            ("end past file", block("{\(entry())}", values: 3), .endPastFile(tensor: "a", end: 4, available: 3)),
            (
                "overlap", block("{\(entry()),\(entry("b", offsets: "[2,6]"))}", values: 8),
                .overlap(tensor: "b", begin: 2, previousEnd: 4)
            ),
            (
                "the same bytes twice", block("{\(entry()),\(entry("b"))}", values: 4),
                .overlap(tensor: "b", begin: 0, previousEnd: 4)
            ),
            (
                "hole", block("{\(entry()),\(entry("b", offsets: "[6,10]"))}", values: 10),
                .hole(tensor: "b", begin: 6, previousEnd: 4)
            ),
            (
                "hole at the front", block("{\(entry(offsets: "[4,8]"))}", values: 8),
                .hole(tensor: "a", begin: 4, previousEnd: 0)
            ),
            ("trailing bytes", block("{\(entry())}", values: 5), .trailingBytes(count: 1)),
            ("no tensor but bytes", block("{}", values: 1), .trailingBytes(count: 1)),
            (
                "shape unequal to range", block("{\(entry(shape: "[2]"))}", values: 4),
                .sizeMismatch(tensor: "a", shape: [2], bytes: 4)
            ),
            (
                "shape product overflow", block("{\(entry(shape: "[4294967296,4294967296]"))}", values: 4),
                .shapeOverflow(tensor: "a")
            ),
            ("another type", block("{\(entry(type: "BF16"))}", values: 4), .unsupportedType(tensor: "a", type: "BF16")),
            (
                "no shape", block("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", values: 4),
                .badEntry(tensor: "a", reason: "it has no shape")
            ),
            (
                "three offsets", block("{\(entry(offsets: "[0,4,8]"))}", values: 4),
                .headerNotJSON(reason: "an array has more than 2 numbers", offset: 52)
            ),
            (
                "offset above Int", block("{\(entry(offsets: "[0,18446744073709551615]"))}", values: 4),
                .headerNotJSON(reason: "a whole number below 2^63 was expected", offset: 70)
            ),
            (
                "metadata that is no text", block("{\"__metadata__\":{\"a\":1}}"),
                .headerNotJSON(reason: "'\"' was expected", offset: 21)
            ),
        ] as [(String, Data, SafeTensorsError)])
    func forbidden(_ what: String, _ data: Data, _ expected: SafeTensorsError) {
        #expect(throws: expected, "\(what)") { try SafeTensors(data) }
        // The readers of variants and of other programs' weights are as strict; they only know more types.
        let known = what == "another type" ? data.replacingType(by: "C64") : data
        let wanted = what == "another type" ? SafeTensorsError.unsupportedType(tensor: "a", type: "C64") : expected
        #expect(throws: wanted, "\(what)") { try RawTensors(known) }
        #expect(throws: wanted, "\(what)") { try WeightFile(known, path: "x") }
        #expect("\(expected)".hasSuffix(".") && !"\(expected)".contains("\n"))
    }

    @Test func nestedBombsAreRefused() {
        let deep = "{\"a\":{\"x\":" + String(repeating: "[", count: 200_000)
        #expect(throws: SafeTensorsError.self) { try SafeTensors(block(deep)) }
        let long = "{\"a\":{\"shape\":[" + String(repeating: "1,", count: 200_000)
        #expect(throws: SafeTensorsError.self) { try SafeTensors(block(long)) }
        let wide = "{\"a\":{" + (0..<70_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}}"
        #expect(throws: SafeTensorsError.self) { try SafeTensors(block(wide)) }
    }

    @Test func flipsAndCutsNeverTrap() throws {
        let whole = SafeTensors(
            tensors: [
                TensorRecord(name: "a", shape: [2, 2], values: [1, 2, 3, 4]),
                TensorRecord(name: "b", shape: [3], values: [1, 2, 3]),
            ], metadata: ["k": "v"]
        ).encoded()
        for length in 0..<whole.count {
            #expect(throws: SafeTensorsError.self) { try SafeTensors(whole.prefix(length)) }
        }
        for index in whole.indices {
            for byte in [0, 0x22, 0x7B, 0x39, 0x2D, 0x80, 0xFF, whole[index] ^ 1] as [UInt8] {
                var flipped = whole
                flipped[index] = byte
                for read in [
                    { _ = try SafeTensors($0) }, { _ = try RawTensors($0) }, { _ = try WeightFile($0, path: "x") },
                ] as [(Data) throws -> Void] {
                    do {
                        try read(flipped)
                    } catch {
                        #expect(error is SafeTensorsError && "\(error)".hasSuffix("."))
                    }
                }
            }
        }
    }
}
