// Network: layers whose shapes fit, each with the layers that it gets its input from, and the parameters that they need.

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

/// Why layers are no network for the data. `layer` counts from 1, as a person does; "3.2" is the second one in the
/// residual block that stands third.
public enum NetworkError: Error, Equatable, CustomStringConvertible {
    case needsImage(layer: String, name: String, got: TensorShape)
    case needsVector(layer: String, name: String, got: TensorShape)
    case windowTooLarge(layer: String, name: String, window: Int, input: TensorShape)
    case unevenGroups(layer: String, name: String, groups: Int, channels: Int, filters: Int)
    case branchesDiffer(layer: String, branch: TensorShape, input: TensorShape)
    case outputNotClasses(got: TensorShape, classes: Int)
    case tooLarge(layer: String, name: String, values: Int)
    case empty

    public var description: String {
        switch self {
        case .needsImage(let layer, let name, let got):
            "Layer \(layer) (\(name)) needs an image, but what reaches it is a vector of \(got): the data are tables, or a flatten comes too early."
        case .needsVector(let layer, let name, let got):
            "Layer \(layer) (\(name)) needs a vector, but what reaches it is an image of \(got): put a flatten before it."
        case .windowTooLarge(let layer, let name, let window, let input):
            "Layer \(layer) (\(name)) has a window of \(window)x\(window), but what reaches it is only \(input): drop a pooling, use padding: same, or larger images."
        case .unevenGroups(let layer, let name, let groups, let channels, let filters):
            "Layer \(layer) (\(name)) has \(groups) groups, which do not divide its \(channels) input channels and \(filters) filters: choose numbers that they divide."
        case .branchesDiffer(let layer, let branch, let input):
            "Layer \(layer) (residual) makes \(branch) of \(input), which can't be added: keep the number of features, or make images of images."
        case .outputNotClasses(let got, let classes):
            "The network ends with \(got) values, but the data ask for \(classes): end it with dense: {units: \(classes == 1 ? "1" : "classes")}."
        case .tooLarge(let layer, let name, let values):
            "Layer \(layer) (\(name)) would have \(values) values, more than the 536870912 that this version takes: make it smaller."
        case .empty: "The network has no layers."
        }
    }
}

/// A network whose shapes fit from input to logits.
public struct Network: Sendable, Equatable {
    public let input: TensorShape
    /// Values that it gives: one a class, or as many as the loss asks for.
    public let classes: Int
    /// In an order in which each comes after those that it takes its input from; the last gives the logits.
    public let layers: [NetworkLayer]

    /// Infers the shapes of `specs` for examples of shape `input` and labels of `classes` classes.
    public init(_ specs: [LayerSpec], input: TensorShape, classes: Int) throws(NetworkError) {
        try self.init(part: specs, input: input, classes: classes)
        let output = layers.last?.output ?? input
        guard output == .vector(classes) else { throw .outputNotClasses(got: output, classes: classes) }
    }

    /// Layers that need not end in logits, such as a single one under test.
    init(part specs: [LayerSpec], input: TensorShape, classes: Int) throws(NetworkError) {
        guard !specs.isEmpty else { throw .empty }
        var lowering = Lowering(input: input, classes: classes)
        _ = try lowering.append(specs, to: -1, place: "")
        lowering.takeReLUs()
        self.input = input
        self.classes = classes
        layers = lowering.layers
    }

    /// `other` with other numbers of channels or units in the layers `widths`; convolutions of single channels follow.
    /// Parameters keep their names, so that weights can be carried over.
    /// - Throws: ``NetworkError`` where the shapes do not fit any more.
    public init(_ other: Network, widths: [Int: Int]) throws(NetworkError) {
        var lowering = Lowering(input: other.input, classes: other.classes)
        try lowering.append(other.layers, widths: widths)
        lowering.takeReLUs()
        input = other.input
        classes = other.classes
        layers = lowering.layers
    }

    /// Layers that follow from those of a network whose shapes fit.
    init(input: TensorShape, classes: Int, layers: [NetworkLayer]) {
        self.input = input
        self.classes = classes
        self.layers = layers
    }

    /// All parameters, first layer first, weight before bias.
    public var parameters: [ParameterShape] { layers.flatMap(\.parameters) }
    /// Number of values that are trained.
    public var parameterCount: Int { layers.reduce(0) { $0 + $1.parameterCount } }
    /// Bytes of all parameters, as float32.
    public var parameterBytes: Int { parameterCount * 4 }
    /// Bytes of all layers' outputs of one example, as float32.
    public var activationBytes: Int { layers.reduce(0) { $0 + $1.activationBytes } }
    /// Multiply-adds for one example, forward.
    public var multiplyAdds: Int { layers.reduce(0) { $0 + $1.multiplyAdds } }

    /// Shape of what layer `index` gives; -1: of the input.
    func shape(_ index: Int) -> TensorShape { index < 0 ? input : layers[index].output }

    /// How many layers take the output of layer `index` (-1: the input).
    func consumers(of index: Int) -> Int { layers.reduce(0) { $0 + $1.inputs.count(where: { $0 == index }) } }
}

/// Takes residual blocks and separable convolutions apart, and infers shapes.
private struct Lowering {
    let input: TensorShape
    let classes: Int
    var layers: [NetworkLayer] = []

    func shape(_ index: Int) -> TensorShape { index < 0 ? input : layers[index].output }

