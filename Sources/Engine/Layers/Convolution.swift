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

    /// Plans a convolution of `examples` images that lie as `input`.
    init(
        examples: Int, input: ImageLayout, filters: Int, kernel: Int, stride: Int, padding: Padding, relu: Bool,
        backward: Backward, weightsOf: ConvHandle? = nil
    ) throws(ConvolutionError) {
        let window = Window(size: kernel, stride: stride, padding: padding)
        let (top, bottom) = window.pads(input.height)
        let (left, right) = window.pads(input.width)
        var shape = wb_conv_shape(
            n: Int32(examples), c: Int32(input.channels), h: Int32(input.height), w: Int32(input.width),
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
