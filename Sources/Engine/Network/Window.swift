// Window: where windows of convolutions and pools stand.

/// A sliding window along one side of an image.
public struct Window: Sendable {
    public var size: Int
    public var stride: Int
    public var padding: Padding
    /// Pixels between two taps.
    public var dilation = 1

    public init(size: Int, stride: Int, padding: Padding, dilation: Int = 1) {
        self.size = size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
    }

    public init(_ conv: ConvolutionSpec) {
        self.init(size: conv.kernel, stride: conv.stride, padding: conv.padding, dilation: conv.dilation)
    }

    /// Pixels from the first tap to the last.
    public var extent: Int { dilation * (size - 1) + 1 }

    /// Whether every window holds a pixel that is not padded.
    var isFilled: Bool { if case .explicit(let pixels) = padding { pixels < size } else { true } }

    /// Zeros before and after a side of `length` pixels.
    public func pads(_ length: Int) -> (before: Int, after: Int) {
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
    public func output(_ length: Int) -> Int? {
        let (before, after) = pads(length)
        let room = length + before + after - extent
        return room >= 0 ? room / stride + 1 : nil
    }
}
