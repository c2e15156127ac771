// ChannelPruning: channels of convolutions and units of dense layers are really taken out; what is left is an ordinary
// smaller network (Li et al. 2017, "Pruning filters for efficient convnets": by the L1 norm of their weights).

/// A network that has lost channels, and the weights that are left.
public struct ChannelPruning: Sendable {
    public let network: Network
    public let weights: [ParameterValues]
    /// The channels that stay, by the layer that makes them, where some went.
    public let kept: [Int: [Int]]

    /// Takes `percent` of the channels of each convolution and of the units of each hidden dense layer out of `network`, those with
    /// the smallest sums of magnitudes; at least one stays. Left alone are the outputs, what reaches a residual sum, what is
    /// normalised over its features, and what a convolution by groups looks at or makes.
    public init(_ network: Network, _ weights: [ParameterValues], percent: Int) throws(NetworkError) {
        precondition(VariantRecipe.percentRange.contains(percent), "\(percent) %")
        let byName = Dictionary(weights.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let sources = Sources(network)
        var kept: [Int: [Int]] = [:]
        for layer in network.layers where sources.makers[layer.index] == layer.index {
            guard !sources.fixed.contains(layer.index), let shape = layer.parameters.first,
                let values = byName[shape.name]?.values
            else { continue }
            let count = shape.shape[0]
            let removed = min(count - 1, count * percent / 100)
            guard removed > 0 else { continue }
            let row = values.count / count
            let norms = (0..<count).map { channel in
                values[channel * row..<(channel + 1) * row].reduce(0.0) { $0 + Double($1.magnitude) }
            }
            let order = norms.indices.sorted { norms[$0] == norms[$1] ? $0 < $1 : norms[$0] < norms[$1] }
            kept[layer.index] = order.dropFirst(removed).sorted()
        }
        self.kept = kept
        self.network = try Network(network, widths: kept.mapValues(\.count))
        let smaller = Dictionary(
            self.network.parameters.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        var result: [ParameterValues] = []
        for layer in network.layers {
            let outputs = sources.makers[layer.index].flatMap { kept[$0] }
            let inputs = layer.inputs.first.flatMap { $0 < 0 ? nil : sources.makers[$0] }.flatMap { kept[$0] }
            // Each channel of a flattened image is as many features as it has pixels.
            let pixels = layer.inputs.first.map { sources.pixels[$0] ?? 1 } ?? 1
            for shape in layer.parameters {
                guard let array = byName[shape.name] else { continue }
                var values = array.values
                if shape.shape.count >= 2, let inputs, !layer.isDepthwise {
                    values = Self.columns(values, shape.shape, inputs, pixels)
                }
                if let outputs {
                    // A norm behind a flatten has as many values a channel as there are pixels.
                    let run = shape.shape.count >= 2 ? 1 : sources.pixels[layer.index] ?? 1
                    values = Self.rows(values, channels: shape.shape[0] / run, outputs)
                }
                result.append(
                    ParameterValues(name: shape.name, shape: smaller[shape.name] ?? array.shape, values: values))
            }
        }
        self.weights = result
    }

    /// The blocks `kept` of `values`, which are one block a channel.
    private static func rows(_ values: [Float], channels: Int, _ kept: [Int]) -> [Float] {
        let row = values.count / channels
        return kept.flatMap { values[$0 * row..<($0 + 1) * row] }
    }

    /// What is left of each row when only the input channels `kept` remain.
    private static func columns(_ values: [Float], _ shape: [Int], _ kept: [Int], _ pixels: Int) -> [Float] {
        let row = values.count / shape[0]
        let column = shape.count > 2 ? row / shape[1] : pixels
        var left: [Float] = []
        for start in stride(from: 0, to: values.count, by: row) {
            for channel in kept {
                let first = start + channel * column
                left += values[first..<first + column]
            }
        }
        return left
    }

    /// Which layer makes the channels that each layer gives.
    private struct Sources {
        /// By layer; none where they are the network's input.
        var makers: [Int: Int] = [:]
        /// How many features of a layer's output are one channel of its maker, by layer.
        var pixels: [Int: Int] = [:]
        /// Makers whose channels must all stay.
        var fixed: Set<Int> = []

        init(_ network: Network) {
            for layer in network.layers {
                let before = layer.inputs.first ?? -1
                makers[layer.index] = makers[before]
                pixels[layer.index] = pixels[before] ?? 1
                switch layer.spec {
                case .conv(let conv) where !layer.isDepthwise:
                    makers[layer.index] = layer.index
                    pixels[layer.index] = 1
                    if conv.groups > 1 {
                        fix(layer.inputs)
                        fix([layer.index])
                    }
                case .dense:
                    makers[layer.index] = layer.index
                    pixels[layer.index] = 1
                case .flatten:
                    if case .image(_, let height, let width) = layer.input { pixels[layer.index] = height * width }
                case .globalAveragePool: pixels[layer.index] = 1
                case .layerNorm, .activation(.softmax): fix(layer.inputs)
                case .add:
                    fix(layer.inputs)
                    // Nobody else has made a sum.
                    makers[layer.index] = nil
                    pixels[layer.index] = 1
                default: break
                }
                // Softmax over a dense layer's units looks at all of them.
                if layer.activation == .softmax { fix([layer.index]) }
            }
            fix([network.layers.count - 1])
        }

        private mutating func fix(_ layers: [Int]) {
            for layer in layers { if let maker = makers[layer] { fixed.insert(maker) } }
        }
    }
}
