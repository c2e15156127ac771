// Convolution: a planned oneDNN convolution, and its bound calls.
import CPrimitives

/// How a batch of images lies in memory: (n, blocks, height, width, block).
struct ImageLayout: Equatable {
    var channels: Int
    var height: Int
    var width: Int
    var block: Int
    var blocks: Int { (channels + block - 1) / block }
    /// Floats of one example.
    var stride: Int { blocks * height * width * block }
}

/// Owns a planned convolution.
///
/// `@unchecked Sendable`: immutable once made; oneDNN primitives may be executed by many threads.
final class ConvHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    let output: ImageLayout
    /// Filters, channels of the input, values of one window: the plain weights are (filters, channels, window).
    private let (filters, channels, window): (Int, Int, Int)
    /// Channels that oneDNN is told of: whole blocks. For a part of a block it has only its slow reference
    /// implementation (two hundred times slower); what a block holds beyond the input's channels is zero, and stays so.
    private let plannedChannels: Int

    /// Plans a convolution of `examples` images that lie as `input`.
    init(
        examples: Int, input: ImageLayout, filters: Int, kernel: Int, stride: Int, padding: Padding, relu: Bool,
        backward: Backward, weightsOf: ConvHandle? = nil
    ) throws(ConvolutionError) {
        let window = Window(size: kernel, stride: stride, padding: padding)
        let (top, bottom) = window.pads(input.height)
        let (left, right) = window.pads(input.width)
        self.filters = filters
        channels = input.channels
        self.window = kernel * kernel
        plannedChannels = input.block > 1 ? input.blocks * input.block : input.channels
        var shape = wb_conv_shape(
            n: Int32(examples), c: Int32(plannedChannels), h: Int32(input.height), w: Int32(input.width),
            k: Int32(filters), kh: Int32(kernel), kw: Int32(kernel), stride: Int32(stride), pad_top: Int32(top),
            pad_left: Int32(left), pad_bottom: Int32(bottom), pad_right: Int32(right), dilation: 1, groups: 1)
        var message = [CChar](repeating: 0, count: 256)
        let made = wb_conv_create(
            &shape, Int32(input.block), relu ? 1 : 0, backward.rawValue, weightsOf?.pointer, &message, message.count)
        guard let made else {
            throw ConvolutionError(reason: String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
        }
        pointer = made
        output = ImageLayout(
            channels: filters, height: Int(wb_conv_out_h(made)), width: Int(wb_conv_out_w(made)),
            block: Int(wb_conv_dst_block(made)))
    }

    /// Floats of the weights as the kernels want them.
    var storedFloats: Int { Int(wb_conv_weights_floats(pointer)) }

    /// Brings plain weights into the kernels' layout; what is padded is zero.
    func pack(_ plain: [Float], to stored: UnsafeMutablePointer<Float>) {
        precondition(plain.count == filters * channels * window, "\(plain.count) weights")
        if plannedChannels == channels {
            plain.withUnsafeBufferPointer { wb_conv_pack_weights(pointer, $0.baseAddress, stored) }
            return
        }
        var padded = [Float](repeating: 0, count: filters * plannedChannels * window)
        for filter in 0..<filters {
            let (from, to) = (filter * channels * window, filter * plannedChannels * window)
            for index in 0..<channels * window { padded[to + index] = plain[from + index] }
        }
        padded.withUnsafeBufferPointer { wb_conv_pack_weights(pointer, $0.baseAddress, stored) }
    }

    /// The plain weights of what ``pack(_:to:)`` stored.
    func unpack(_ stored: UnsafePointer<Float>) -> [Float] {
        var padded = [Float](repeating: 0, count: filters * plannedChannels * window)
        padded.withUnsafeMutableBufferPointer { wb_conv_unpack_weights(pointer, stored, $0.baseAddress) }
        if plannedChannels == channels { return padded }
        return (0..<filters).flatMap { filter in
            let from = filter * plannedChannels * window
            return padded[from..<from + channels * window]
        }
    }

    /// What a convolution must be able to do.
    enum Backward: Int32 {
        case none = 0
        case weights = 1
        case weightsAndInput = 2
    }

    deinit { wb_conv_destroy(pointer) }
}

/// oneDNN can't do a convolution.
public struct ConvolutionError: Error, CustomStringConvertible {
    var reason: String
    public var description: String { "This convolution can't be computed here: \(reason)." }
}

/// A call bound to its buffers; one thread at a time runs it.
final class BoundCall {
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    @inline(__always) func run(_ worker: Worker) {
        let status = wb_call_run(pointer, worker.scratch)
        precondition(status == 0, "oneDNN refused a planned call with status \(status)")
    }

    deinit { wb_call_destroy(pointer) }
}
