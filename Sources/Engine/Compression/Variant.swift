// Variant: a trained network that was made smaller, ready to be stored and to run.

/// A trained network that was made smaller.
public struct Variant: Sendable {
    public let recipe: VariantRecipe
    /// Smaller than the one it was made of where channels were taken out.
    public let network: Network
    /// All arrays of the network, in its order; none where it is ``quantized``.
    public let packed: [PackedParameter]
    /// A network that runs in bytes; nil: float32.
    public let quantized: QuantizedModel?
    /// What ``packed`` means: the weights that it runs with; those that the bytes of ``quantized`` stand for.
    public let weights: [ParameterValues]

    /// A network with `weights` that have been pruned and clustered already; numbers are rounded here as `recipe` says.
    public init(_ recipe: VariantRecipe, _ network: Network, _ weights: [ParameterValues]) {
        let roles = Dictionary(network.parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let kept = network.weightNames(of: recipe.kept)
        let packed = weights.map { array in
            PackedParameter(
                array,
                kept.contains(array.name) ? .f32 : recipe.format(isWeight: roles[array.name]?.isWeight == true))
        }
        guard let variant = Variant(recipe, network, packed: packed) else {
            preconditionFailure("the weights of \(recipe) could not be packed")
        }
        self = variant
    }

    /// What was packed before; nil where it does not fit `network`.
    public init?(_ recipe: VariantRecipe, _ network: Network, packed: [PackedParameter]) {
        guard network.parameters.map(\.name) == packed.map(\.name),
            network.parameters.map(\.shape) == packed.map(\.shape)
        else { return nil }
        var weights: [ParameterValues] = []
        for array in packed {
            guard let values = array.values else { return nil }
            weights.append(ParameterValues(name: array.name, shape: array.shape, values: values))
        }
        self.recipe = recipe
        self.network = network
        self.packed = packed
        self.weights = weights
        quantized = nil
    }

    /// A network that runs in bytes.
    public init(_ recipe: VariantRecipe, _ network: Network, quantized: QuantizedModel) {
        self.recipe = recipe
        self.network = network
        self.quantized = quantized
        packed = []
        weights = quantized.weights(of: network)
    }

    /// Its network, planned for predicting.
    /// - Parameter examples: of the kind that it will be asked about.
    public func planned(_ loss: LossSpec, like examples: PreparedExamples, workers: Int) -> any PlannedNetwork {
        if let quantized { return QuantizedNetwork(quantized, like: examples, loss: loss, workers: workers) }
        return CompiledNetwork(network, weights: weights, loss: loss, like: examples, workers: workers)
    }

    /// Weights of convolutions and dense layers, and how many of them are zero.
    public var sparsity: (zeros: Int, weights: Int) {
        let names = Set(network.parameters.filter(\.isWeight).map(\.name))
        return weights.filter { names.contains($0.name) }.reduce((0, 0)) { sum, array in
            (sum.0 + array.values.count { $0 == 0 }, sum.1 + array.values.count)
        }
    }
}

extension Network {
    /// Names of the weight arrays of the layers with these numbers, from 1.
    public func weightNames(of numbers: some Sequence<Int>) -> Set<String> {
        Set(
            numbers.filter { layers.indices.contains($0 - 1) }.flatMap {
                layers[$0 - 1].parameters.filter(\.isWeight).map(\.name)
            })
    }
}

extension VariantRecipe {
    /// `weights` with what the recipe does to single arrays done to those `names`: zeros, shared values and rounding, without
    /// training.
    public func applied(
        to weights: [ParameterValues], of network: Network, only names: Set<String>
    ) -> [ParameterValues] {
        let chosen = weights.filter { names.contains($0.name) }
        var changed = chosen
        if let pruning { changed = chosen.pruned(network, pruning) }
        if let clusters {
            let shared = SharedWeights.all(network, changed, clusters: clusters)
            for index in changed.indices {
                if let found = shared[changed[index].name] { changed[index].values = found.values }
            }
        }
        changed = changed.map(rounded)
        let byName = Dictionary(changed.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return weights.map { byName[$0.name] ?? $0 }
    }

    /// `array` with its numbers rounded as those of weights are.
    public func rounded(_ array: ParameterValues) -> ParameterValues {
        guard let values = PackedParameter(array, format(isWeight: true)).values else {
            preconditionFailure("\(array.name) could not be packed as \(name)")
        }
        return ParameterValues(name: array.name, shape: array.shape, values: values)
    }

    /// - Throws: ``VariantError/noLayer(_:of:layers:)`` where it speaks of a layer that `network` does not have.
    public func check(_ network: Network) throws(VariantError) {
        for number in kept.sorted() + layerPruning.keys.sorted() where network.weightNames(of: [number]).isEmpty {
            throw .noLayer(number, of: name, layers: network.layers.count { $0.parameters.contains(where: \.isWeight) })
        }
    }

    func format(isWeight: Bool) -> PackedParameter.Format {
        switch numbers {
        case .f16: return .f16
        case .bf16: return .bf16
        case .int8, .dynamic: return isWeight ? .int8 : .f32
        case .int4: return isWeight ? .int4 : .f32
        case nil: return isWeight && clusters != nil ? .palette : .f32
        }
    }

    /// Why its file is smaller and its network no faster; nil where only the network itself is smaller.
    public var noteOfSpeed: String? {
        var reasons: [String] = []
        switch pruning {
        case nil: if !layerPruning.isEmpty { reasons.append("zeros are multiplied like other weights") }
        case .twoOfFour: reasons.append("zeros are multiplied like other weights, as no kernel here skips two of four")
        default: reasons.append("zeros are multiplied like other weights")
        }
        if clusters != nil { reasons.append("shared values are unpacked to float32") }
        switch numbers {
        case .f16, .bf16, .int4: reasons.append("runs as float32")
        case .dynamic: reasons.append("weights are bytes, but activations and arithmetic stay float32")
        case .int8, nil: break
        }
        guard !reasons.isEmpty else { return nil }
        let ending =
            if numbers == .int8 {
                ": only bytes\(channels == nil ? "" : " and fewer channels") can make it quicker"
            } else {
                channels == nil ? ": only the file is smaller" : ": only fewer channels can make it quicker"
            }
        return reasons.joined(separator: "; ") + ending
    }
}
