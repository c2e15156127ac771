// Pruning: which weights of a trained network become zero (LeCun et al. 1990; Han et al. 2015, by magnitude).

extension ParameterShape {
    /// A weight of a convolution or a dense layer: what pruning, clusters and small numbers are about. Biases and
    /// normalisations are a small part of a network and matter much.
    public var isWeight: Bool { if case .weight = role { true } else { false } }
}

/// Makes weights zero.
public enum Pruning {
    /// Whether each weight stays, by the name of its array. Arrays that are not pruned are missing.
    public typealias Masks = [String: [Bool]]

    /// What stays of `weights` after `recipe`.
    public static func masks(
        _ network: Network, _ weights: [ParameterValues], _ recipe: VariantRecipe.Pruning
    ) -> Masks {
        switch recipe {
        case .global(let percent): global(network, weights, fraction: Double(percent) / 100)
        case .layerwise(let percent): layerwise(network, weights, fraction: Double(percent) / 100)
        case .twoOfFour: twoOfFour(network, weights)
        }
    }

    /// Without the `fraction` of all weights that are nearest to zero; of equal ones the first go.
    public static func global(_ network: Network, _ weights: [ParameterValues], fraction: Double) -> Masks {
        let arrays = prunable(network, weights)
        let removed = smallest(arrays.flatMap(\.values), fraction: fraction)
        var first = 0
        var masks: Masks = [:]
        for array in arrays {
            masks[array.name] = Array(removed[first..<first + array.values.count]).map { !$0 }
            first += array.values.count
        }
        return masks
    }

    /// The same for each array by itself.
    public static func layerwise(_ network: Network, _ weights: [ParameterValues], fraction: Double) -> Masks {
        var masks: Masks = [:]
        for array in prunable(network, weights) {
            masks[array.name] = smallest(array.values, fraction: fraction).map { !$0 }
        }
        return masks
    }

    /// The two larger of each four weights that follow one another in the row of an output; what is left of a row after its
    /// last whole four stays.
    public static func twoOfFour(_ network: Network, _ weights: [ParameterValues]) -> Masks {
        var masks: Masks = [:]
        for array in prunable(network, weights) {
            var mask = [Bool](repeating: true, count: array.values.count)
            let row = array.values.count / max(1, array.shape.first ?? 1)
            for start in stride(from: 0, to: array.values.count, by: max(1, row)) {
                for four in stride(from: start, through: start + row - 4, by: 4) {
                    let order = (four..<four + 4).sorted {
                        let (a, b) = (array.values[$0].magnitude, array.values[$1].magnitude)
                        return a == b ? $0 < $1 : a < b
                    }
                    for index in order.prefix(2) { mask[index] = false }
                }
            }
            masks[array.name] = mask
        }
        return masks
    }

    /// `weights` with zeros where `masks` says so.
    public static func apply(_ masks: Masks, to weights: [ParameterValues]) -> [ParameterValues] {
        weights.map { array in
            guard let mask = masks[array.name] else { return array }
            var pruned = array
            for (index, stays) in mask.enumerated() where !stays { pruned.values[index] = 0 }
            return pruned
        }
    }

    /// The fraction of zeros that a network has which is pruned gradually: s = final + (initial - final)(1 - t)³ with t from 0
    /// to 1 (Zhu & Gupta 2017, eq. 1). Much is taken out early, while there is much to spare.
    public static func gradualFraction(_ time: Double, from initial: Double = 0, to final: Double) -> Double {
        let rest = 1 - min(1, max(0, time))
        return final + (initial - final) * rest * rest * rest
    }

    private static func prunable(_ network: Network, _ weights: [ParameterValues]) -> [ParameterValues] {
        let names = Set(network.parameters.filter(\.isWeight).map(\.name))
        return weights.filter { names.contains($0.name) }
    }

    /// True for the `fraction` of `values` that are nearest to zero, the first of equals.
    private static func smallest(_ values: [Float], fraction: Double) -> [Bool] {
        var chosen = [Bool](repeating: false, count: values.count)
        let order = values.indices.sorted {
            let (a, b) = (values[$0].magnitude, values[$1].magnitude)
            return a == b ? $0 < $1 : a < b
        }
        for index in order.prefix(Int((Double(values.count) * fraction).rounded())) { chosen[index] = true }
        return chosen
    }
}

extension [ParameterValues] {
    /// These arrays of `network` with what `recipe` takes out of them as zeros. (``VariantRecipe`` has a `Pruning` of its own.)
    func pruned(_ network: Network, _ recipe: VariantRecipe.Pruning) -> [ParameterValues] {
        Pruning.apply(Pruning.masks(network, self, recipe), to: self)
    }
}
