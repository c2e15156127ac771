// What a network is made of, as a person writes it: layers one after another, and residual blocks of them.

/// An elementwise function that follows a layer; softmax goes over the features of a vector.
public enum Activation: Sendable, Equatable, Hashable {
    case linear
    case relu
    /// x where x > 0, else slope·x.
    case leakyReLU(slope: Float)
    /// x where x > 0, else e^x - 1 (Clevert et al. 2016, alpha 1).
    case elu
    /// x·Φ(x) with the exact error function (Hendrycks & Gimpel 2016).
    case gelu
    /// x·sigmoid(x) (Elfwing et al. 2018).
    case silu
    case sigmoid
    case tanh
    case softmax

    /// Slope of ``leakyReLU(slope:)`` where nothing else is said (Maas et al. 2013).
    public static let standardSlope: Float = 0.01

    /// All of them, as a spec names them.
    public static let named: [(name: String, activation: Activation)] = [
        ("linear", .linear), ("relu", .relu), ("leaky_relu", .leakyReLU(slope: standardSlope)), ("elu", .elu),
        ("gelu", .gelu), ("silu", .silu), ("sigmoid", .sigmoid), ("tanh", .tanh), ("softmax", .softmax),
    ]

    /// The name that a spec uses.
    public var name: String {
        switch self {
        case .linear: "linear"
        case .relu: "relu"
        case .leakyReLU: "leaky_relu"
        case .elu: "elu"
        case .gelu: "gelu"
        case .silu: "silu"
        case .sigmoid: "sigmoid"
        case .tanh: "tanh"
        case .softmax: "softmax"
        }
    }
}

/// How a convolution or pooling treats the border of an image.
public enum Padding: Sendable, Equatable {
    /// No border: the output shrinks by `kernel - 1`.
    case valid
    /// As much border as keeps `ceil(input / stride)` outputs; an odd rest goes to the bottom and the right.
    case same
    /// This many pixels on each side.
    case explicit(Int)
}

/// How the weights of a layer start. Biases start at 0.
public enum Initializer: String, Sendable, Equatable, CaseIterable {
    /// Uniform in ±√(6 / (fan in + fan out)) (Glorot & Bengio 2010, eq. 16).
    case glorotUniform = "glorot_uniform"
    /// Normal with deviation √(2 / (fan in + fan out)).
    case glorotNormal = "glorot_normal"
    /// Uniform in ±√(6 / fan in) (He et al. 2015, section 2.2).
    case heUniform = "he_uniform"
    /// Normal with deviation √(2 / fan in).
    case heNormal = "he_normal"
    /// Rows (or columns, where they are longer) that are orthogonal and of length 1 (Saxe et al. 2014).
    case orthogonal
    case zeros
}

/// A 2-D convolution (cross-correlation).
public struct ConvolutionSpec: Sendable, Equatable {
    /// Channels of the output; 0 in a depthwise convolution: as many as the input has.
    public var filters: Int
    /// Side of the window in pixels.
    public var kernel: Int
    /// Pixels between two windows.
    public var stride = 1
    public var padding = Padding.valid
    /// Pixels between two taps of a window; 1: neighbours.
    public var dilation = 1
    /// Channels are cut into so many groups that see nothing of each other.
    public var groups = 1
    public var hasBias = true
    public var activation = Activation.linear
    public var initializer = Initializer.glorotUniform

    public init(filters: Int, kernel: Int) {
        self.filters = filters
        self.kernel = kernel
    }
}

/// One layer of a ``NetworkSpec``.
public indirect enum LayerSpec: Sendable, Equatable {
    case conv(ConvolutionSpec)
    /// Each channel is convolved by itself (`filters` and `groups` follow from the input).
    case depthwiseConv(ConvolutionSpec)
    /// A depthwise convolution, then one of 1x1 that has the bias and the activation (Chollet 2017).
    case separableConv(ConvolutionSpec)
    /// Maximum over windows of `size` x `size` pixels, `stride` pixels apart; what is padded never wins.
    case maxPool(size: Int, stride: Int, padding: Padding = .valid)
    /// Mean over windows; what is padded does not count.
    case averagePool(size: Int, stride: Int, padding: Padding = .valid)
    /// (N, C, H, W) to (N, C): the mean over all pixels.
    case globalAveragePool
    /// (N, C, H, W) to (N, C*H*W), channels slowest.
    case flatten
    /// A fully connected layer; `units` nil means one unit a class (`units: classes` in a spec).
    case dense(units: Int?, activation: Activation = .linear, initializer: Initializer = .glorotUniform)
    /// Each channel (or feature) to mean 0 and variance 1 over the batch, then scaled and shifted (Ioffe & Szegedy 2015).
    /// Evaluation uses running means: running = (1 - momentum)·running + momentum·batch, the variance unbiased.
    case batchNorm(momentum: Float = 0.1, epsilon: Float = 1e-5, activation: Activation = .linear)
    /// Each example's features to mean 0 and variance 1, then scaled and shifted (Ba et al. 2016).
    case layerNorm(epsilon: Float = 1e-5)
    /// An activation as a layer of its own.
    case activation(Activation)
    /// Zeroes each value with probability `rate` while training and scales the rest by 1/(1-rate) (Srivastava et al. 2014).
    case dropout(rate: Float)
    /// activation(layers(x) + x); x goes through a 1x1 convolution and batch norm where the shapes differ (He et al. 2016).
    case residual([LayerSpec], activation: Activation = .relu)
    /// What ends a residual block: the sum of two branches. ``Network`` makes it; a spec does not name it.
    case add(activation: Activation)

    /// A plain convolution in one line.
    public static func conv(
        filters: Int, kernel: Int, stride: Int = 1, padding: Padding = .valid, dilation: Int = 1, groups: Int = 1,
        hasBias: Bool = true, activation: Activation = .linear
    ) -> LayerSpec {
        var spec = ConvolutionSpec(filters: filters, kernel: kernel)
        spec.stride = stride
        spec.padding = padding
        spec.dilation = dilation
        spec.groups = groups
        spec.hasBias = hasBias
        spec.activation = activation
        return .conv(spec)
    }

    /// The name that a spec uses for this layer.
    public var name: String {
        switch self {
        case .conv: "conv"
        case .depthwiseConv: "depthwise_conv"
        case .separableConv: "separable_conv"
        case .maxPool: "max_pool"
        case .averagePool: "average_pool"
        case .globalAveragePool: "global_average_pool"
        case .flatten: "flatten"
        case .dense: "dense"
        case .batchNorm: "batch_norm"
        case .layerNorm: "layer_norm"
        case .activation(let activation): activation.name
        case .dropout: "dropout"
        case .residual: "residual"
        case .add: "add"
        }
    }
}

/// The shape of one example, or of what one example becomes between two layers.
public enum TensorShape: Sendable, Equatable, Hashable, Codable, CustomStringConvertible {
    case image(channels: Int, height: Int, width: Int)
    case vector(Int)

    /// Values in one example.
    public var count: Int {
        switch self {
        case .image(let channels, let height, let width): channels * height * width
        case .vector(let count): count
        }
    }

    public var description: String {
        switch self {
        case .image(let channels, let height, let width): "\(channels)x\(height)x\(width)"
        case .vector(let count): "\(count)"
        }
    }
}
