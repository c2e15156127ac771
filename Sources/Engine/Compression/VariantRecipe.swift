// VariantRecipe: how a trained network is made smaller, as a person names it.

/// How a trained network is made smaller. Its name says all of it: "prune80+cluster16".
public struct VariantRecipe: Sendable, Hashable, CustomStringConvertible {
    /// Which weights become zero.
    public enum Pruning: Sendable, Hashable {
        /// This percentage of all weights, those nearest to zero in the whole network.
        case global(percent: Int)
        /// This percentage of the weights of each layer.
        case layerwise(percent: Int)
        /// Two of each four weights that follow one another in a row.
        case twoOfFour
    }

    /// How numbers are kept.
    public enum Numbers: String, Sendable, Hashable, CaseIterable {
        /// IEEE 754 binary16, and the upper half of a float32.
        case f16, bf16
        /// Bytes with a scale for each output; activations are bytes too, of ranges that training examples showed.
        case int8
        /// Weights as those of ``int8``; activations and arithmetic stay float32, so that nothing need be calibrated.
        case dynamic
        /// Four bits with a scale for each 32 weights of a row.
        case int4
    }

    /// Percentage of channels and hidden units that are taken out; nil: none.
    public var channels: Int?
    public var pruning: Pruning?
    /// How many values the weights of a layer share; nil: they share none.
    public var clusters: Int?
    public var numbers: Numbers?
    /// Percentage of the weights of single layers that become zero, by the layer's number from 1; the other layers go by ``pruning``.
    public var layerPruning: [Int: Int] = [:]
    /// Numbers, from 1, of layers whose weights stay as they are: float32, none zero, none shared.
    public var kept: Set<Int> = []
    /// Trained on with weights that are rounded as ``numbers`` says in each step, while what the optimizer moves stays float32
    /// (the straight-through estimator, Bengio et al. 2013; Jacob et al. 2018, section 3).
    public var learnsRounding = false
    /// Trained on to give the whole network's logits instead of the labels (Ba & Caruana 2014, "Do deep nets really need to be
    /// deep?", eq. 1).
    public var distils = false

    /// Numbers that a layer can have.
    public static let layerRange = 1...10_000

    /// How many values the weights of a layer can share.
    public static let clusterRange = 2...256
    /// What percentage can be taken out.
    public static let percentRange = 1...99

    /// A recipe that changes nothing.
    public init() {}

    /// Reads a name: parts of which there may be one of each kind, joined by `+`.
    public init(_ name: String) throws(VariantError) {
        self.init()
        for part in name.split(separator: "+", omittingEmptySubsequences: false).map(String.init) {
            if let place = part.firstIndex(of: "@") {
                guard
                    let percent = try Self.number(String(part[..<place]), "prune", "", Self.percentRange),
                    let layer = try Self.number(String(part[place...]), "@", "", Self.layerRange)
                else { throw .unknown(part) }
                if layerPruning[layer] != nil { throw .twice(name) }
                layerPruning[layer] = percent
            } else if let layer = try Self.number(part, "keep", "", Self.layerRange) {
                if !kept.insert(layer).inserted { throw .twice(name) }
            } else if part == "qat" {
                if learnsRounding { throw .twice(name) }
                learnsRounding = true
            } else if part == "distill" {
                if distils { throw .twice(name) }
                distils = true
            } else if let format = Numbers(rawValue: part) {
                try Self.set(&numbers, format, name)
            } else if part == "2:4" {
                try Self.set(&pruning, .twoOfFour, name)
            } else if let percent = try Self.number(part, "prune", "-layer", Self.percentRange) {
                try Self.set(&pruning, .layerwise(percent: percent), name)
            } else if let percent = try Self.number(part, "prune", "", Self.percentRange) {
                try Self.set(&pruning, .global(percent: percent), name)
            } else if let percent = try Self.number(part, "channels", "", Self.percentRange) {
                try Self.set(&channels, percent, name)
            } else if let count = try Self.number(part, "cluster", "", Self.clusterRange) {
                try Self.set(&clusters, count, name)
            } else {
                throw .unknown(part)
            }
        }
        if clusters != nil, numbers != nil { throw .palette(name) }
        if !kept.isDisjoint(with: layerPruning.keys) { throw .twice(name) }
        if learnsRounding, numbers == nil { throw .nothingToLearn("qat", name) }
        if distils, !isTrainable { throw .nothingToLearn("distill", name) }
        if !kept.isEmpty, pruning == nil, clusters == nil, numbers == nil { throw .keepsAll(name) }
    }

