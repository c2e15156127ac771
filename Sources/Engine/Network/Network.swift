// Network: a line of layers whose shapes fit, and the parameters that they need.

/// A parameter array of a network: its name, its plain shape, and how it starts.
public struct ParameterShape: Sendable, Equatable {
    /// "0.conv.weight": index of the layer, its name, `weight` or `bias`.
    public var name: String
    /// Plain, row-major: convolution (out, in, kh, kw), dense (out, in), bias (out).
    public var shape: [Int]
    /// Inputs and outputs that one weight connects (Glorot & Bengio 2010); 0 for biases.
    public var fanIn: Int
    public var fanOut: Int

    /// Number of values.
    public var count: Int { shape.reduce(1, *) }
}

/// A layer in its place.
public struct NetworkLayer: Sendable, Equatable {
    public var index: Int
    public var spec: LayerSpec
    public var input: TensorShape
    public var output: TensorShape
    /// Weight and bias, or none.
    public var parameters: [ParameterShape]

    /// Multiply-adds for one example, forward.
    public var multiplyAdds: Int {
        guard let weight = parameters.first else { return 0 }
        if case .image(_, let height, let width) = output { return weight.count * height * width }
        return weight.count
    }

    /// Bytes of the output of one example, as float32.
    public var activationBytes: Int { output.count * 4 }

    /// Number of parameter values.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }
    /// Bytes of the parameters, as float32.
    public var parameterBytes: Int { parameterCount * 4 }

    /// The layer in a few words: "conv 32 3x3 relu".
    public var summary: String {
        switch spec {
        case .conv(let filters, let kernel, let stride, let padding, let activation):
            var words = ["conv", "\(filters)", "\(kernel)x\(kernel)"]
            if stride > 1 { words.append("/\(stride)") }
            switch padding {
            case .valid: break
            case .same: words.append("same")
            case .explicit(let pixels): words.append("pad \(pixels)")
            }
            if activation != .linear { words.append(activation.rawValue) }
            return words.joined(separator: " ")
        case .maxPool(let size, let stride): return stride == size ? "max_pool \(size)" : "max_pool \(size) /\(stride)"
        case .flatten: return "flatten"
        case .dense(_, let activation):
            return activation == .linear ? "dense \(output.count)" : "dense \(output.count) \(activation.rawValue)"
        case .activation(let activation): return activation.rawValue
        case .dropout(let rate): return "dropout \(rate)"
        }
    }
}

/// Why a line of layers is no network for the data. `layer` counts from 1, as a person does.
public enum NetworkError: Error, Equatable, CustomStringConvertible {
    case needsImage(layer: Int, name: String, got: TensorShape)
    case needsVector(layer: Int, name: String, got: TensorShape)
    case windowTooLarge(layer: Int, name: String, window: Int, input: TensorShape)
    case outputNotClasses(got: TensorShape, classes: Int)
    case tooLarge(layer: Int, name: String, values: Int)
    case empty

    public var description: String {
        switch self {
        case .needsImage(let layer, let name, let got):
            "Layer \(layer) (\(name)) needs an image, but what reaches it is a vector of \(got): the data are tables, or a flatten comes too early."
        case .needsVector(let layer, let name, let got):
            "Layer \(layer) (\(name)) needs a vector, but what reaches it is an image of \(got): put a flatten before it."
        case .windowTooLarge(let layer, let name, let window, let input):
            "Layer \(layer) (\(name)) has a window of \(window)x\(window), but what reaches it is only \(input): drop a pooling, use padding: same, or larger images."
        case .outputNotClasses(let got, let classes):
            "The network ends with \(got) values, but the data have \(classes) classes: end it with dense: {units: classes}."
        case .tooLarge(let layer, let name, let values):
            "Layer \(layer) (\(name)) would have \(values) values, more than the 536870912 that this version takes: make it smaller."
        case .empty: "The network has no layers."
        }
    }
}

