// Layers on images: convolutions, pooling, flatten.
import CPrimitives

/// The bias of a convolution, or zeros that stand for it and a place that takes their gradient.
struct ConvolutionBias {
    private let slot: ParameterSlot?
    private let none: UnsafeMutablePointer<Float>?
    private let width: Int

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, channels: Int) {
        slot = layer.parameters.count > 1 ? plan.parameters.slot(layer, 1) : nil
        width = padded(channels)
        none = slot == nil ? plan.arena.floats((plan.shards.count + 1) * width) : nil
    }

    func values(_ plan: PlanBuilder) -> UnsafeMutablePointer<Float> {
        none ?? plan.parameters.values + (slot?.offset ?? 0)
    }

    func gradient(_ plan: PlanBuilder, _ shard: Shard) -> UnsafeMutablePointer<Float> {
        if let slot { return plan.gradient(slot, shard) }
        guard let none else { preconditionFailure("a bias or none") }
        return none + (shard.index + 1) * width
    }
}

/// The calls that take the gradient of a convolution's output to its weights, bias and, if wanted, input, for one shard.
struct ConvolutionBackward {
    private let conv: ConvHandle
    private let toWeights: BoundCall
    private let toInput: BoundCall?
    private let weightsGradient: UnsafeMutablePointer<Float>
    private let mask: UnsafeMutablePointer<Float>?

    /// - Parameters:
    ///   - gradient: of the output; nil: it lies in the running worker's transient memory.
    ///   - mask: see ``PlanBuilder/mask(of:)``.
    init(
        _ plan: PlanBuilder, _ layer: NetworkLayer, _ shard: Shard, input: BatchTensor,
        gradient: UnsafeMutablePointer<Float>?, bias: ConvolutionBias, mask: UnsafeMutablePointer<Float>?,
        needsGradient: Bool
    ) {
        let weight = plan.parameters.slot(layer, 0)
        conv = plan.convolution(layer, shard)
        self.mask = mask
        weightsGradient = plan.gradient(weight, shard)
        guard
            let pointer = wb_conv_bind_backward_weights(
                conv.pointer, input.values(shard), gradient, weightsGradient, bias.gradient(plan, shard))
        else { preconditionFailure("oneDNN refused to bind a planned convolution") }
        toWeights = BoundCall(pointer, isTransient: gradient == nil)
        guard needsGradient else {
            toInput = nil
            return
        }
        let weights = plan.convolutionWeights(conv, weight, backward: true)
        guard let pointer = wb_conv_bind_backward_data(conv.pointer, gradient, weights, input.gradient(shard)) else {
            preconditionFailure("oneDNN refused to bind a planned convolution")
        }
        toInput = BoundCall(pointer, isTransient: gradient == nil)
    }

    func run(_ worker: Worker) {
        // `conv` owns the primitives that the calls run.
        withExtendedLifetime(conv) {
            toWeights.run(worker)
            if let mask { wb_multiply_f32(conv.storedFloats, weightsGradient, mask, weightsGradient) }
            toInput?.run(worker)
        }
    }
}

extension PlanBuilder {
    /// 1 where a weight of `conv` may be trained, 0 between its groups; nil: all may, or nothing is trained.
    func mask(of conv: ConvHandle) -> UnsafeMutablePointer<Float>? {
        guard training, let mask = conv.mask else { return nil }
        let copy = arena.floats(mask.count)
        mask.withUnsafeBufferPointer { if let from = $0.baseAddress { copy.update(from: from, count: $0.count) } }
        return copy
    }
}

