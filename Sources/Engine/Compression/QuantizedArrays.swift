// QuantizedArrays: the numbers of a network in bytes by layer, as files keep them; and such a network out of its numbers.

extension QuantizedModel {
    /// What a layer multiplies by and adds.
    public enum Numbers: Sendable, Equatable {
        case bytes(QuantizedWeights, bias: [Int32])
        /// Weights and biases that stayed float32; factors and shifts of a norm.
        case floats([Float], [Float])
    }

    /// The layers that have numbers, by their index.
    public var numbers: [Int: Numbers] {
        var found: [Int: Numbers] = [:]
        for node in nodes {
            switch node.operation {
            case .conv(_, let weights, let bias), .dense(let weights, let bias):
                found[node.layer] = .bytes(weights, bias: bias)
            case .floatConv(_, let weights, let bias), .floatDense(let weights, let bias),
                .norm(let weights, let bias), .layerNorm(let weights, let bias, _):
                found[node.layer] = .floats(weights, bias)
            case .maxPool, .averagePool, .globalAveragePool, .flatten, .activation, .add: break
            }
        }
        return found
    }

    /// What the bytes of its tensors stand for: those of the input, then those of each node.
    public var activations: [Affine] { [input] + nodes.map(\.output) }

    /// A network in bytes out of what ``numbers`` and ``activations`` gave; nil where they do not fit `network`.
    public init?(_ network: Network, activations: [Affine], numbers: [Int: Numbers]) {
        let nothing = network.parameters.map {
            ParameterValues(name: $0.name, shape: $0.shape, values: Array(repeating: 0, count: $0.count))
        }
        let graph = ForwardGraph(network, weights: nothing)
        guard activations.count == graph.nodes.count + 1,
            activations.allSatisfy({ $0.width == .uint8 && $0.width.range.contains($0.zero) })
        else { return nil }
        self.init(inputShape: network.input, input: activations[0], nodes: [])
        for (index, node) in graph.nodes.enumerated() {
            let plain = Self.plain(node.operation)
            guard let operation = Self.filled(plain, takes: graph.tensor(node.inputs[0]), numbers[node.layer]) else {
                return nil
            }
            var isPooled = false
            if case .conv(_, _, _, let pools) = node.operation { isPooled = pools }
            nodes.append(
                Node(
                    operation: operation, inputs: node.inputs, relu: node.relu, isPooled: isPooled,
                    shape: node.output.shape, output: activations[index + 1], name: node.name, layer: node.layer))
        }
    }

    /// `operation` with `numbers` instead of its own; nil where they are not such as it needs.
    private static func filled(_ operation: Node.Operation, takes input: ForwardTensor, _ numbers: Numbers?)
        -> Node.Operation?
    {
        func areAlike(_ a: [Float], _ b: [Float]) -> Bool { a.count == b.count && a.allSatisfy(\.isFinite) }
        switch (operation, numbers) {
        case (.floatConv(let conv, let old, let oldBias), .floats(let weights, let bias)):
            guard areAlike(weights, old), areAlike(bias, oldBias) else { return nil }
            return .floatConv(conv, weights: weights, bias: bias)
        case (.floatDense(let old, let oldBias), .floats(let weights, let bias)):
            guard areAlike(weights, old), areAlike(bias, oldBias) else { return nil }
            return .floatDense(weights: weights, bias: bias)
        case (.norm(let old, let oldBias), .floats(let weights, let bias)):
            guard areAlike(weights, old), areAlike(bias, oldBias) else { return nil }
            return .norm(factor: weights, shift: bias)
        case (.layerNorm(let old, let oldBias, let epsilon), .floats(let weights, let bias)):
            guard areAlike(weights, old), areAlike(bias, oldBias) else { return nil }
            return .layerNorm(weight: weights, bias: bias, epsilon: epsilon)
        case (.floatConv(let conv, let old, let oldBias), .bytes(let weights, let bias)):
            let shape = [conv.filters, input.channels / conv.groups, conv.kernel, conv.kernel]
            guard weights.shape == shape, weights.values.count == old.count, isSound(weights, bias, oldBias.count)
            else { return nil }
            return .conv(conv, weights: weights, bias: bias)
        case (.floatDense(let old, let oldBias), .bytes(let weights, let bias)):
            guard weights.shape == [oldBias.count, input.shape.count], weights.values.count == old.count,
                isSound(weights, bias, oldBias.count)
            else { return nil }
            return .dense(weights: weights, bias: bias)
        case (.maxPool, _), (.averagePool, _), (.globalAveragePool, _), (.flatten, _), (.activation, _), (.add, _):
            return operation
        default: return nil
        }
    }

    /// Whether sums of any bytes with these weights fit 32 bits.
    private static func isSound(_ weights: QuantizedWeights, _ bias: [Int32], _ channels: Int) -> Bool {
        guard bias.count == channels, weights.scales.count == channels,
            weights.scales.allSatisfy({ $0 > 0 && $0.isFinite }),
            bias.allSatisfy({ abs(Double($0)) <= mostBias })
        else { return false }
        let row = weights.row
        return stride(from: 0, to: weights.values.count, by: row).allSatisfy { first in
            weights.values[first..<first + row].reduce(0) { $0 + abs(Int($1)) } <= QuantizedWeights.mostSum
        }
    }

    /// The float32 weights of `network` that its bytes stand for: what a person looks at, and where training can go on from.
    /// Norms that were taken into the weights before them change nothing any more.
    public func weights(of network: Network) -> [ParameterValues] {
        let numbers = numbers
        var scales: [Int: Float] = [:]
        for node in nodes {
            scales[node.layer] = scales[node.layer] ?? affine(node.inputs[0]).scale
        }
        /// Float32 weights and biases of a layer.
        func floats(_ layer: Int) -> (weights: [Float], bias: [Float])? {
            switch numbers[layer] {
            case .floats(let weights, let bias): (weights, bias)
            case .bytes(let weights, let bias):
                (
                    weights.dequantized,
                    bias.indices.map { Float(bias[$0]) * (scales[layer] ?? 1) * weights.scales[$0] }
                )
            case nil: nil
            }
        }
        return network.layers.flatMap { layer -> [ParameterValues] in
            let own = floats(layer.index)
            var arrays: [[Float]]
            if case .batchNorm(_, let epsilon, _) = layer.spec {
                let channels = layer.parameters[0].count
                let unit = (1 + Double(epsilon)).squareRoot()
                // Of a norm that was folded only a bias is left that the layer before has no place for.
                let before = layer.inputs.first.flatMap { $0 < 0 ? nil : network.layers[$0] }
                let left = before.flatMap { $0.parameters.count == 1 ? floats($0.index)?.bias : nil }
                arrays = [
                    own?.weights.map { Float(Double($0) * unit) } ?? Array(repeating: Float(unit), count: channels),
                    own?.bias ?? left ?? Array(repeating: 0, count: channels),
                    Array(repeating: 0, count: channels), Array(repeating: 1, count: channels),
                ]
            } else {
                arrays = own.map { [$0.weights, $0.bias] } ?? []
            }
            return layer.parameters.indices.map { index in
                let shape = layer.parameters[index]
                precondition(arrays.indices.contains(index) && arrays[index].count == shape.count, shape.name)
                return ParameterValues(name: shape.name, shape: shape.shape, values: arrays[index])
            }
        }
    }
}
