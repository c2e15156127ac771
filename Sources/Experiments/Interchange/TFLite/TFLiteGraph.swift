// TFLiteGraph: tensors and operators of a TensorFlow Lite model on their way into a file (schema version 3).

/// Collects tensors and operators.
struct TFLiteGraph {
    /// Operators by their number in the schema, with the versions that the runtime's kernels ask for.
    enum Operation: Int32 {
        case add = 0
        case averagePool = 1
        case conv = 3
        case depthwiseConv = 4
        case dequantize = 6
        case fullyConnected = 9
        case logistic = 14
        case maxPool = 17
        case multiply = 18
        case relu = 19
        case reshape = 22
        case softmax = 25
        case tanh = 28
        case pad = 34
        case mean = 40
        case leakyReLU = 98
        case elu = 111
        case quantize = 114
        case gelu = 150
        case subtract = 41
        case concatenation = 2
    }

    enum Element: Int8 {
        case float32 = 0
        case int32 = 2
        case int8 = 9
    }

    /// Options of an operator: the number of their table, and its fields.
    typealias Options = (kind: Int8, fields: [(Int, FlatBuffer.Field)])

    private struct Tensor {
        var name: String
        var shape: [Int]
        var element: Element
        var data: [UInt8]?
        var scales: [Float] = []
        var zeros: [Int64] = []
        var axis = 0
    }

    private struct Node {
        var operation: Operation
        var version: Int32
        var inputs: [Int]
        var output: Int
        var options: Options?
        /// A vector of whole numbers that the options need, and the field that it goes to.
        var list: (field: Int, values: [Int32])?
    }

    private var tensors: [Tensor] = []
    private var nodes: [Node] = []

    private static func raw<Value: BitwiseCopyable>(_ values: [Value]) -> [UInt8] {
        values.withUnsafeBytes { Array($0) }
    }

    /// A tensor that flows; `affine`: its int8 scale and zero point.
    mutating func tensor(_ name: String, _ shape: [Int], bytes affine: (scale: Float, zero: Int)? = nil) -> Int {
        var tensor = Tensor(name: name, shape: [1] + shape, element: affine == nil ? .float32 : .int8)
        if let affine { (tensor.scales, tensor.zeros) = ([affine.scale], [Int64(affine.zero)]) }
        tensors.append(tensor)
        return tensors.count - 1
    }

    mutating func constant(_ name: String, _ values: [Float], _ shape: [Int]) -> Int {
        tensors.append(Tensor(name: name, shape: shape, element: .float32, data: Self.raw(values)))
        return tensors.count - 1
    }

    /// Bytes with a scale for each index of `axis`.
    mutating func constant(_ name: String, _ values: [Int8], _ shape: [Int], scales: [Float], axis: Int) -> Int {
        tensors.append(
            Tensor(
                name: name, shape: shape, element: .int8, data: Self.raw(values), scales: scales,
                zeros: Array(repeating: 0, count: scales.count), axis: axis))
        return tensors.count - 1
    }

    mutating func constant(_ name: String, _ values: [Int32], scales: [Float] = []) -> Int {
        tensors.append(
            Tensor(
                name: name, shape: [values.count], element: .int32, data: Self.raw(values), scales: scales,
                zeros: Array(repeating: 0, count: scales.count)))
        return tensors.count - 1
    }

    /// Whole numbers in rows of `width`.
    mutating func constant(_ name: String, rows values: [Int32], width: Int) -> Int {
        tensors.append(
            Tensor(name: name, shape: [values.count / width, width], element: .int32, data: Self.raw(values)))
        return tensors.count - 1
    }

    @discardableResult
    mutating func node(
        _ operation: Operation, version: Int32 = 1, _ inputs: [Int], _ output: Int, _ options: Options? = nil,
        list: (field: Int, values: [Int32])? = nil
    ) -> Int {
        nodes.append(
            Node(
                operation: operation, version: version, inputs: inputs, output: output, options: options, list: list))
        return output
    }

    /// The file of a model from tensor `input` to tensor `output`.
    func model(name: String, description: String, input: Int, output: Int) -> [UInt8] {
        var buffer = FlatBuffer()
        // Buffer 0 is empty by convention.
        var data = [buffer.table([])]
        var tensorPlaces: [FlatBuffer.Place] = []
        for tensor in tensors {
            var number = 0
            if let bytes = tensor.data {
                let place = buffer.bytes(bytes)
                data.append(buffer.table([(0, .place(place))]))
                number = data.count - 1
            }
            var fields: [(Int, FlatBuffer.Field)] = [
                (0, .place(buffer.numbers(tensor.shape.map { Int32($0) }))), (1, .int8(tensor.element.rawValue)),
                (2, .uint32(UInt32(number))), (3, .place(buffer.text(tensor.name))),
            ]
            if !tensor.scales.isEmpty {
                let (scales, zeros) = (buffer.numbers(tensor.scales), buffer.numbers(tensor.zeros))
                let quantization = buffer.table([
                    (2, .place(scales)), (3, .place(zeros)), (6, .int32(Int32(tensor.axis))),
                ])
                fields.append((4, .place(quantization)))
            }
            if tensor.data == nil {
                // Any number of examples.
                let free = buffer.numbers([-1] + tensor.shape.dropFirst().map { Int32($0) })
                fields.append((7, .place(free)))
            }
            tensorPlaces.append(buffer.table(fields))
        }
        var codes: [(operation: Operation, version: Int32)] = []
        var operators: [FlatBuffer.Place] = []
        for node in nodes {
            let place = codes.firstIndex { $0 == (node.operation, node.version) } ?? codes.count
            if place == codes.count { codes.append((node.operation, node.version)) }
            var fields: [(Int, FlatBuffer.Field)] = [
                (0, .uint32(UInt32(place))), (1, .place(buffer.numbers(node.inputs.map { Int32($0) }))),
                (2, .place(buffer.numbers([Int32(node.output)]))),
            ]
            if let options = node.options {
                var own = options.fields
                if let list = node.list { own.append((list.field, .place(buffer.numbers(list.values)))) }
                fields += [(3, .int8(options.kind)), (4, .place(buffer.table(own)))]
            }
            operators.append(buffer.table(fields))
        }
        let subgraph = buffer.table([
            (0, .place(buffer.places(tensorPlaces))), (1, .place(buffer.numbers([Int32(input)]))),
            (2, .place(buffer.numbers([Int32(output)]))), (3, .place(buffer.places(operators))),
            (4, .place(buffer.text(name))),
        ])
        let codePlaces = codes.map { code in
            buffer.table([
                (0, .int8(Int8(clamping: min(127, code.operation.rawValue)))), (2, .int32(code.version)),
                (3, .int32(code.operation.rawValue)),
            ])
        }
        let root = buffer.table([
            (0, .uint32(3)), (1, .place(buffer.places(codePlaces))), (2, .place(buffer.places([subgraph]))),
            (3, .place(buffer.text(description))), (4, .place(buffer.places(data))),
        ])
        return buffer.finished(root, identifier: "TFL3")
    }
}
