// NetworkLayer: a layer in its place, the parameters that it needs, and what it makes of shapes.

/// A parameter array of a network: its name, its plain shape, and how it starts.
public struct ParameterShape: Sendable, Equatable {
    /// What an array is to its layer.
    public enum Role: Sendable, Equatable {
        case weight(Initializer)
        case bias
        /// Scale of a normalisation; starts at 1.
        case scale
        /// Running mean of a batch norm, and running variance, which starts at 1: followed, not trained.
        case runningMean
        case runningVariance
    }
    /// "0.conv.weight": index of the layer, its name, `weight`, `bias`, `mean` or `variance`.
    public var name: String
    /// Plain, row-major: convolution (out, in / groups, kh, kw), dense (out, in), others (channels).
    public var shape: [Int]
    public var role: Role
    /// Inputs and outputs that one weight connects (Glorot & Bengio 2010); 0 for others.
    public var fanIn = 0
    public var fanOut = 0

    /// Number of values.
    public var count: Int { shape.reduce(1, *) }

    /// Whether an optimizer changes it.
    public var isTrained: Bool {
        switch role {
        case .weight, .bias, .scale: true
        case .runningMean, .runningVariance: false
        }
    }
}

/// A layer in its place.
public struct NetworkLayer: Sendable, Equatable {
    public var index: Int
    /// Never `.residual`, `.separableConv` or `.depthwiseConv`: those are taken apart, the last into a convolution by groups.
    public var spec: LayerSpec
    /// Indices of the layers whose outputs it takes; -1 is the network's input. One, but two for `.add`.
    public var inputs: [Int]
    public var input: TensorShape
    public var output: TensorShape
    /// Trained ones first, weight before bias.
    public var parameters: [ParameterShape]
    /// A ReLU layer that only this one feeds; it is computed here.
    var takesReLU = false
    /// A ReLU layer that the one before it computes.
    var isTaken = false
    /// What a person wrote, for its name: "depthwise_conv", "projection".
    var writtenAs: String?

    /// The name that is shown: as a person wrote it.
    public var name: String { writtenAs ?? spec.name }

    /// Multiply-adds for one example, forward.
    public var multiplyAdds: Int {
        guard let weight = parameters.first, case .weight = weight.role else { return 0 }
        if case .image(_, let height, let width) = output { return weight.count * height * width }
        return weight.count
    }

    /// Bytes of the output of one example, as float32.
    public var activationBytes: Int { output.count * 4 }

    /// Number of values that are trained.
    public var parameterCount: Int { parameters.reduce(0) { $0 + ($1.isTrained ? $1.count : 0) } }
    /// Bytes of the parameters, as float32.
    public var parameterBytes: Int { parameterCount * 4 }

    /// The activation that follows its arithmetic at once.
    var activation: Activation {
        if takesReLU { return .relu }
        switch spec {
        case .conv(let conv), .depthwiseConv(let conv), .separableConv(let conv): return conv.activation
        case .dense(_, let activation, _), .batchNorm(_, _, let activation), .add(let activation),
            .residual(_, let activation):
            return activation
        case .activation(let activation): return activation
        case .maxPool, .averagePool, .globalAveragePool, .flatten, .layerNorm, .dropout: return .linear
        }
    }

    /// The layer in a few words: "conv 32 3x3 relu".
    public var summary: String {
        var words = [name]
        switch spec {
        case .conv(let conv), .depthwiseConv(let conv), .separableConv(let conv):
            if writtenAs != LayerSpec.depthwiseName { words.append("\(conv.filters)") }
            words.append("\(conv.kernel)x\(conv.kernel)")
            if conv.stride > 1 { words.append("/\(conv.stride)") }
            if conv.kernel > 1 { words += conv.padding.words }
            if conv.dilation > 1 { words.append("dilation \(conv.dilation)") }
            if conv.groups > 1, writtenAs != LayerSpec.depthwiseName { words.append("groups \(conv.groups)") }
            if conv.activation != .linear { words.append(conv.activation.name) }
        case .maxPool(let size, let stride, let padding), .averagePool(let size, let stride, let padding):
            words.append("\(size)")
            if stride != size { words.append("/\(stride)") }
            words += padding.words
        case .dense(_, let activation, _):
            words.append("\(output.count)")
            if activation != .linear { words.append(activation.name) }
        case .batchNorm(_, _, let activation), .add(let activation):
            if activation != .linear { words.append(activation.name) }
        case .dropout(let rate): words.append("\(rate)")
        case .globalAveragePool, .flatten, .layerNorm, .activation, .residual: break
        }
        return words.joined(separator: " ")
    }
}

extension LayerSpec {
    static let depthwiseName = "depthwise_conv"
}

