// Variant: a trained network that was made smaller, ready to be stored and to run.

/// A trained network that was made smaller.
public struct Variant: Sendable {
    public let recipe: VariantRecipe
    /// Smaller than the one it was made of where channels were taken out.
    public let network: Network
    /// All arrays of the network, in its order.
    public let packed: [PackedParameter]
    /// What ``packed`` means: the weights that it runs with.
    public let weights: [ParameterValues]

    /// A network with `weights` that have been pruned and clustered already; numbers are rounded here as `recipe` says.
    public init(_ recipe: VariantRecipe, _ network: Network, _ weights: [ParameterValues]) {
        let roles = Dictionary(network.parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let packed = weights.map { array in
            PackedParameter(array, recipe.format(isWeight: roles[array.name]?.isWeight == true))
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
    }

    /// Weights of convolutions and dense layers, and how many of them are zero.
    public var sparsity: (zeros: Int, weights: Int) {
        let names = Set(network.parameters.filter(\.isWeight).map(\.name))
        return weights.filter { names.contains($0.name) }.reduce((0, 0)) { sum, array in
            (sum.0 + array.values.count { $0 == 0 }, sum.1 + array.values.count)
        }
    }
}

extension VariantRecipe {
    fileprivate func format(isWeight: Bool) -> PackedParameter.Format {
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
        case nil: break
        case .twoOfFour: reasons.append("zeros are multiplied like other weights, as no kernel here skips two of four")
        default: reasons.append("zeros are multiplied like other weights")
        }
        if clusters != nil { reasons.append("shared values are unpacked to float32") }
        switch numbers {
        case .f16, .bf16, .int4: reasons.append("runs as float32")
        case .int8, .dynamic: reasons.append("weights are bytes, but activations and arithmetic stay float32")
        case nil: break
        }
        return reasons.isEmpty
            ? nil
            : reasons.joined(separator: "; ")
                + (channels == nil ? ": only the file is smaller" : ": only fewer channels can make it quicker")
    }
}