/// A convolution with bias, its ReLU fused into forward.
final class PlannedConvolution: PlannedLayer {
    let output: BatchTensor
    private let layer: NetworkLayer
    private let input: BatchTensor
    private let needsGradient: Bool
    private let mask: UnsafeMutablePointer<Float>?
    private let bias: ConvolutionBias

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, needsGradient: Bool) {
        self.layer = layer
        self.input = input
        self.needsGradient = needsGradient
        let conv = plan.convolution(layer, plan.shards[0])
        output = plan.activation(stride: conv.output.stride, image: conv.output)
        output.isReLU = layer.activation == .relu
        bias = ConvolutionBias(plan, layer, channels: conv.output.channels)
        mask = plan.mask(of: conv)
    }

    func forward(_ plan: PlanBuilder) {
        let weight = plan.parameters.slot(layer, 0)
        let bias = bias.values(plan)
        plan.perShard { shard in
            let conv = plan.convolution(layer, shard)
            precondition(conv.output.block == output.image?.block, "shards of one batch lie alike")
            let weights = plan.convolutionWeights(conv, weight, backward: false)
            guard
                let pointer = wb_conv_bind_forward(
                    conv.pointer, input.values(shard), weights, bias, output.values(shard))
            else { preconditionFailure("oneDNN refused to bind a planned convolution") }
            let call = BoundCall(pointer)
            // `conv` owns the primitive that `call` runs.
            return { worker in withExtendedLifetime(conv) { call.run(worker) } }
        }
    }

    func backward(_ plan: PlanBuilder) {
        let masksReLU = output.isReLU && !output.gradientIsMasked
        plan.perShard { shard in
            let (dy, y, count) = (output.gradient(shard), output.values(shard), shard.count * output.stride)
            let calls = ConvolutionBackward(
                plan, layer, shard, input: input, gradient: dy, bias: bias, mask: mask, needsGradient: needsGradient)
            return { worker in
                if masksReLU { wb_relu_backward_f32(count, y, dy, dy) }
                calls.run(worker)
            }
        }
    }
}

/// A convolution, perhaps a ReLU, and the maximum over 2x2 windows, as one: between them nothing is stored but which value of a
/// window was the largest. What the convolution gives, and the gradient of it, live in the worker's cache alone.
final class PlannedPooledConvolution: PlannedLayer {
    let output: BatchTensor
    private let layer: NetworkLayer
    private let input: BatchTensor
    private let needsGradient: Bool
    private let bias: ConvolutionBias
    private let mask: UnsafeMutablePointer<Float>?
    private let between: ImageLayout
    private let which: UnsafeMutablePointer<UInt8>

    init(
        _ plan: PlanBuilder, _ layer: NetworkLayer, _ pool: NetworkLayer, _ input: BatchTensor, needsGradient: Bool
    ) {
        self.layer = layer
        self.input = input
        self.needsGradient = needsGradient
        let conv = plan.convolution(layer, plan.shards[0])
        between = conv.output
        guard case .image(_, let height, let width) = pool.output else { preconditionFailure("pooling of vectors") }
        let layout = ImageLayout(channels: between.channels, height: height, width: width, block: between.block)
        output = plan.activation(stride: layout.stride, image: layout)
        which = plan.arena.allocate(plan.examples * layout.stride)
        bias = ConvolutionBias(plan, layer, channels: between.channels)
        mask = plan.mask(of: conv)
        let most = plan.shards.reduce(0) { max($0, $1.count) }
        plan.needTransient(bytes: most * between.stride * MemoryLayout<Float>.stride)
    }

    private func shape(_ shard: Shard) -> wb_pool_shape {
        let out = output.image ?? between
        return wb_pool_shape(
            n: Int32(shard.count), blocks: Int32(between.blocks), block: Int32(between.block), h: Int32(between.height),
            w: Int32(between.width), out_h: Int32(out.height), out_w: Int32(out.width), size: 2, stride: 2, pad_top: 0,
            pad_left: 0)
    }

    func forward(_ plan: PlanBuilder) {
        let weight = plan.parameters.slot(layer, 0)
        let bias = bias.values(plan)
        let relu: Int32 = layer.activation == .relu ? 1 : 0
        plan.perShard { shard in
            let conv = plan.convolution(layer, shard)
            precondition(conv.output.block == between.block, "shards of one batch lie alike")
            let weights = plan.convolutionWeights(conv, weight, backward: false)
            guard let pointer = wb_conv_bind_forward(conv.pointer, input.values(shard), weights, bias, nil) else {
                preconditionFailure("oneDNN refused to bind a planned convolution")
            }
            let call = BoundCall(pointer, isTransient: true)
            let (shape, y, which) = (shape(shard), output.values(shard), which + shard.first * output.stride)
            return { worker in
                // `conv` owns the primitive that `call` runs.
                withExtendedLifetime(conv) { call.run(worker) }
                let x = worker.transient.assumingMemoryBound(to: Float.self)
                withUnsafePointer(to: shape) { wb_max_pool_forward_kept_f32($0, x, relu, y, which) }
            }
        }
    }