    /// Appends `specs` after layer `from`; returns the index of what they give.
    mutating func append(_ specs: [LayerSpec], to from: Int, place: String) throws(NetworkError) -> Int {
        var current = from
        for (position, spec) in specs.enumerated() {
            let here = place + "\(position + 1)"
            switch spec {
            case .separableConv(let conv):
                var depthwise = conv
                depthwise.hasBias = false
                depthwise.activation = .linear
                current = try add(.depthwiseConv(depthwise), [current], here)
                var pointwise = ConvolutionSpec(filters: conv.filters, kernel: 1)
                pointwise.hasBias = conv.hasBias
                pointwise.activation = conv.activation
                pointwise.initializer = conv.initializer
                current = try add(.conv(pointwise), [current], here)
            case .residual(let inner, let activation):
                let branch = try append(inner, to: current, place: here + ".")
                let shortcut = try project(current, like: branch, here)
                current = try add(.add(activation: activation), [branch, shortcut], here)
            default: current = try add(spec, [current], here)
            }
        }
        return current
    }

    /// The shortcut of a residual block: layer `from` itself, or brought to the shape of `branch`.
    private mutating func project(_ from: Int, like branch: Int, _ place: String) throws(NetworkError) -> Int {
        let (wanted, given) = (shape(branch), shape(from))
        if wanted == given { return from }
        guard case .image(let channels, let height, let width) = wanted,
            case .image(_, let fromHeight, let fromWidth) = given, height > 0, width > 0
        else { throw .branchesDiffer(layer: place, branch: wanted, input: given) }
        let stride = (fromHeight + height - 1) / height
        var conv = ConvolutionSpec(filters: channels, kernel: 1)
        conv.stride = stride
        conv.padding = .same
        conv.hasBias = false
        guard (fromHeight + stride - 1) / stride == height, (fromWidth + stride - 1) / stride == width else {
            throw .branchesDiffer(layer: place, branch: wanted, input: given)
        }
        let projected = try add(.conv(conv), [from], place)
        layers[projected].writtenAs = "projection"
        return try add(.batchNorm(), [projected], place)
    }

    private mutating func add(_ spec: LayerSpec, _ inputs: [Int], _ place: String) throws(NetworkError) -> Int {
        let layer = try NetworkLayer(
            spec, at: layers.count, place: place, inputs: inputs, input: shape(inputs[0]), classes: classes)
        layers.append(layer)
        return layer.index
    }

    /// Appends layers that were taken apart already, some of them with other widths.
    mutating func append(_ others: [NetworkLayer], widths: [Int: Int]) throws(NetworkError) {
        for other in others {
            var spec = other.spec
            switch spec {
            case .conv(let conv) where other.isDepthwise && other.writtenAs == LayerSpec.depthwiseName:
                spec = .depthwiseConv(conv)
            case .conv(var conv):
                conv.filters = widths[other.index] ?? conv.filters
                // As many groups as channels, whoever wrote it so.
                if other.isDepthwise, case .image(let channels, _, _) = shape(other.inputs[0]) {
                    (conv.filters, conv.groups) = (channels, channels)
                }
                spec = .conv(conv)
            case .dense(let units, let activation, let initializer):
                spec = .dense(
                    units: widths[other.index] ?? units, activation: activation, initializer: initializer)
            default: break
            }
            let added = try add(spec, other.inputs, "\(other.index + 1)")
            layers[added].writtenAs = other.writtenAs
        }
    }

    /// A ReLU layer right after arithmetic that nobody else looks at is computed with it.
    mutating func takeReLUs() {
        for index in layers.indices.dropFirst() {
            guard layers[index].spec == .activation(.relu), let before = layers[index].inputs.first, before >= 0,
                layers[before].activation == .linear,
                layers.count(where: { $0.inputs.contains(before) }) == 1
            else { continue }
            switch layers[before].spec {
            case .conv, .dense, .batchNorm:
                layers[before].takesReLU = true
                layers[index].isTaken = true
            default: break
            }
        }
    }
}

extension NetworkLayer {
    fileprivate init(
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

/// A sliding window along one side of an image.
struct Window {
    var size: Int
    var stride: Int
    var padding: Padding
    var dilation = 1

    init(size: Int, stride: Int, padding: Padding, dilation: Int = 1) {
        self.size = size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
    }

    init(_ conv: ConvolutionSpec) {
        self.init(size: conv.kernel, stride: conv.stride, padding: conv.padding, dilation: conv.dilation)
    }

    /// Pixels from the first tap to the last.
    var extent: Int { dilation * (size - 1) + 1 }

    /// Whether every window holds a pixel that is not padded.
    var isFilled: Bool { if case .explicit(let pixels) = padding { pixels < size } else { true } }

    /// Zeros before and after a side of `length` pixels.
    func pads(_ length: Int) -> (before: Int, after: Int) {
        switch padding {
        case .valid: return (0, 0)
        case .explicit(let pixels): return (pixels, pixels)
        case .same:
            let outputs = (length + stride - 1) / stride
            let total = max(0, (outputs - 1) * stride + extent - length)
            return (total / 2, total - total / 2)
        }
    }

    /// Positions along a side of `length` pixels; nil when there is none.
    func output(_ length: Int) -> Int? {
        let (before, after) = pads(length)
        let room = length + before + after - extent
        return room >= 0 ? room / stride + 1 : nil
    }
}
