// ConvSet: how convolutions are computed and where images lie, for one number of examples; what a network says of that.

/// The planned convolutions of a network for one number of examples, and how what each layer gives lies in memory.
final class ConvSet {
    let examples: Int
    /// By layer; depthwise convolutions have none.
    let handles: [Int: ConvHandle]
    /// Layout of the images that a layer gives, by layer; -1 is the network's input.
    let images: [Int: ImageLayout]
    /// Layers that give a flattened image whose features lie as the image did, and how.
    let orders: [Int: ImageLayout]
    let precision: Precision

    /// - Parameter inputGradient: the gradient of the network's input is wanted too.
    init(
        _ network: Network, examples: Int, training: Bool, precision: Precision = .f32, weightsOf: ConvSet? = nil,
        inputGradient: Bool = false
    ) throws(ConvolutionError) {
        self.precision = precision
        self.examples = examples
        var handles: [Int: ConvHandle] = [:]
        var images: [Int: ImageLayout] = [:]
        var orders: [Int: ImageLayout] = [:]
        if case .image(let channels, let height, let width) = network.input {
            images[-1] = ImageLayout(channels: channels, height: height, width: width, block: 1)
        }
        let needsGradient = network.gradientFlows(toInput: inputGradient)
        for layer in network.layers {
            if let order = layer.inputs.first.flatMap({ orders[$0] }), layer.isElementwise {
                orders[layer.index] = order
            }
            guard let input = layer.inputs.first.flatMap({ images[$0] }) else { continue }
            if case .conv(let conv) = layer.spec, !layer.isDepthwise {
                let handle = try ConvHandle(
                    examples: examples, input: input, spec: conv, relu: layer.activation == .relu,
                    backward: !training ? .none : needsGradient[layer.inputs[0]] == true ? .weightsAndInput : .weights,
                    precision: precision, weightsOf: weightsOf?.handles[layer.index])
                handles[layer.index] = handle
                images[layer.index] = handle.output
            } else if case .image(let channels, let height, let width) = layer.output {
                images[layer.index] = ImageLayout(channels: channels, height: height, width: width, block: input.block)
            } else if layer.spec == .flatten, input.stride % featurePad == 0, network.takesAnyOrder(layer.index) {
                orders[layer.index] = input
            }
        }
        self.handles = handles
        self.images = images
        self.orders = orders
    }
}

extension NetworkLayer {
    /// A convolution of each channel by itself.
    var isDepthwise: Bool {
        if case .conv(let conv) = spec, conv.groups > 1, case .image(let channels, _, _) = input {
            return conv.groups == channels && conv.filters == channels
        }
        return false
    }

    /// Works value by value, in whatever order they lie.
    var isElementwise: Bool {
        switch spec {
        case .activation(.softmax): false
        case .activation, .dropout: true
        default: false
        }
    }
}

extension Network {
    /// The max pool of 2x2 windows that alone takes what the convolution `layer` gives, perhaps by way of its ReLU.
    func pool(after layer: NetworkLayer) -> NetworkLayer? {
        guard case .conv = layer.spec, !layer.isDepthwise, [.linear, .relu].contains(layer.activation) else {
            return nil
        }
        var follower = layer
        repeat {
            let takers = layers.filter { $0.inputs.contains(follower.index) }
            guard takers.count == 1 else { return nil }
            follower = takers[0]
        } while follower.isTaken
        return follower.spec == .maxPool(size: 2, stride: 2) ? follower : nil
    }

    /// Whether each tensor's gradient is wanted, by the layer that gives it: some parameter lies at it or before it.
    func gradientFlows(toInput: Bool) -> [Int: Bool] {
        var flows = [-1: toInput]
        for layer in layers {
            flows[layer.index] = layer.parameterCount > 0 || layer.inputs.contains { flows[$0] == true }
        }
        return flows
    }

    /// Whether all that look at the output of layer `index` are dense layers, whose weights can lie in any order.
    func takesAnyOrder(_ index: Int) -> Bool {
        let consumers = layers.filter { $0.inputs.contains(index) }
        return !consumers.isEmpty
            && consumers.allSatisfy { layer in
                if case .dense = layer.spec { return true }
                return layer.isElementwise && takesAnyOrder(layer.index)
            }
    }
}
