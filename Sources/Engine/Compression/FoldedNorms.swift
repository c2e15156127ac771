// FoldedNorms: batch norms taken into the weights of the layers before them, for inference.

extension Network {
    /// The network without those batch norms that follow a convolution or dense layer at once, and its weights, which give
    /// the same: with f = γ / √(variance + ε) the weights of a channel are multiplied by f, and its bias b becomes
    /// (b - mean)·f + β (Ioffe & Szegedy 2015, algorithm 2).
    public func foldingNorms(_ weights: [ParameterValues]) -> (network: Network, weights: [ParameterValues]) {
        let (network, weights, _) = foldingNormsWithOrigins(weights)
        return (network, weights)
    }

    /// As ``foldingNorms(_:)``; also the index that each layer had.
    func foldingNormsWithOrigins(
        _ weights: [ParameterValues]
    ) -> (network: Network, weights: [ParameterValues], origins: [Int]) {
        let named = Dictionary(weights.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
        func values(_ layer: NetworkLayer, _ position: Int) -> [Float] {
            guard let found = named[layer.parameters[position].name] else {
                preconditionFailure("no weights for \(layer.parameters[position].name)")
            }
            return found
        }
        var kept: [NetworkLayer] = []
        var origins: [Int] = []
        var arrays: [[[Float]]] = []
        /// By old index, the new one; -1 is the input.
        var place: [Int: Int] = [-1: -1]
        for layer in layers {
            if case .batchNorm(_, let epsilon, let activation) = layer.spec,
                consumers(of: layer.inputs[0]) == 1, let at = place[layer.inputs[0]], at >= 0,
                // The layer before is still as it was: nothing but arithmetic.
                layers[layer.inputs[0]].activation == .linear, layers[layer.inputs[0]].parameters.count > 0,
                let folded = kept[at].folding(activation, takesReLU: layer.takesReLU)
            {
                var own = arrays[at]
                let channels = layer.parameters[0].count
                let row = own[0].count / channels
                var bias = own.count > 1 ? own[1] : Array(repeating: 0, count: channels)
                let (gamma, beta, mean, variance) = (
                    values(layer, 0), values(layer, 1), values(layer, 2), values(layer, 3)
                )
                for channel in 0..<channels {
                    let factor = NormFactors.factor(gamma[channel], variance[channel], epsilon)
                    for index in channel * row..<(channel + 1) * row {
                        own[0][index] = Float(Double(own[0][index]) * factor)
                    }
                    bias[channel] = Float(
                        (Double(bias[channel]) - Double(mean[channel])) * factor + Double(beta[channel]))
                }
                kept[at] = folded
                arrays[at] = [own[0], bias]
                place[layer.index] = at
                continue
            }
            var moved = layer
            moved.index = kept.count
            moved.inputs = layer.inputs.map { place[$0] ?? $0 }
            place[layer.index] = moved.index
            kept.append(moved)
            origins.append(layer.index)
            arrays.append(layer.parameters.indices.map { values(layer, $0) })
        }
        var result: [ParameterValues] = []
        for index in kept.indices {
            for position in kept[index].parameters.indices {
                let old = kept[index].parameters[position].name
                // "3.conv.weight": what comes after the number stays.
                let name = "\(index)" + old[(old.firstIndex(of: ".") ?? old.endIndex)...]
                kept[index].parameters[position].name = name
                result.append(
                    ParameterValues(
                        name: name, shape: kept[index].parameters[position].shape, values: arrays[index][position]))
            }
        }
        return (Network(input: input, classes: classes, layers: kept), result, origins)
    }
}

/// A batch norm with its running statistics as value·factor + shift, by channel or feature.
public struct NormFactors: Sendable, Equatable {
    public var factor: [Float]
    public var shift: [Float]

    /// - Parameter arrays: of a `.batchNorm` layer, in the order of its parameters: γ, β, mean, variance.
    public init(_ arrays: [[Float]], epsilon: Float) {
        precondition(arrays.count == 4 && Set(arrays.map(\.count)).count == 1, "a batch norm has four arrays")
        factor = arrays[0].indices.map { Float(Self.factor(arrays[0][$0], arrays[3][$0], epsilon)) }
        let factor = factor
        shift = factor.indices.map { arrays[1][$0] - arrays[2][$0] * factor[$0] }
    }

    static func factor(_ gamma: Float, _ variance: Float, _ epsilon: Float) -> Double {
        Double(gamma) / (Double(variance) + Double(epsilon)).squareRoot()
    }
}

extension NetworkLayer {
    /// A convolution or dense layer with a bias and the activation of the norm after it; nil: it is none.
    fileprivate func folding(_ activation: Activation, takesReLU: Bool) -> NetworkLayer? {
        var folded = self
        folded.takesReLU = takesReLU
        switch spec {
        case .conv(var conv):
            conv.activation = activation
            if !conv.hasBias {
                conv.hasBias = true
                let weight = parameters[0]
                let name = weight.name.prefix(weight.name.count - "weight".count) + "bias"
                folded.parameters.append(ParameterShape(name: String(name), shape: [weight.shape[0]], role: .bias))
            }
            folded.spec = .conv(conv)
        case .dense(let units, _, let initializer):
            folded.spec = .dense(units: units, activation: activation, initializer: initializer)
        default: return nil
        }
        return folded
    }
}