    private static func set<Value>(_ place: inout Value?, _ value: Value, _ name: String) throws(VariantError) {
        if place != nil { throw .twice(name) }
        place = value
    }

    /// The number between `prefix` and `suffix`; nil where `part` is something else.
    private static func number(
        _ part: String, _ prefix: String, _ suffix: String, _ range: ClosedRange<Int>
    ) throws(VariantError) -> Int? {
        guard part.hasPrefix(prefix), part.hasSuffix(suffix), part.count > prefix.count + suffix.count else {
            return nil
        }
        let digits = part.dropFirst(prefix.count).dropLast(suffix.count)
        // One spelling a recipe: its name is what it is found by.
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(digits), "\(value)" == digits else {
            return nil
        }
        guard range.contains(value) else { throw .outside(part, range) }
        return value
    }

    /// The name: its parts in the order in which they are done.
    public var name: String {
        var parts: [String] = []
        if let channels { parts.append("channels\(channels)") }
        switch pruning {
        case .global(let percent): parts.append("prune\(percent)")
        case .layerwise(let percent): parts.append("prune\(percent)-layer")
        case .twoOfFour: parts.append("2:4")
        case nil: break
        }
        for (layer, percent) in layerPruning.sorted(by: { $0.key < $1.key }) {
            parts.append("prune\(percent)@\(layer)")
        }
        if let clusters { parts.append("cluster\(clusters)") }
        if let numbers { parts.append(numbers.rawValue) }
        if learnsRounding { parts.append("qat") }
        if distils { parts.append("distill") }
        parts += kept.sorted().map { "keep\($0)" }
        return parts.isEmpty ? "baseline" : parts.joined(separator: "+")
    }

    public var description: String { name }

    /// Whether training afterwards can win something back: weights that were taken out are missed, rounding hardly is.
    public var isTrainable: Bool { channels != nil || prunes || clusters != nil || learnsRounding }

    /// Whether it is nothing without training.
    public var needsTraining: Bool { learnsRounding || distils }

    /// Whether weights become zero.
    public var prunes: Bool { pruning != nil || !layerPruning.isEmpty }

    /// How many times it is trained on: after something was taken out, and after weights came to share values; with rounding in the
    /// first of them.
    public var stagesOfTraining: Int {
        (channels != nil || prunes || learnsRounding ? 1 : 0) + (clusters != nil ? 1 : 0)
    }

    /// What there is, for help and refusals.
    public static let known =
        "f16, bf16, int8, dynamic, int4, pruneN (percent), pruneN-layer, 2:4, channelsN (percent), clusterN (2 to 256), qat (numbers are rounded while it is trained on), distill (trained on to answer as the whole network does), prunePERCENT@LAYER, keepLAYER (its weights stay float32; layers count from 1), joined by + (prune80+cluster16+keep1)"
}

/// Why there is no such variant.
public enum VariantError: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    case outside(String, ClosedRange<Int>)
    case twice(String)
    case palette(String)
    case keepsAll(String)
    case nothingToLearn(String, String)
    case noLayer(Int, of: String, layers: Int)

    public var description: String {
        switch self {
        case .unknown(let part): "There is no variant \"\(part.prefix(40))\"; there are \(VariantRecipe.known)."
        case .outside(let part, let range):
            "The number of \"\(part)\" is not between \(range.lowerBound) and \(range.upperBound); there are \(VariantRecipe.known)."
        case .twice(let name):
            "\"\(name)\" asks for two things of one kind; there are \(VariantRecipe.known)."
        case .keepsAll(let name):
            "\"\(name)\" keeps layers as they are, but changes nothing in the others; there are \(VariantRecipe.known)."
        case .nothingToLearn(let part, let name):
            "\"\(name)\" has \(part), which goes with \(part == "qat" ? "a format of numbers (int4+qat)" : "something that is trained on (channels50+distill)"); there are \(VariantRecipe.known)."
        case .noLayer(let number, let name, let layers):
            "\"\(name)\" speaks of layer \(number), which is none of the network's \(layers) layers with weights of its own; the screen Model lists them from 1."
        case .palette(let name):
            "\"\(name)\" has both clusters and a format of numbers, but shared values are kept by their number and need none; there are \(VariantRecipe.known)."
        }
    }
}
