// What a network is made of, as a person writes it: a straight line of layers.

/// An elementwise function that follows a layer.
public enum Activation: String, Sendable, Codable, CaseIterable {
    case linear, relu
}

/// How a convolution or pooling treats the border of an image.
public enum Padding: Sendable, Equatable {
    /// No border: the output shrinks by `kernel - 1`.
    case valid
    /// As much border as keeps `ceil(input / stride)` outputs; an odd rest goes to the bottom and the right.
    case same
    /// This many zeros on each side.
    case explicit(Int)
}

/// One layer of a ``NetworkSpec``.
public enum LayerSpec: Sendable, Equatable {
    /// A 2-D convolution (cross-correlation) with bias; `kernel` and `stride` are in pixels.
    case conv(filters: Int, kernel: Int, stride: Int = 1, padding: Padding = .valid, activation: Activation = .linear)
    /// Maximum over windows of `size` x `size` pixels, `stride` pixels apart.
    case maxPool(size: Int, stride: Int)
    /// (N, C, H, W) to (N, C*H*W), channels slowest.
    case flatten
    /// A fully connected layer; `units` nil means one unit a class (`units: classes` in a spec).
    case dense(units: Int?, activation: Activation = .linear)
    /// An activation as a layer of its own.
    case activation(Activation)
    /// Zeroes each value with probability `rate` while training and scales the rest by 1/(1-rate) (Srivastava et al. 2014).
    case dropout(rate: Float)

    /// The name that a spec uses for this layer.
    public var name: String {
        switch self {
        case .conv: "conv"
        case .maxPool: "max_pool"
        case .flatten: "flatten"
        case .dense: "dense"
        case .activation(let activation): activation.rawValue
        case .dropout: "dropout"
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
