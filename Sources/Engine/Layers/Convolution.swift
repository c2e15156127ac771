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

    /// Where the value with plain index `index` (channels slowest) of an example lies.
    func place(_ index: Int) -> Int {
        let plane = height * width
        let (channel, pixel) = (index / plane, index % plane)
        return (channel / block * plane + pixel) * block + channel % block
    }
}

/// Owns a planned convolution.
///
/// `@unchecked Sendable`: immutable once made; oneDNN primitives may be executed by many threads.
final class ConvHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    let output: ImageLayout
    /// The plain weights are (filters, channels / groups, window).
    private let spec: ConvolutionSpec
    private let channels: Int
    private var window: Int { spec.kernel * spec.kernel }
    /// Channels that oneDNN is told of: whole blocks. For a part of a block it has only its slow reference
    /// implementation (two hundred times slower); what a block holds beyond the input's channels is zero, and stays so.
    private let plannedChannels: Int
    /// Groups that oneDNN is told of. It is fast where each has whole blocks; others become one convolution whose weights
    /// between groups are zero.
    private let plannedGroups: Int
    /// 1 where a stored weight is one of the plain ones, 0 where it must stay zero; nil: all may change.
    private(set) var mask: [Float]?

    /// Plans a convolution of `examples` images that lie as `input`.
    init(
        examples: Int, input: ImageLayout, spec: ConvolutionSpec, relu: Bool, backward: Backward,
        precision: Precision = .f32, weightsOf: ConvHandle? = nil
    ) throws(ConvolutionError) {
        let window = Window(spec)
        let (top, bottom) = window.pads(input.height)
        let (left, right) = window.pads(input.width)
        self.spec = spec
        channels = input.channels
        let isWhole = input.block == 16 && channels / spec.groups % 16 == 0 && spec.filters / spec.groups % 16 == 0
        plannedGroups = isWhole ? spec.groups : 1
        plannedChannels = input.block > 1 ? input.blocks * input.block : input.channels
        var shape = wb_conv_shape(
            n: Int32(examples), c: Int32(plannedChannels), h: Int32(input.height), w: Int32(input.width),
            k: Int32(spec.filters), kh: Int32(spec.kernel), kw: Int32(spec.kernel), stride: Int32(spec.stride),
            pad_top: Int32(top), pad_left: Int32(left), pad_bottom: Int32(bottom), pad_right: Int32(right),
            dilation: Int32(spec.dilation), groups: Int32(plannedGroups), bf16: precision == .bf16 ? 1 : 0)
        var message = [CChar](repeating: 0, count: 256)
        let made = wb_conv_create(
            &shape, Int32(input.block), relu ? 1 : 0, backward.rawValue, weightsOf?.pointer, &message, message.count)
        guard let made else {
            throw ConvolutionError(reason: String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
        }
        pointer = made
        output = ImageLayout(
            channels: spec.filters, height: Int(wb_conv_out_h(made)), width: Int(wb_conv_out_w(made)),
            block: Int(wb_conv_dst_block(made)))
        if plannedGroups < spec.groups {
            var ones = [Float](repeating: 0, count: storedFloats)
            let plain = [Float](repeating: 1, count: spec.filters * channels / spec.groups * spec.kernel * spec.kernel)
            ones.withUnsafeMutableBufferPointer { if let to = $0.baseAddress { pack(plain, to: to) } }
            mask = ones
        }
    }

    /// Floats of the weights as the kernels want them.
    var storedFloats: Int { Int(wb_conv_weights_floats(pointer)) }

    /// Names of oneDNN's implementations: forward, backward to the weights, backward to the input.
    var implementations: String { String(cString: wb_conv_implementations(pointer)) }

    /// Whether plain weights are what oneDNN is told of.
    private var isPlain: Bool { plannedChannels == channels && plannedGroups == spec.groups }

    /// Place of a filter's first plain weight among the weights that oneDNN is told of.
    private func place(_ filter: Int) -> Int {
        let group = plannedGroups == spec.groups ? 0 : filter / (spec.filters / spec.groups)
        return (filter * plannedChannels + group * (channels / spec.groups)) * window
    }

    /// Brings plain weights into the kernels' layout; what is padded is zero.
    func pack(_ plain: [Float], to stored: UnsafeMutablePointer<Float>) {
        let row = channels / spec.groups * window
        precondition(plain.count == spec.filters * row, "\(plain.count) weights")
        if isPlain {
            plain.withUnsafeBufferPointer { wb_conv_pack_weights(pointer, $0.baseAddress, stored) }
            return
        }
        var padded = [Float](repeating: 0, count: spec.filters * plannedChannels / plannedGroups * window)
        for filter in 0..<spec.filters {
            let (from, to) = (filter * row, place(filter))
            for index in 0..<row { padded[to + index] = plain[from + index] }
        }
        padded.withUnsafeBufferPointer { wb_conv_pack_weights(pointer, $0.baseAddress, stored) }
    }

    /// The plain weights of what ``pack(_:to:)`` stored.
    func unpack(_ stored: UnsafePointer<Float>) -> [Float] {
        var padded = [Float](repeating: 0, count: spec.filters * plannedChannels / plannedGroups * window)
        padded.withUnsafeMutableBufferPointer { wb_conv_unpack_weights(pointer, stored, $0.baseAddress) }
        if isPlain { return padded }
        let row = channels / spec.groups * window
        return (0..<spec.filters).flatMap { padded[place($0)..<place($0) + row] }
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

    /// - Parameter isTransient: its output, or the gradient of it, lies in the running worker's transient memory.
    init(_ pointer: OpaquePointer, isTransient: Bool = false) {
        self.pointer = pointer
        if isTransient { wb_call_use_transient(pointer) }
    }

    @inline(__always) func run(_ worker: Worker) {
        let status = wb_call_run(pointer, worker.scratch, worker.transient)
        precondition(status == 0, "oneDNN refused a planned call with status \(status)")
    }

    deinit { wb_call_destroy(pointer) }
}