    func backward(_ plan: PlanBuilder) {
        plan.perShard { shard in
            let calls = ConvolutionBackward(
                plan, layer, shard, input: input, gradient: nil, bias: bias, mask: mask, needsGradient: needsGradient)
            let (shape, dy, which) = (shape(shard), output.gradient(shard), which + shard.first * output.stride)
            return { worker in
                let dx = worker.transient.assumingMemoryBound(to: Float.self)
                withUnsafePointer(to: shape) { wb_max_pool_backward_kept_f32($0, which, dy, dx) }
                calls.run(worker)
            }
        }
    }
}

/// A convolution of each channel by itself, by kernels of our own: oneDNN's want whole blocks of channels.
final class PlannedDepthwise: PlannedLayer {
    let output: BatchTensor
    private let layer: NetworkLayer
    private let input: BatchTensor
    private let needsGradient: Bool
    private let shape: wb_depthwise_shape
    private let bias: ConvolutionBias

    init(
        _ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, _ conv: ConvolutionSpec, needsGradient: Bool
    ) {
        self.layer = layer
        self.input = input
        self.needsGradient = needsGradient
        guard let from = input.image, case .image(_, let height, let width) = layer.output else {
            preconditionFailure("a depthwise convolution of vectors")
        }
        let layout = ImageLayout(channels: from.channels, height: height, width: width, block: from.block)
        output = plan.activation(stride: layout.stride, image: layout)
        output.isReLU = layer.activation == .relu
        let window = Window(conv)
        shape = wb_depthwise_shape(
            n: 0, blocks: Int32(from.blocks), block: Int32(from.block), h: Int32(from.height), w: Int32(from.width),
            out_h: Int32(height), out_w: Int32(width), kernel: Int32(conv.kernel), stride: Int32(conv.stride),
            dilation: Int32(conv.dilation), pad_top: Int32(window.pads(from.height).before),
            pad_left: Int32(window.pads(from.width).before))
        bias = ConvolutionBias(plan, layer, channels: from.channels)
    }

    private func shape(_ shard: Shard) -> wb_depthwise_shape {
        var shape = shape
        shape.n = Int32(shard.count)
        return shape
    }

    func forward(_ plan: PlanBuilder) {
        let weights = plan.parameters.values + plan.parameters.slot(layer, 0).offset
        let bias = bias.values(plan)
        let relu: Int32 = output.isReLU ? 1 : 0
        plan.perShard { shard in
            let (shape, x, y) = (shape(shard), input.values(shard), output.values(shard))
            return { _ in withUnsafePointer(to: shape) { wb_depthwise_forward_f32($0, x, weights, bias, relu, y) } }
        }
    }

    func backward(_ plan: PlanBuilder) {
        let slot = plan.parameters.slot(layer, 0)
        let weights = plan.parameters.values + slot.offset
        let masksReLU = output.isReLU && !output.gradientIsMasked
        let needsGradient = needsGradient
        plan.perShard { shard in
            let (shape, x, y) = (shape(shard), input.values(shard), output.values(shard))
            let (dx, dy) = (needsGradient ? input.gradient(shard) : x, output.gradient(shard))
            let count = shard.count * output.stride
            let dw = plan.gradient(slot, shard)
            let db = bias.gradient(plan, shard)
            return { _ in
                if masksReLU { wb_relu_backward_f32(count, y, dy, dy) }
                withUnsafePointer(to: shape) {
                    wb_depthwise_backward_weights_f32($0, x, dy, dw, db)
                    if needsGradient { wb_depthwise_backward_data_f32($0, dy, weights, dx) }
                }
            }
        }
    }
}

/// Maximum or mean over windows. A maximum after a ReLU also keeps back that one's gradient, so that it is touched once.
final class PlannedPool: PlannedLayer {
    enum Kind { case maximum, average }

