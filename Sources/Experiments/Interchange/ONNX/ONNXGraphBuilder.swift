// ONNXGraphBuilder: nodes and constants of an ONNX graph on their way into a file (onnx.proto of ONNX 1.22, IR version 8, opset 17).

/// Element types of ONNX by the number that files have.
enum ONNXType: Int {
    case float = 1
    case uint8 = 2
    case int8 = 3
    case int32 = 6
    case int64 = 7
    case bool = 9
    case float16 = 10
    case double = 11
    case bfloat16 = 16

    var bytes: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .float16, .bfloat16: 2
        case .float, .int32: 4
        case .int64, .double: 8
        }
    }
}

/// An attribute of a node.
enum ONNXAttribute: Equatable {
    case float(Float)
    case int(Int)
    case ints([Int])
    case text(String)

    fileprivate func message(_ name: String) -> ProtobufWriter {
        var message = ProtobufWriter()
        message.string(field: 1, name)
        switch self {
        case .float(let value):
            message.float(field: 2, value)
            message.varint(field: 20, 1)
        case .int(let value):
            message.varint(field: 3, value)
            message.varint(field: 20, 2)
        case .text(let value):
            message.string(field: 4, value)
            message.varint(field: 20, 3)
        case .ints(let values):
            for value in values { message.varint(field: 8, value) }
            message.varint(field: 20, 7)
        }
        return message
    }
}

/// Collects nodes and constants.
struct ONNXGraphBuilder {
    private var graph = ProtobufWriter()
    private var constants = ProtobufWriter()
    private var names: Set<String> = []

    /// A name that nobody has, beginning with `wish`.
    mutating func name(_ wish: String) -> String {
        var (name, number) = (wish, 1)
        while !names.insert(name).inserted {
            number += 1
            name = "\(wish)_\(number)"
        }
        return name
    }

    /// Adds a node; returns the name of what it gives.
    @discardableResult
    mutating func node(
        _ operation: String, _ inputs: [String], as output: String, _ attributes: [(String, ONNXAttribute)] = []
    ) -> String {
        let output = name(output)
        var node = ProtobufWriter()
        for input in inputs { node.string(field: 1, input) }
        node.string(field: 2, output)
        node.string(field: 3, "\(operation) \(output)")
        node.string(field: 4, operation)
        for (name, attribute) in attributes { node.bytes(field: 5, attribute.message(name).bytes) }
        graph.bytes(field: 1, node.bytes)
        return output
    }

    private mutating func constant(_ wish: String, _ type: ONNXType, _ shape: [Int], _ bytes: [UInt8]) -> String {
        let name = name(wish)
        var tensor = ProtobufWriter()
        tensor.packed(field: 1, shape)
        tensor.varint(field: 2, type.rawValue)
        tensor.string(field: 8, name)
        tensor.bytes(field: 9, bytes)
        constants.bytes(field: 5, tensor.bytes)
        return name
    }

    private static func raw<Value: BitwiseCopyable>(_ values: [Value]) -> [UInt8] {
        values.withUnsafeBytes { Array($0) }
    }

    mutating func constant(_ name: String, _ values: [Float], _ shape: [Int]) -> String {
        constant(name, .float, shape, Self.raw(values))
    }

    mutating func constant(_ name: String, halves values: [Float], _ shape: [Int]) -> String {
        constant(name, .float16, shape, Self.raw(values.map { Float16($0).bitPattern }))
    }

    mutating func constant(_ name: String, bytes values: [Int8], _ shape: [Int]) -> String {
        constant(name, .int8, shape, Self.raw(values))
    }

    mutating func constant(_ name: String, unsigned values: [UInt8], _ shape: [Int]) -> String {
        constant(name, .uint8, shape, values)
    }

    mutating func constant(_ name: String, integers values: [Int32], _ shape: [Int]) -> String {
        constant(name, .int32, shape, Self.raw(values))
    }

    mutating func constant(_ name: String, places values: [Int64]) -> String {
        constant(name, .int64, [values.count], Self.raw(values))
    }

    private static func value(_ name: String, _ type: ONNXType, _ shape: [Int]) -> ProtobufWriter {
        var dimensions = ProtobufWriter()
        var batch = ProtobufWriter()
        batch.string(field: 2, "n")
        dimensions.bytes(field: 1, batch.bytes)
        for length in shape {
            var dimension = ProtobufWriter()
            dimension.varint(field: 1, length)
            dimensions.bytes(field: 1, dimension.bytes)
        }
        var (tensor, kind, value) = (ProtobufWriter(), ProtobufWriter(), ProtobufWriter())
        tensor.varint(field: 1, type.rawValue)
        tensor.bytes(field: 2, dimensions.bytes)
        kind.bytes(field: 1, tensor.bytes)
        value.string(field: 1, name)
        value.bytes(field: 2, kind.bytes)
        return value
    }

    /// The file of a model that takes `input` and gives `output`; their first axis is the batch.
    func model(
        name: String, input: (name: String, type: ONNXType, shape: [Int]), output: (name: String, shape: [Int]),
        metadata: [(String, String)]
    ) -> [UInt8] {
        var graph = graph
        graph.string(field: 2, name)
        var bytes = graph.bytes + constants.bytes
        var rest = ProtobufWriter()
        rest.bytes(field: 11, Self.value(input.name, input.type, input.shape).bytes)
        rest.bytes(field: 12, Self.value(output.name, .float, output.shape).bytes)
        bytes += rest.bytes
        var model = ProtobufWriter()
        model.varint(field: 1, 8)
        model.string(field: 2, "workbench")
        model.bytes(field: 7, bytes)
        var opset = ProtobufWriter()
        opset.string(field: 1, "")
        opset.varint(field: 2, 17)
        model.bytes(field: 8, opset.bytes)
        for (key, value) in metadata {
            var entry = ProtobufWriter()
            entry.string(field: 1, key)
            entry.string(field: 2, value)
            model.bytes(field: 14, entry.bytes)
        }
        return model.bytes
    }
}
