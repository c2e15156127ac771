// ForwardGraph: what a trained network computes when it only predicts: norms folded, pools joined, dropout gone.

/// A piece of arithmetic between two tensors, with the weights that it needs in plain layout.
struct ForwardNode {
    enum Operation {
        /// A convolution, perhaps with the maximum over 2x2 of what it gives.
        case conv(ConvolutionSpec, weights: [Float], bias: [Float], isPooled: Bool)
        case depthwise(ConvolutionSpec, weights: [Float], bias: [Float])
        case dense(weights: [Float], bias: [Float])
        case pool(isAverage: Bool, Window)
        case globalAverage
        case flatten
        /// A batch norm that could not be folded: value·factor + shift, by channel or feature.
        case norm(factor: [Float], shift: [Float])
        case layerNorm(weight: [Float], bias: [Float], epsilon: Float)
        case activation(Activation)
        case add
    }
    var operation: Operation
    /// Nodes that it takes; -1 is the input.
    var inputs: [Int]
    /// max(0, ·) of what it gives.
    var relu = false
    var output: ForwardTensor
    /// As a person wrote it.
    var name: String
    /// The layer of the network that its weights are those of.
    var layer: Int
}

/// What flows between two nodes.
struct ForwardTensor {
    let shape: TensorShape
    /// How an image, or a flattened one, lies; nil: features in plain order.
    let order: ImageLayout?
    /// Values of one example, padding included; whole registers.
    let stride: Int

    init(_ shape: TensorShape, order: ImageLayout?) {
        self.shape = shape
        self.order = order
        stride = padded(order?.stride ?? shape.count)
    }

    /// An image in blocks of 16 channels, or a row.
    init(_ shape: TensorShape) {
        if case .image(let channels, let height, let width) = shape {
            self.init(shape, order: ImageLayout(channels: channels, height: height, width: width, block: 16))
        } else {
            self.init(shape, order: nil)
        }
    }

    /// Where the value with plain index `index` lies.
    func place(_ index: Int) -> Int { order?.place(index) ?? index }

    /// Channels of an image, features of a row: what has a mean of its own.
    var channels: Int {
        if case .image(let channels, _, _) = shape { return channels }
        return shape.count
    }

    /// Values of a channel.
    var plane: Int { shape.count / channels }
}

/// Nodes in an order in which each comes after those that it takes; the last gives the logits.
struct ForwardGraph {
    let input: ForwardTensor
    private(set) var nodes: [ForwardNode] = []
    let outputs: Int

    init(_ written: Network, weights all: [ParameterValues]) {
        let (network, weights, origins) = written.foldingNormsWithOrigins(all)
        let named = Dictionary(weights.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
        input = Self.inputTensor(network)
        outputs = network.classes
        var place: [Int: Int] = [-1: -1]
        var pooled: Set<Int> = []
        for layer in network.layers {
            let inputs = layer.inputs.compactMap { place[$0] }
            precondition(inputs.count == layer.inputs.count, "layer \(layer.index) comes before what it takes")
            if layer.isTaken || pooled.contains(layer.index) {
                place[layer.index] = inputs[0]
                continue
            }
            let from = tensor(inputs[0])
            func values(_ position: Int) -> [Float] {
                guard let found = named[layer.parameters[position].name] else {
                    preconditionFailure("no weights for \(layer.parameters[position].name)")
                }
                return found
            }
            var output = ForwardTensor(layer.output)
            let operation: ForwardNode.Operation
            switch layer.spec {
            case .conv(let conv):
                let bias = conv.hasBias ? values(1) : Array(repeating: 0, count: conv.filters)
                if layer.isDepthwise {
                    operation = .depthwise(conv, weights: values(0), bias: bias)
                } else {
                    let pool = network.pool(after: layer)
                    if let pool {
                        output = ForwardTensor(pool.output)
                        pooled.insert(pool.index)
                    }
                    operation = .conv(conv, weights: values(0), bias: bias, isPooled: pool != nil)
                }
            case .dense: operation = .dense(weights: values(0), bias: values(1))
            case .maxPool(let size, let stride, let padding):
                operation = .pool(isAverage: false, Window(size: size, stride: stride, padding: padding))
            case .averagePool(let size, let stride, let padding):
                operation = .pool(isAverage: true, Window(size: size, stride: stride, padding: padding))
            case .globalAveragePool: operation = .globalAverage
            case .flatten:
                operation = .flatten
                if network.takesAnyOrder(layer.index) || from.order?.block == 1 {
                    output = ForwardTensor(layer.output, order: from.order)
                }
            case .batchNorm(_, let epsilon, _):
                let norm = NormFactors((0..<4).map(values), epsilon: epsilon)
                operation = .norm(factor: norm.factor, shift: norm.shift)
                output = ForwardTensor(layer.output, order: from.order)
            case .layerNorm(let epsilon): operation = .layerNorm(weight: values(0), bias: values(1), epsilon: epsilon)
            case .activation(let activation):
                if activation == .linear {
                    place[layer.index] = inputs[0]
                    continue
                }
                operation = .activation(activation)
                if activation != .softmax { output = ForwardTensor(layer.output, order: from.order) }
            case .dropout:
                place[layer.index] = inputs[0]
                continue
            case .add:
                operation = .add
                output = ForwardTensor(layer.output, order: from.order)
            case .depthwiseConv, .separableConv, .residual: preconditionFailure("\(layer.name) is taken apart before")
            }
            var activation = layer.activation
            if case .activation = operation { activation = .linear }
            let fuses: Bool =
                switch operation {
                case .conv, .depthwise, .dense, .add: activation == .relu
                default: false
                }
            append(
                ForwardNode(
                    operation: operation, inputs: inputs, relu: fuses, output: output, name: layer.summary,
                    layer: origins[layer.index]))
            if activation != .linear, !fuses {
                append(
                    ForwardNode(
                        operation: .activation(activation), inputs: [nodes.count - 1],
                        output: activation == .softmax ? ForwardTensor(layer.output) : output, name: activation.name,
                        layer: origins[layer.index]))
            }
            place[layer.index] = nodes.count - 1
        }
        precondition(!nodes.isEmpty, "a network of nothing but dropout")
    }

    private mutating func append(_ node: ForwardNode) { nodes.append(node) }

    func tensor(_ index: Int) -> ForwardTensor { index < 0 ? input : nodes[index].output }

    private static func inputTensor(_ network: Network) -> ForwardTensor {
        guard case .image(let channels, let height, let width) = network.input else {
            return ForwardTensor(network.input)
        }
        let takers = network.layers.filter { $0.inputs.contains(-1) }
        var block = 16
        if takers.allSatisfy({ $0.spec == .flatten }) {
            block = 1
        } else if channels <= 4,
            takers.allSatisfy({ layer in
                if case .conv = layer.spec { return !layer.isDepthwise }
                return false
            })
        {
            block = channels
        }
        return ForwardTensor(
            network.input, order: ImageLayout(channels: channels, height: height, width: width, block: block))
    }
}

extension ForwardTensor {
    /// For each place the channel or feature that lies there; -1 for padding.
    var channelOfPlace: [Int32] {
        var channel = [Int32](repeating: -1, count: stride)
        for index in 0..<shape.count { channel[place(index)] = Int32(index / plane) }
        return channel
    }
}
