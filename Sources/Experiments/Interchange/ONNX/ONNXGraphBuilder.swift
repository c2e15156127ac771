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

    fileprivate func message(_ name: String) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.add(1, name)
        switch self {
        case .float(let value):
            message.add(2, value)
            message.add(20, 1)
        case .int(let value):
            message.add(3, value)
            message.add(20, 2)
        case .text(let value):
            message.add(4, value)
            message.add(20, 3)
        case .ints(let values):
            for value in values { message.add(8, value) }
            message.add(20, 7)
        }
        return message
    }
}

/// Collects nodes and constants.
struct ONNXGraphBuilder {
    /// Constants of weights are half floats, which a Cast brings back where they are needed.
    private var graph = ProtobufMessage()
    private var constants = ProtobufMessage()
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
        var node = ProtobufMessage()
        for input in inputs { node.add(1, input) }
        node.add(2, output)
        node.add(3, "\(operation) \(output)")
        node.add(4, operation)
        for (name, attribute) in attributes { node.add(5, attribute.message(name)) }
        graph.add(1, node)
        return output
    }

    private mutating func constant(_ wish: String, _ type: ONNXType, _ shape: [Int], _ bytes: [UInt8]) -> String {
        let name = name(wish)
        var tensor = ProtobufMessage()
        tensor.add(1, shape)
        tensor.add(2, type.rawValue)
        tensor.add(8, name)
        tensor.add(9, bytes)
        constants.add(5, tensor)
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

    private static func value(_ name: String, _ type: ONNXType, _ shape: [Int]) -> ProtobufMessage {
        var dimensions = ProtobufMessage()
        var batch = ProtobufMessage()
        batch.add(2, "n")
        dimensions.add(1, batch)
        for length in shape {
            var dimension = ProtobufMessage()
            dimension.add(1, length)
            dimensions.add(1, dimension)
        }
        var (tensor, kind, value) = (ProtobufMessage(), ProtobufMessage(), ProtobufMessage())
        tensor.add(1, type.rawValue)
        tensor.add(2, dimensions)
        kind.add(1, tensor)
        value.add(1, name)
        value.add(2, kind)
        return value
    }

    /// The file of a model that takes `input` and gives `output`; their first axis is the batch.
    func model(
        name: String, input: (name: String, type: ONNXType, shape: [Int]), output: (name: String, shape: [Int]),
        metadata: [(String, String)]
    ) -> [UInt8] {
        var graph = graph
        graph.add(2, name)
        var bytes = graph.bytes + constants.bytes
        var rest = ProtobufMessage()
        rest.add(11, Self.value(input.name, input.type, input.shape))
        rest.add(12, Self.value(output.name, .float, output.shape))
        bytes += rest.bytes
        var model = ProtobufMessage()
        model.add(1, 8)
        model.add(2, "workbench")
        model.add(7, bytes)
        var opset = ProtobufMessage()
        opset.add(1, "")
        opset.add(2, 17)
        model.add(8, opset)
        for (key, value) in metadata {
            var entry = ProtobufMessage()
            entry.add(1, key)
            entry.add(2, value)
            model.add(14, entry)
        }
        return model.bytes
    }
}
