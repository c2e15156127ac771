// SpecText: parts of a spec back to YAML, for models that come from elsewhere or whose layers have changed.
import Engine

/// Writes parts of a spec as the YAML that ``SpecFile`` reads as the same.
enum SpecText {
    /// A list of layers. Each plain layer is one line.
    static func network(_ layers: [LayerSpec]) -> String { lines(layers, indent: "").joined(separator: "\n") + "\n" }

    private static func lines(_ layers: [LayerSpec], indent: String) -> [String] {
        layers.flatMap { layer -> [String] in
            switch layer {
            case .residual(let inner, let activation):
                return [
                    "\(indent)- residual:", "\(indent)    activation: \(activation.name)",
                ] + slope(activation).map { "\(indent)    \($0)" } + ["\(indent)    layers:"]
                    + lines(inner, indent: indent + "      ")
            case .globalAveragePool, .flatten: return ["\(indent)- \(layer.name)"]
            case .activation(.leakyReLU(let slope)): return ["\(indent)- leaky_relu: {slope: \(slope)}"]
            case .activation(.linear): return []
            case .activation(let activation): return ["\(indent)- \(activation.name)"]
            case .dropout(let rate): return ["\(indent)- dropout: {rate: \(rate)}"]
            default: return ["\(indent)- \(layer.name): {\(fields(layer).joined(separator: ", "))}"]
            }
        }
    }

    private static func fields(_ layer: LayerSpec) -> [String] {
        switch layer {
        case .conv(let conv):
            return ["filters: \(conv.filters)"] + fields(conv) + ["groups: \(conv.groups)"]
        case .separableConv(let conv): return ["filters: \(conv.filters)"] + fields(conv)
        case .depthwiseConv(let conv): return fields(conv)
        case .maxPool(let size, let stride, let padding), .averagePool(let size, let stride, let padding):
            return ["size: \(size)", "stride: \(stride)", "padding: \(padding.text)"]
        case .dense(let units, let activation, let initializer):
            return ["units: \(units.map(String.init) ?? "classes")", "activation: \(activation.name)"]
                + slope(activation) + ["initializer: \(initializer.rawValue)"]
        case .batchNorm(let momentum, let epsilon, let activation):
            return ["momentum: \(momentum)", "epsilon: \(epsilon)", "activation: \(activation.name)"]
                + slope(activation)
        case .layerNorm(let epsilon): return ["epsilon: \(epsilon)"]
        case .globalAveragePool, .flatten, .activation, .dropout, .residual, .add:
            preconditionFailure("\(layer.name) has no fields here")
        }
    }

    private static func fields(_ conv: ConvolutionSpec) -> [String] {
        [
            "kernel: \(conv.kernel)", "stride: \(conv.stride)", "padding: \(conv.padding.text)",
            "dilation: \(conv.dilation)", "bias: \(conv.hasBias)", "activation: \(conv.activation.name)",
        ] + slope(conv.activation) + ["initializer: \(conv.initializer.rawValue)"]
    }

    private static func slope(_ activation: Activation) -> [String] {
        if case .leakyReLU(let slope) = activation { ["slope: \(slope)"] } else { [] }
    }

    /// Where the data are and how they are split.
    static func data(_ data: DataSpec) -> String {
        var lines = ["dataset: \(SpecFile.quoted(data.dataset))"]
        if let path = data.path { lines.append("path: \(SpecFile.quoted(path))") }
        if let target = data.target { lines.append("target: \(SpecFile.quoted(target))") }
        if !data.ignore.isEmpty { lines += ["ignore:"] + data.ignore.map { "  - \(SpecFile.quoted($0))" } }
        lines += [
            "test_fraction: \(data.testFraction)", "validation_fraction: \(data.validationFraction)",
            "seed: \(data.seed)",
        ]
        if let examples = data.examples { lines.append("examples: \(examples)") }
        if let size = data.resize { lines.append("resize: [\(size.height), \(size.width)]") }
        if data.grey { lines.append("grey: true") }
        if data.stream { lines.append("stream: true") }
        lines.append("cache: \(data.cache)")
        if data.balance != .none { lines.append("balance: \(data.balance.rawValue)") }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Padding {
    fileprivate var text: String {
        switch self {
        case .valid: "valid"
        case .same: "same"
        case .explicit(let pixels): "\(pixels)"
        }
    }
}
