// SafeTensors: named float32 tensors as one block of bytes (github.com/huggingface/safetensors, format of the README).

import Foundation

/// A named tensor of float32 values.
public struct TensorRecord: Sendable, Equatable {
    public var name: String
    /// Lengths, outermost first; empty for a single value.
    public var shape: [Int]
    /// The values, last dimension fastest; as many as the product of `shape`.
    public var values: [Float]

    public init(name: String, shape: [Int], values: [Float]) {
        precondition(
            shape.reduce(1, *) == values.count, "\(values.count) values do not fill \(name) of shape \(shape)")
        self.name = name
        self.shape = shape
        self.values = values
    }
}

/// What a safetensors block holds.
public struct SafeTensors: Sendable, Equatable {
    /// In the order of their bytes.
    public var tensors: [TensorRecord]
    /// The `__metadata__` texts.
    public var metadata: [String: String]

    public init(tensors: [TensorRecord], metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// The tensor called `name`.
    public subscript(name: String) -> TensorRecord? { tensors.first { $0.name == name } }

    /// Longest header that the format allows, in bytes.
    public static let maximumHeaderBytes = 100_000_000
    /// Most dimensions of a tensor that are read.
    public static let maximumDimensions = 64

    /// The bytes: header length (8 bytes, little-endian), JSON header padded to a multiple of 8, float32 values.
    /// The same value gives the same bytes. Tensor names must differ.
    public func encoded() -> Data {
        var offset = 0
        let entries = tensors.map { tensor in
            defer { offset += 4 * tensor.values.count }
            return SafeTensorsHeader.Entry(
                name: tensor.name, shape: tensor.shape, begin: offset, end: offset + 4 * tensor.values.count)
        }
        var data = SafeTensorsHeader.write(entries, metadata: metadata)
        // Swift runs on little-endian processors only here; the format is little-endian.
        for tensor in tensors { tensor.values.withUnsafeBytes { data.append(contentsOf: $0) } }
        return data
    }

    /// Reads a block; refuses whatever the format forbids, and element types other than F32. Memory stays within the
    /// values themselves and a small multiple of the header.
    public init(_ data: Data) throws(SafeTensorsError) {
        // The closure cannot rethrow a typed error, so it hands over a result.
        let result: Result<SafeTensors, SafeTensorsError> = data.withUnsafeBytes { bytes in
            do throws(SafeTensorsError) {
                let (entries, metadata, values) = try SafeTensorsHeader.read(bytes, types: ["F32": 4])
                let tensors = entries.map { entry in
                    let count = (entry.end - entry.begin) / 4
                    let tensorValues = [Float](unsafeUninitializedCapacity: count) { buffer, written in
                        UnsafeMutableRawBufferPointer(buffer)
                            .copyMemory(from: UnsafeRawBufferPointer(rebasing: values[entry.begin..<entry.end]))
                        written = count
                    }
                    return TensorRecord(name: entry.name, shape: entry.shape, values: tensorValues)
                }
                return .success(SafeTensors(tensors: tensors, metadata: metadata))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }
}

/// Why a block of bytes is no safetensors block, or not one that is read here.
public enum SafeTensorsError: Error, Equatable, CustomStringConvertible {
    /// Fewer than 8 bytes, or a header longer than the file.
    case headerPastEnd(length: UInt64, available: Int)
    case headerTooLong(length: UInt64)
    case headerNotObject
    case headerNotUTF8
    case headerNotJSON(reason: String, offset: Int)
    /// A tensor's entry lacks a part or has one of the wrong kind.
    case badEntry(tensor: String, reason: String)
    case unsupportedType(tensor: String, type: String)
    case negative(tensor: String, number: Int)
    case beginAfterEnd(tensor: String, begin: Int, end: Int)
    case endPastFile(tensor: String, end: Int, available: Int)
    case overlap(tensor: String, begin: Int, previousEnd: Int)
    case hole(tensor: String, begin: Int, previousEnd: Int)
    case trailingBytes(count: Int)
    case sizeMismatch(tensor: String, shape: [Int], bytes: Int)
    case shapeOverflow(tensor: String)

    public var description: String {
        switch self {
        case .headerPastEnd(let length, let available):
            "The safetensors header should take \(length) bytes, but only \(available) bytes follow; the file is cut short."
        case .headerTooLong(let length):
            "The safetensors header takes \(length) bytes, more than the \(SafeTensors.maximumHeaderBytes) allowed."
        case .headerNotObject: "The safetensors header does not start with '{'."
        case .headerNotUTF8: "The safetensors header is not UTF-8 text."
        case .headerNotJSON(let reason, let offset):
            "The safetensors header is not valid JSON: \(reason) at byte \(offset)."
        case .badEntry(let tensor, let reason): "The tensor \(quoted(tensor)) is badly described: \(reason)."
        case .unsupportedType(let tensor, let type):
            "The tensor \(quoted(tensor)) has the element type \(quoted(type)); only F32 is read."
        case .negative(let tensor, let number):
            "The tensor \(quoted(tensor)) has the negative number \(number) in its shape or offsets."
        case .beginAfterEnd(let tensor, let begin, let end):
            "The tensor \(quoted(tensor)) begins at byte \(begin), after its end at \(end)."
        case .endPastFile(let tensor, let end, let available):
            "The tensor \(quoted(tensor)) ends at byte \(end), but only \(available) bytes of values are there."
        case .overlap(let tensor, let begin, let previousEnd):
            "The tensor \(quoted(tensor)) begins at byte \(begin), inside another that ends at \(previousEnd)."
        case .hole(let tensor, let begin, let previousEnd):
            "No tensor covers the bytes \(previousEnd)..<\(begin) before \(quoted(tensor))."
        case .trailingBytes(let count): "\(count) bytes follow the last tensor and belong to none."
        case .sizeMismatch(let tensor, let shape, let bytes):
            "The tensor \(quoted(tensor)) of shape \(shape) cannot take \(bytes) bytes as float32."
        case .shapeOverflow(let tensor): "The shape of the tensor \(quoted(tensor)) is too large to count."
        }
    }

    private func quoted(_ text: String) -> String { JSONText.quoted(String(text.prefix(64))) }
}

/// Tensors of any of the element types that variants are stored in, as bytes.
struct RawTensors: Equatable {
    struct Tensor: Equatable {
        var name: String
        /// One of ``elementBytes``.
        var type: String
        var shape: [Int]
        /// Little-endian.
        var bytes: Data
    }
    var tensors: [Tensor]
    var metadata: [String: String]

    /// Bytes of an element.
    static let elementBytes = ["F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I8": 1, "U8": 1]

    /// The block; wide elements come first, so that all are aligned.
    func encoded() -> Data {
        let sorted = tensors.enumerated().sorted {
            let (a, b) = (Self.elementBytes[$0.element.type] ?? 1, Self.elementBytes[$1.element.type] ?? 1)
            return a == b ? $0.offset < $1.offset : a > b
        }.map(\.element)
        var offset = 0
        let entries = sorted.map { tensor in
            defer { offset += tensor.bytes.count }
            return SafeTensorsHeader.Entry(
                name: tensor.name, type: tensor.type, shape: tensor.shape, begin: offset,
                end: offset + tensor.bytes.count)
        }
        var data = SafeTensorsHeader.write(entries, metadata: metadata)
        for tensor in sorted { data.append(tensor.bytes) }
        return data
    }

    init(tensors: [Tensor], metadata: [String: String]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// Reads a block, as strictly as ``SafeTensors/init(_:)``.
    init(_ data: Data) throws(SafeTensorsError) {
        let result: Result<RawTensors, SafeTensorsError> = data.withUnsafeBytes { bytes in
            do throws(SafeTensorsError) {
                let (entries, metadata, values) = try SafeTensorsHeader.read(bytes, types: Self.elementBytes)
                let tensors = entries.map {
                    Tensor(
                        name: $0.name, type: $0.type, shape: $0.shape,
                        bytes: Data(UnsafeRawBufferPointer(rebasing: values[$0.begin..<$0.end])))
                }
                return .success(RawTensors(tensors: tensors, metadata: metadata))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }
}