extension Padding {
    fileprivate var words: [String] {
        switch self {
        case .valid: []
        case .same: ["same"]
        case .explicit(let pixels): ["pad \(pixels)"]
        }
    }
}

extension NetworkLayer {
    /// A layer whose shapes fit what it takes, with its parameters.
    init(
        _ written: LayerSpec, at index: Int, place: String, inputs: [Int], input: TensorShape, classes: Int
    ) throws(NetworkError) {
        var spec = written
        var writtenAs: String?
        var parameters: [ParameterShape] = []
        var output = input
        let most = 1 << 29
        func parameter(_ name: String, _ shape: [Int], _ role: ParameterShape.Role, _ fanIn: Int = 0, _ fanOut: Int = 0)
        {
            parameters.append(
                ParameterShape(
                    name: "\(index).\(written.name).\(name)", shape: shape, role: role, fanIn: fanIn, fanOut: fanOut))
        }

        switch spec {
        case .conv(var conv), .depthwiseConv(var conv), .separableConv(var conv):
            guard case .image(let channels, let height, let width) = input else {
                throw .needsImage(layer: place, name: spec.name, got: input)
            }
            if case .depthwiseConv = spec {
                (conv.filters, conv.groups) = (channels, channels)
                writtenAs = LayerSpec.depthwiseName
            }
            guard channels % conv.groups == 0, conv.filters % conv.groups == 0 else {
                throw .unevenGroups(
                    layer: place, name: spec.name, groups: conv.groups, channels: channels, filters: conv.filters)
            }
            let window = Window(conv)
            guard let outHeight = window.output(height), let outWidth = window.output(width) else {
                throw .windowTooLarge(layer: place, name: spec.name, window: window.extent, input: input)
            }
            output = .image(channels: conv.filters, height: outHeight, width: outWidth)
            let (taps, inner) = (conv.kernel * conv.kernel, channels / conv.groups)
            parameter(
                "weight", [conv.filters, inner, conv.kernel, conv.kernel], .weight(conv.initializer), inner * taps,
                conv.filters / conv.groups * taps)
            if conv.hasBias { parameter("bias", [conv.filters], .bias) }
            spec = .conv(conv)
        case .maxPool(let size, let stride, let padding), .averagePool(let size, let stride, let padding):
            guard case .image(let channels, let height, let width) = input else {
                throw .needsImage(layer: place, name: spec.name, got: input)
            }
            let window = Window(size: size, stride: stride, padding: padding)
            guard let outHeight = window.output(height), let outWidth = window.output(width), window.isFilled else {
                throw .windowTooLarge(layer: place, name: spec.name, window: size, input: input)
            }
            output = .image(channels: channels, height: outHeight, width: outWidth)
        case .globalAveragePool:
            guard case .image(let channels, _, _) = input else {
                throw .needsImage(layer: place, name: spec.name, got: input)
            }
            output = .vector(channels)
        case .flatten:
            guard case .image = input else { throw .needsImage(layer: place, name: spec.name, got: input) }
            output = .vector(input.count)
        case .dense(let units, _, let initializer):
            guard case .vector(let inputs) = input else {
                throw .needsVector(layer: place, name: spec.name, got: input)
            }
            let units = units ?? classes
            output = .vector(units)
            parameter("weight", [units, inputs], .weight(initializer), inputs, units)
            parameter("bias", [units], .bias)
        case .batchNorm:
            let channels = if case .image(let channels, _, _) = input { channels } else { input.count }
            parameter("weight", [channels], .scale)
            parameter("bias", [channels], .bias)
            parameter("mean", [channels], .runningMean)
            parameter("variance", [channels], .runningVariance)
        case .layerNorm:
            guard case .vector(let features) = input else {
                throw .needsVector(layer: place, name: spec.name, got: input)
            }
            parameter("weight", [features], .scale)
            parameter("bias", [features], .bias)
        case .activation(.softmax):
            guard case .vector = input else { throw .needsVector(layer: place, name: spec.name, got: input) }
        case .activation, .dropout, .add, .residual: break
        }
        // Multiplied in floating point: the product of outside numbers may not fit an Int.
        for values in [output.approximateCount] + parameters.map({ $0.shape.reduce(1.0) { $0 * Double($1) } })
        where values > Double(most) {
            throw .tooLarge(layer: place, name: spec.name, values: Int(min(values, 1e18)))
        }
        self.init(index: index, spec: spec, inputs: inputs, input: input, output: output, parameters: parameters)
        self.writtenAs = writtenAs
    }
}

extension TensorShape {
    fileprivate var approximateCount: Double {
        switch self {
        case .image(let channels, let height, let width): Double(channels) * Double(height) * Double(width)
        case .vector(let count): Double(count)
        }
    }
}
