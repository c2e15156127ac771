// ONNXModel: a model file, read: nodes, constants, inputs and outputs.
import Foundation

/// A model, read.
struct ONNXModel {
    private(set) var path: String
    private(set) var nodes: [ONNXNode] = []
    private(set) var constants: [String: ONNXTensor] = [:]
    /// What is given from outside, without the constants; nil lengths are free.
    private(set) var inputs: [(name: String, type: ONNXType?, shape: [Int?])] = []
    private(set) var outputs: [String] = []
    private(set) var metadata: [String: String] = [:]
    /// Version of the standard operators.
    private(set) var opset = 1
    /// The one file beside the model that tensors may lie in.
    private var sibling: ONNXSibling?

    /// What a graph may have of each.
    private static let most = 100_000
    static let maximumBytes = 2 << 30

    /// Reads the file at `path`.
    /// - Throws: ``ONNXError``.
    init(path: String) throws(ONNXError) {
        let bytes: [UInt8]
        do throws(DatasetError) {
            bytes = try FileBytes.read(DiskPath(path), limit: Self.maximumBytes)
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
        try self.init(bytes, path: path)
    }

    /// Reads `bytes`, which come from `path`.
    init(_ bytes: [UInt8], path: String) throws(ONNXError) {
        self.path = path
        let result: Result<ONNXModel, ONNXError> = bytes.withUnsafeBytes { [self] raw in
            var model = self
            do throws(ONNXError) {
                try model.read(raw)
                return .success(model)
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
        sibling = nil
    }

    private mutating func read(_ raw: UnsafeRawBufferPointer) throws(ONNXError) {
        do {
            var reader = ProtobufReader(raw)
            var graph: ProtobufReader?
            while let (field, value) = try reader.next() {
                switch field {
                case 7: graph = try reader.message(value)
                case 8:
                    var entry = try reader.message(value)
                    var (domain, version) = ("", 1)
                    while let (field, value) = try entry.next() {
                        if field == 1 { domain = try entry.text(value) }
                        if field == 2 { version = Int(try entry.integer(value)) }
                    }
                    if domain.isEmpty || domain == "ai.onnx" { opset = version }
                case 14:
                    let (key, text) = try Self.entry(try reader.message(value))
                    if metadata.count < 1_000 { metadata[key] = text }
                default: break
                }
            }
            guard var graph else { throw ONNXError.noGraph(path: path) }
            try read(&graph)
        } catch let error as ProtobufError {
            throw .damaged(path: path, offset: error.offset, reason: error.reason)
        } catch let error as ONNXError {
            throw error
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private static func entry(_ message: ProtobufReader) throws(ProtobufError) -> (String, String) {
        var (message, key, text) = (message, "", "")
        while let (field, value) = try message.next() {
            if field == 1 { key = try message.text(value) }
            if field == 2 { text = try message.text(value) }
        }
        return (key, text)
    }

    private mutating func read(_ graph: inout ProtobufReader) throws {
        while let (field, value) = try graph.next() {
            switch field {
            case 1:
                guard nodes.count < Self.most else {
                    throw ONNXError.badGraph(path: path, reason: "it has more than \(Self.most) nodes")
                }
                nodes.append(try node(try graph.message(value)))
            case 5:
                guard constants.count < Self.most else {
                    throw ONNXError.badGraph(path: path, reason: "it has more than \(Self.most) tensors")
                }
                let (name, tensor) = try tensor(try graph.message(value))
                constants[name] = tensor
            case 11:
                guard inputs.count < 1_000 else {
                    throw ONNXError.badGraph(path: path, reason: "it has more than 1,000 inputs")
                }
                inputs.append(try input(try graph.message(value)))
            case 12:
                guard outputs.count < 1_000 else {
                    throw ONNXError.badGraph(path: path, reason: "it has more than 1,000 outputs")
                }
                outputs.append(try input(try graph.message(value)).name)
            case 15: throw ONNXError.badGraph(path: path, reason: "it has sparse tensors")
            default: break
            }
        }
        // Older files list constants among the inputs, too.
        inputs.removeAll { constants[$0.name] != nil }
    }

    private func input(_ message: ProtobufReader) throws -> (name: String, type: ONNXType?, shape: [Int?]) {
        var (message, name) = (message, "")
        var (type, shape): (ONNXType?, [Int?]) = (nil, [])
        while let (field, value) = try message.next() {
            if field == 1 { name = try message.text(value) }
            guard field == 2 else { continue }
            var kind = try message.message(value)
            while let (field, value) = try kind.next() {
                guard field == 1 else { continue }
                var tensor = try kind.message(value)
                while let (field, value) = try tensor.next() {
                    if field == 1 { type = ONNXType(rawValue: Int(try tensor.integer(value))) }
                    guard field == 2 else { continue }
                    var dimensions = try tensor.message(value)
                    while let (field, value) = try dimensions.next() {
                        guard field == 1 else { continue }
                        guard shape.count < 16 else {
                            throw ONNXError.badGraph(path: path, reason: "an input has more than 16 axes")
                        }
                        var (dimension, length) = (try dimensions.message(value), Int?.none)
                        while let (field, value) = try dimension.next() {
                            if field == 1 { length = Int(try dimension.integer(value)) }
                        }
                        shape.append(length)
                    }
                }
            }
        }
        return (name, type, shape)
    }

    private mutating func node(_ message: ProtobufReader) throws -> ONNXNode {
        var message = message
        var node = ONNXNode(operation: "", name: "")
        while let (field, value) = try message.next() {
            guard node.inputs.count < 1_000, node.outputs.count < 1_000, node.attributes.count < 100 else {
                throw ONNXError.badGraph(path: path, reason: "a node has more than 1,000 inputs or outputs")
            }
            switch field {
            case 1: node.inputs.append(try message.text(value))
            case 2: node.outputs.append(try message.text(value))
            case 3: node.name = try message.text(value)
            case 4: node.operation = try message.text(value)
            case 5:
                let (name, found) = try attribute(try message.message(value))
                node.attributes[name] = found
            case 7: node.domain = try message.text(value)
            default: break
            }
        }
        return node
    }

    private mutating func attribute(_ message: ProtobufReader) throws -> (String, ONNXNode.Value) {
        var message = message
        var (name, found) = ("", ONNXNode.Value.other)
        var (floats, ints): ([Float], [Int64]) = ([], [])
        var type = 0
        while let (field, value) = try message.next() {
            switch field {
            case 1: name = try message.text(value)
            case 2: if case .fixed32(let bits) = value { found = .float(Float(bitPattern: bits)) }
            case 3: found = .int(try message.integer(value))
            case 4: found = .text((try? message.text(value)) ?? "")
            case 5: found = .tensor(try tensor(try message.message(value)).tensor)
            case 7: try message.floats(value, into: &floats)
            case 8: try message.integers(value, into: &ints)
            case 20: type = Int(try message.integer(value))
            default: break
            }
        }
        if type == 6 || type == 0 && !floats.isEmpty { found = .floats(floats) }
        if type == 7 || type == 0 && !ints.isEmpty { found = .ints(ints) }
        // Numbers that are 0 may be left out.
        if found == .other, type == 1 { found = .float(0) }
        if found == .other, type == 2 { found = .int(0) }
        if found == .other, type == 3 { found = .text("") }
        return (name, found)
    }

    // MARK: Tensors

    /// Reads a TensorProto by itself, as test data have it.
    static func tensor(_ bytes: [UInt8], path: String) throws(ONNXError) -> ONNXTensor {
        // A model whose graph has this one constant.
        var (graph, model) = (ProtobufWriter(), ProtobufWriter())
        graph.bytes(field: 5, bytes)
        model.bytes(field: 7, graph.bytes)
        guard let tensor = try ONNXModel(model.bytes, path: path).constants.values.first else {
            throw .noGraph(path: path)
        }
        return tensor
    }

    private mutating func tensor(_ message: ProtobufReader) throws -> (name: String, tensor: ONNXTensor) {
        var message = message
        var (name, code, location) = ("", 0, Int64(0))
        var (dims, floats, integers, longs): ([Int64], [Float], [Int64], [Int64]) = ([], [], [], [])
        var (raw, doubles): (Range<Int>?, Range<Int>?) = (nil, nil)
        var external: [String: String] = [:]
        while let (field, value) = try message.next() {
            switch field {
            case 1: try message.integers(value, into: &dims)
            case 2: code = Int(try message.integer(value))
            case 4: try message.floats(value, into: &floats)
            case 5: try message.integers(value, into: &integers)
            case 7: try message.integers(value, into: &longs)
            case 8: name = try message.text(value)
            case 9: if case .bytes(let range) = value { raw = range }
            case 10: if case .bytes(let range) = value { doubles = range }
            case 13:
                let (key, text) = try Self.entry(try message.message(value))
                if external.count < 10 { external[key] = text }
            case 14: location = try message.integer(value)
            default: break
            }
            if dims.count > 16 { throw bad(name, "it has more than 16 axes") }
        }
        guard let type = ONNXType(rawValue: code) else {
            throw bad(
                name,
                "its element type \(code) is none of float32, float64, float16, bfloat16, int8, uint8, int32, int64 and bool"
            )
        }
        let shape = dims.map { Int($0) }
        guard let count = ONNXTensor.count(shape, most: ONNXTensor.mostStored) else {
            throw bad(name, "its shape \(shape.map(String.init).joined(separator: "x")) is too large")
        }
        func fits(_ found: Int) throws {
            if found != count { throw bad(name, "it holds \(found) values, but its shape asks for \(count)") }
        }
        if location == 1 || !external.isEmpty {
            guard let place = external["location"] else {
                throw ONNXError.external(path: path, tensor: name, reason: "no file is named")
            }
            var file = sibling
            let data = try ONNXSibling.read(
                &file, place, offset: external["offset"], length: external["length"], wanted: count * type.bytes,
                beside: path, tensor: name)
            sibling = file
            return (name, data.withUnsafeBytes { ONNXTensor(type, shape, raw: $0) })
        }
        if let raw {
            guard raw.count == count * type.bytes else {
                throw bad(name, "it holds \(raw.count) bytes, but its shape asks for \(count * type.bytes)")
            }
            return (name, ONNXTensor(type, shape, raw: UnsafeRawBufferPointer(rebasing: message.bytes[raw])))
        }
        switch type {
        case .float:
            try fits(floats.count)
            return (name, ONNXTensor(shape, floats))
        case .double:
            guard let doubles, doubles.count == count * 8 else {
                try fits(0)
                return (name, ONNXTensor(shape, []))
            }
            return (name, ONNXTensor(type, shape, raw: UnsafeRawBufferPointer(rebasing: message.bytes[doubles])))
        case .float16, .bfloat16:
            try fits(integers.count)
            let halves = integers.map { UInt16(truncatingIfNeeded: $0) }
            return (name, halves.withUnsafeBytes { ONNXTensor(type, shape, raw: $0) })
        case .int64:
            try fits(longs.count)
            return (name, ONNXTensor(type, shape, longs))
        case .uint8, .int8, .int32, .bool:
            try fits(integers.count)
            return (name, ONNXTensor(type, shape, integers))
        }
    }

    private func bad(_ name: String, _ reason: String) -> ONNXError {
        .badTensor(path: path, tensor: name, reason: reason)
    }
}