/// A network whose shapes fit from input to logits.
public struct Network: Sendable, Equatable {
    public let input: TensorShape
    public let classes: Int
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
        var shape = input
        var layers: [NetworkLayer] = []
        for (index, spec) in specs.enumerated() {
            let layer = try NetworkLayer(spec, at: index, input: shape, classes: classes)
            shape = layer.output
            layers.append(layer)
        }
        self.input = input
        self.classes = classes
        self.layers = layers
    }

    /// All parameters, first layer first, weight before bias.
    public var parameters: [ParameterShape] { layers.flatMap(\.parameters) }
    /// Number of parameter values.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }
    /// Bytes of all parameters, as float32.
    public var parameterBytes: Int { parameterCount * 4 }
    /// Bytes of all layers' outputs of one example, as float32.
    public var activationBytes: Int { layers.reduce(0) { $0 + $1.activationBytes } }
    /// Multiply-adds for one example, forward.
    public var multiplyAdds: Int { layers.reduce(0) { $0 + $1.multiplyAdds } }
}

extension NetworkLayer {
    fileprivate init(_ spec: LayerSpec, at index: Int, input: TensorShape, classes: Int) throws(NetworkError) {
        let number = index + 1
        var parameters: [ParameterShape] = []
        var output = input
        let most = 1 << 29

        switch spec {
        case .conv(let filters, let kernel, let stride, let padding, _):
            guard case .image(let channels, let height, let width) = input else {
                throw .needsImage(layer: number, name: spec.name, got: input)
            }
            let window = Window(size: kernel, stride: stride, padding: padding)
            guard let outHeight = window.output(height), let outWidth = window.output(width) else {
                throw .windowTooLarge(layer: number, name: spec.name, window: kernel, input: input)
            }
            output = .image(channels: filters, height: outHeight, width: outWidth)
            parameters = [
                ParameterShape(
                    name: "\(index).conv.weight", shape: [filters, channels, kernel, kernel],
                    fanIn: channels * kernel * kernel, fanOut: filters * kernel * kernel),
                ParameterShape(name: "\(index).conv.bias", shape: [filters], fanIn: 0, fanOut: 0),
            ]
        case .maxPool(let size, let stride):
            guard case .image(let channels, let height, let width) = input else {
                throw .needsImage(layer: number, name: spec.name, got: input)
            }
            let window = Window(size: size, stride: stride, padding: .valid)
            guard let outHeight = window.output(height), let outWidth = window.output(width) else {
                throw .windowTooLarge(layer: number, name: spec.name, window: size, input: input)
            }
            output = .image(channels: channels, height: outHeight, width: outWidth)
        case .flatten:
            guard case .image = input else { throw .needsImage(layer: number, name: spec.name, got: input) }
            output = .vector(input.count)
        case .dense(let units, _):
            guard case .vector(let inputs) = input else {
                throw .needsVector(layer: number, name: spec.name, got: input)
            }
            let units = units ?? classes
            output = .vector(units)
            parameters = [
                ParameterShape(name: "\(index).dense.weight", shape: [units, inputs], fanIn: inputs, fanOut: units),
                ParameterShape(name: "\(index).dense.bias", shape: [units], fanIn: 0, fanOut: 0),
            ]
        case .activation, .dropout: break
        }
        // Multiplied in floating point: the product of outside numbers may not fit an Int.
        for values in [output.approximateCount] + parameters.map({ $0.shape.reduce(1.0) { $0 * Double($1) } })
        where values > Double(most) {
            throw .tooLarge(layer: number, name: spec.name, values: Int(min(values, 1e18)))
        }
        self.init(index: index, spec: spec, input: input, output: output, parameters: parameters)
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

    /// Zeros before and after a side of `length` pixels.
    func pads(_ length: Int) -> (before: Int, after: Int) {
        switch padding {
        case .valid: return (0, 0)
        case .explicit(let pixels): return (pixels, pixels)
        case .same:
            let outputs = (length + stride - 1) / stride
            let total = max(0, (outputs - 1) * stride + size - length)
            return (total / 2, total - total / 2)
        }
    }

    /// Positions along a side of `length` pixels; nil when there is none.
    func output(_ length: Int) -> Int? {
        let (before, after) = pads(length)
        let room = length + before + after - size
        return room >= 0 ? room / stride + 1 : nil
    }
}
