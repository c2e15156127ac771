// WindowShape: how a convolution or a dense layer reads its input, and how its weights lie for that.
import CPrimitives

/// Runs of neighbouring values under a window: the same for floats and bytes, in steps of four bytes.
struct WindowShape {
    /// Bytes from the first value of the window to the first of each run.
    private(set) var offsets: [Int32] = []
    /// Steps of a run.
    let steps: Int
    /// For each run and value in it, the index among a channel's plain weights (inputs, kh, kw); -1: none.
    private(set) var sources: [[Int]] = []
    /// Bytes of a value.
    let size: Int
    private let perStep: Int

    /// Bytes between two rows and two pixels of sums.
    var rowBytes = 0
    var pixelBytes = 0

    /// A convolution of an image that lies as `layout` (what is padded counted in).
    init(_ conv: ConvolutionSpec, layout: ImageLayout, size: Int) {
        let (block, kernel) = (layout.block, conv.kernel)
        let isDense = conv.dilation == 1
        let length = isDense ? kernel * block : block
        self.size = size
        perStep = 4 / size
        steps = (length + perStep - 1) / perStep
        rowBytes = conv.stride * layout.width * block * size
        pixelBytes = conv.stride * block * size
        for blockIndex in 0..<layout.blocks {
            for ky in 0..<kernel {
                for kx in 0..<(isDense ? 1 : kernel) {
                    let row = blockIndex * layout.height + ky * conv.dilation
                    offsets.append(Int32((row * layout.width + kx * conv.dilation) * block * size))
                    sources.append(
                        (0..<length).map { place in
                            let channel = blockIndex * block + place % block
                            guard channel < layout.channels else { return -1 }
                            return (channel * kernel + ky) * kernel + (isDense ? place / block : kx)
                        })
                }
            }
        }
    }

    /// A dense layer.
    init(_ input: ForwardTensor, size: Int) {
        self.size = size
        perStep = 4 / size
        steps = (input.stride + perStep - 1) / perStep
        offsets = [0]
        pixelBytes = input.stride * size
        var source = [Int](repeating: -1, count: input.stride)
        for index in 0..<input.shape.count { source[input.place(index)] = index }
        sources = [source]
    }

    /// Weights (blocks of 16 outputs, runs, steps, 16, values of a step); `value` gives that of an output at a plain index.
    func packed<Value: ExpressibleByIntegerLiteral>(outputs: Int, value: (Int, Int) -> Value) -> [Value] {
        let blocks = (outputs + 15) / 16
        var all = [Value](repeating: 0, count: blocks * sources.count * steps * 16 * perStep)
        for output in 0..<outputs {
            for (run, source) in sources.enumerated() {
                for (place, index) in source.enumerated() where index >= 0 {
                    let step = ((output / 16 * sources.count + run) * steps + place / perStep) * 16 + output % 16
                    all[step * perStep + place % perStep] = value(output, index)
                }
            }
        }
        return all
    }
}

extension ConvolutionSpec {
    /// The index among the plain weights (out, in / groups, kh, kw) of `output` at the index `plain` of (in, kh, kw);
    /// nil: another group's.
    func weightIndex(_ output: Int, _ plain: Int, channels: Int) -> Int? {
        let window = kernel * kernel
        let (channel, tap) = (plain / window, plain % window)
        let (inner, outer) = (channels / groups, filters / groups)
        guard channel / inner == output / outer else { return nil }
        return (output * inner + channel % inner) * window + tap
    }
}
