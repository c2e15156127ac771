// Quantizer: a trained network becomes a QuantizedModel by what examples show of its activations.

extension QuantizedModel {
    /// Quantizes `network` with `weights`: ranges of activations are those that `calibration` gives.
    /// - Parameters:
    ///   - calibration: examples of the training split; all of them are observed, or those of `examples`, so give some
    ///     256 (``QuantizationSettings/usualExamples``).
    ///   - keeping: layers of `network` whose weights stay float32, by their index.
    /// - Throws: ``ExampleError`` when a streamed example can't be decoded.
    public init(
        _ network: Network, weights: [ParameterValues], calibration: PreparedExamples, examples: [Int32]? = nil,
        settings: QuantizationSettings = .init(), keeping: Set<Int> = []
    ) throws {
        let wanted =
            examples ?? Array(Int32(0)..<Int32(min(calibration.count, QuantizationSettings.usualExamples)))
        let calibrator = Calibrator(network, weights: weights, data: calibration, examples: wanted)
        let tensors = try calibrator.tensors(settings)
        self.init(inputShape: network.input, input: tensors.input, nodes: [])
        for (index, node) in calibrator.graph.nodes.enumerated() {
            nodes.append(
                Self.node(
                    node, takes: calibrator.graph.tensor(node.inputs[0]), tensors, gives: tensors.nodes[index],
                    keepsFloats: keeping.contains(node.layer)))
        }
    }

    private static func node(
        _ node: ForwardNode, takes input: ForwardTensor, _ tensors: CalibratedTensors, gives output: Affine,
        keepsFloats: Bool
    ) -> Node {
        var isPooled = false
        let operation: Node.Operation
        let (source, means) = (tensors.affine(node.inputs[0]), tensors.mean(node.inputs[0]))
        switch node.operation {
        case _ where keepsFloats: operation = plain(node.operation)
        case .conv(let conv, let weights, let bias, _), .depthwise(let conv, let weights, let bias):
            let (inner, taps) = (input.channels / conv.groups, conv.kernel * conv.kernel)
            let found = quantized(
                weights, [conv.filters, inner, conv.kernel, conv.kernel], bias, source, means
            ) { channel, index in channel / (conv.filters / conv.groups) * inner + index / taps }
            operation = .conv(conv, weights: found.weights, bias: found.bias)
        case .dense(let weights, let bias):
            let found = quantized(
                weights, [node.output.shape.count, input.shape.count], bias, source, means
            ) { _, index in index }
            operation = .dense(weights: found.weights, bias: found.bias)
        default: operation = plain(node.operation)
        }
        if case .conv(_, _, _, let pools) = node.operation { isPooled = pools }
        return Node(
            operation: operation, inputs: node.inputs, relu: node.relu, isPooled: isPooled, shape: node.output.shape,
            output: output, name: node.name, layer: node.layer)
    }

    /// What is not quantized by itself: arithmetic without weights, and weights that stay float32.
    static func plain(_ operation: ForwardNode.Operation) -> Node.Operation {
        switch operation {
        case .conv(let conv, let weights, let bias, _), .depthwise(let conv, let weights, let bias):
            .floatConv(conv, weights: weights, bias: bias)
        case .dense(let weights, let bias): .floatDense(weights: weights, bias: bias)
        case .pool(false, let window):
            .maxPool(size: window.size, stride: window.stride, padding: window.padding)
        case .pool(true, let window):
            .averagePool(size: window.size, stride: window.stride, padding: window.padding)
        case .globalAverage: .globalAveragePool
        case .flatten: .flatten
        case .norm(let factor, let shift): .norm(factor: factor, shift: shift)
        case .layerNorm(let weight, let bias, let epsilon):
            .layerNorm(weight: weight, bias: bias, epsilon: epsilon)
        case .activation(let activation): .activation(activation)
        case .add: .add
        }
    }

    /// Largest magnitude of a bias: it must fit beside the products.
    static let mostBias = 0x1p29

    /// Weights as bytes, and the bias with what they change in the mean of each channel taken back.
    /// - Parameter position: where the value of the input that meets a weight of a channel's row has its mean.
    private static func quantized(
        _ weights: [Float], _ shape: [Int], _ bias: [Float], _ source: Affine, _ means: [Double]?,
        _ position: (_ channel: Int, _ index: Int) -> Int
    ) -> (weights: QuantizedWeights, bias: [Int32]) {
        let quantized = QuantizedWeights(weights, shape: shape, least: bias.map { abs($0) / source.scale / 0x1p28 })
        let row = quantized.row
        let biases = (0..<shape[0]).map { channel -> Int32 in
            var wanted = Double(bias[channel])
            if let means {
                for index in 0..<row {
                    let place = channel * row + index
                    let error =
                        Double(quantized.values[place]) * Double(quantized.scales[channel]) - Double(weights[place])
                    wanted -= error * means[position(channel, index)]
                }
            }
            let nearest = (wanted / (Double(source.scale) * Double(quantized.scales[channel])))
                .rounded(.toNearestOrEven)
            return Int32(max(-mostBias, min(mostBias, nearest.isNaN ? 0 : nearest)))
        }
        return (quantized, biases)
    }
}

extension QuantizedModel {
    /// How its tensors lie in memory: the input's, and each node's.
    func layout() -> (input: ForwardTensor, nodes: [ForwardTensor]) {
        let input = inputTensor()
        var tensors: [ForwardTensor] = []
        for (index, node) in nodes.enumerated() {
            let from = node.inputs[0] < 0 ? input : tensors[node.inputs[0]]
            switch node.operation {
            case .flatten where takesAnyOrder(index) || from.order?.block == 1:
                tensors.append(ForwardTensor(node.shape, order: from.order))
            case .activation(.softmax): tensors.append(ForwardTensor(node.shape))
            case .activation, .norm, .add: tensors.append(ForwardTensor(node.shape, order: from.order))
            default: tensors.append(ForwardTensor(node.shape))
            }
        }
        return (input, tensors)
    }

    /// Whether only dense layers look at what the node `index` gives, perhaps by way of activations.
    private func takesAnyOrder(_ index: Int) -> Bool {
        let takers = nodes.indices.filter { nodes[$0].inputs.contains(index) }
        return !takers.isEmpty
            && takers.allSatisfy { taker in
                switch nodes[taker].operation {
                case .dense, .floatDense: true
                case .activation(let activation): activation != .softmax && takesAnyOrder(taker)
                default: false
                }
            }
    }

    /// Few channels lie so that four bytes of a window lie side by side.
    private func inputTensor() -> ForwardTensor {
        guard case .image(let channels, let height, let width) = inputShape else { return ForwardTensor(inputShape) }
        let takers = nodes.filter { $0.inputs.contains(-1) }
        var block = 16
        if takers.allSatisfy({ $0.operation == .flatten }) {
            block = 1
        } else if channels <= 4,
            takers.allSatisfy({ node in
                switch node.operation {
                case .conv(let conv, _, _), .floatConv(let conv, _, _): !Self.isDepthwise(conv, channels: channels)
                default: false
                }
            })
        {
            block = channels > 1 ? 4 : 1
        }
        return ForwardTensor(
            inputShape, order: ImageLayout(channels: channels, height: height, width: width, block: block))
    }

    /// Whether each channel is convolved by itself.
    public static func isDepthwise(_ conv: ConvolutionSpec, channels: Int) -> Bool {
        channels > 1 && conv.groups == channels && conv.filters == channels
    }
}