    let output: BatchTensor
    private let input: BatchTensor
    private let needsGradient: Bool
    private let kind: Kind
    private let shape: wb_pool_shape

    init(
        _ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, _ kind: Kind, _ window: Window,
        needsGradient: Bool
    ) {
        self.input = input
        self.needsGradient = needsGradient
        self.kind = kind
        guard let from = input.image, case .image(_, let height, let width) = layer.output else {
            preconditionFailure("pooling of vectors")
        }
        let layout = ImageLayout(channels: from.channels, height: height, width: width, block: from.block)
        output = plan.activation(stride: layout.stride, image: layout)
        shape = wb_pool_shape(
            n: 0, blocks: Int32(from.blocks), block: Int32(from.block), h: Int32(from.height), w: Int32(from.width),
            out_h: Int32(height), out_w: Int32(width), size: Int32(window.size), stride: Int32(window.stride),
            pad_top: Int32(window.pads(from.height).before), pad_left: Int32(window.pads(from.width).before))
    }

    private func shape(_ shard: Shard) -> wb_pool_shape {
        var shape = shape
        shape.n = Int32(shard.count)
        return shape
    }

    func forward(_ plan: PlanBuilder) {
        plan.perShard { shard in
            let (shape, x, y) = (shape(shard), input.values(shard), output.values(shard))
            if kind == .average {
                return { _ in withUnsafePointer(to: shape) { wb_average_pool_forward_f32($0, x, y) } }
            }
            return { _ in withUnsafePointer(to: shape) { wb_max_pool_forward_f32($0, x, y) } }
        }
    }

    func backward(_ plan: PlanBuilder) {
        guard needsGradient else { return }
        if kind == .average {
            plan.perShard { shard in
                let (shape, dx, dy) = (shape(shard), input.gradient(shard), output.gradient(shard))
                return { _ in withUnsafePointer(to: shape) { wb_average_pool_backward_f32($0, dy, dx) } }
            }
            return
        }
        let relu: Int32 = input.isReLU ? 1 : 0
        input.gradientIsMasked = input.isReLU
        plan.perShard { shard in
            let (shape, x, y) = (shape(shard), input.values(shard), output.values(shard))
            let (dx, dy) = (input.gradient(shard), output.gradient(shard))
            return { _ in withUnsafePointer(to: shape) { wb_max_pool_backward_f32($0, x, y, dy, relu, dx) } }
        }
    }
}

/// From blocks of channels to rows: all pixels of a channel, or their mean.
final class PlannedRows: PlannedLayer {
    enum Kind { case flatten, mean }

    let output: BatchTensor
    private let input: BatchTensor
    private let needsGradient: Bool
    private let kind: Kind
    private let layout: ImageLayout

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, _ kind: Kind, needsGradient: Bool) {
        guard let layout = input.image else { preconditionFailure("\(layer.name) of vectors") }
        self.input = input
        self.needsGradient = needsGradient
        self.kind = kind
        self.layout = layout
        output = plan.activation(stride: padded(layer.output.count))
    }

    func forward(_ plan: PlanBuilder) {
        let (channels, plane, block) = (
            Int32(layout.channels), Int32(layout.height * layout.width), Int32(layout.block)
        )
        let (width, isMean) = (Int32(output.stride), kind == .mean)
        plan.perShard { shard in
            let (x, y, n) = (input.values(shard), output.values(shard), Int32(shard.count))
            if isMean { return { _ in wb_global_average_forward_f32(n, channels, plane, block, x, y, width) } }
            return { _ in wb_unblock_f32(n, channels, plane, block, x, y, width) }
        }
    }

    func backward(_ plan: PlanBuilder) {
        guard needsGradient else { return }
        let (channels, plane, block) = (
            Int32(layout.channels), Int32(layout.height * layout.width), Int32(layout.block)
        )
        let (width, isMean) = (Int32(output.stride), kind == .mean)
        plan.perShard { shard in
            let (dx, dy, n) = (input.gradient(shard), output.gradient(shard), Int32(shard.count))
            if isMean { return { _ in wb_global_average_backward_f32(n, channels, plane, block, dy, width, dx) } }
            return { _ in wb_block_f32(n, channels, plane, block, dy, width, dx) }
        }
    }
}
