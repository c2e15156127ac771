// Layers on images: convolution, max pooling, flatten.
import CPrimitives

/// A convolution with bias, its ReLU fused into forward.
final class PlannedConvolution: PlannedLayer {
    let output: BatchTensor
    private let layer: NetworkLayer
    private let input: BatchTensor
    private let needsGradient: Bool

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, relu: Bool, needsGradient: Bool) {
        self.layer = layer
        self.input = input
        self.needsGradient = needsGradient
        let layout = plan.convolution(layer, plan.shards[0]).output
        output = plan.activation(stride: layout.stride, image: layout)
        output.isReLU = relu
    }

    func forward(_ plan: PlanBuilder) {
        let weight = plan.parameters.slot(layer, 0)
        let bias = plan.parameters.values + plan.parameters.slot(layer, 1).offset
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
        let weight = plan.parameters.slot(layer, 0)
        let bias = plan.parameters.slot(layer, 1)
        let output = output
        let mask = output.isReLU && !output.gradientIsMasked
        plan.perShard { shard in
            let conv = plan.convolution(layer, shard)
            let (dy, y) = (output.gradient(shard), output.values(shard))
            let count = shard.count * output.stride
            guard
                let toWeights = wb_conv_bind_backward_weights(
                    conv.pointer, input.values(shard), dy, plan.gradient(weight, shard), plan.gradient(bias, shard))
            else { preconditionFailure("oneDNN refused to bind a planned convolution") }
            let weightsCall = BoundCall(toWeights)
            var inputCall: BoundCall?
            if needsGradient {
                let weights = plan.convolutionWeights(conv, weight, backward: true)
                guard
                    let toInput = wb_conv_bind_backward_data(conv.pointer, dy, weights, input.gradient(shard))
                else { preconditionFailure("oneDNN refused to bind a planned convolution") }
                inputCall = BoundCall(toInput)
            }
            return { [inputCall] worker in
                if mask { wb_relu_backward_f32(count, y, dy, dy) }
                weightsCall.run(worker)
                inputCall?.run(worker)
            }
        }
    }
}

/// Max pooling. Its backward also keeps back the gradient of a ReLU before it.
final class PlannedMaxPool: PlannedLayer {
    let output: BatchTensor
    private let input: BatchTensor
    private let needsGradient: Bool
    private let shape: wb_pool_shape

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, size: Int, stride: Int, needsGradient: Bool)
    {
        self.input = input
        self.needsGradient = needsGradient
        guard let from = input.image, case .image(_, let height, let width) = layer.output else {
            preconditionFailure("pooling of vectors")
        }
        let layout = ImageLayout(channels: from.channels, height: height, width: width, block: from.block)
        output = plan.activation(stride: layout.stride, image: layout)
        shape = wb_pool_shape(
            n: 0, blocks: Int32(from.blocks), block: Int32(from.block), h: Int32(from.height), w: Int32(from.width),
            out_h: Int32(height), out_w: Int32(width), size: Int32(size), stride: Int32(stride), pad: 0)
    }

    private func shape(_ shard: Shard) -> wb_pool_shape {
        var shape = shape
        shape.n = Int32(shard.count)
        return shape
    }

    func forward(_ plan: PlanBuilder) {
        plan.perShard { shard in
            let (shape, x, y) = (shape(shard), input.values(shard), output.values(shard))
            return { _ in withUnsafePointer(to: shape) { wb_max_pool_forward_f32($0, x, y) } }
        }
    }

    func backward(_ plan: PlanBuilder) {
        guard needsGradient else { return }
        let relu: Int32 = input.isReLU ? 1 : 0
        input.gradientIsMasked = input.isReLU
        plan.perShard { shard in
            let (shape, x, y) = (shape(shard), input.values(shard), output.values(shard))
            let (dx, dy) = (input.gradient(shard), output.gradient(shard))
            return { _ in withUnsafePointer(to: shape) { wb_max_pool_backward_f32($0, x, y, dy, relu, dx) } }
        }
    }
}

/// From blocks of channels to rows of features, channels slowest.
final class PlannedFlatten: PlannedLayer {
    let output: BatchTensor
    private let input: BatchTensor
    private let needsGradient: Bool
    private let layout: ImageLayout

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, needsGradient: Bool) {
        guard let layout = input.image else { preconditionFailure("flatten of vectors") }
        self.input = input
        self.needsGradient = needsGradient
        self.layout = layout
        output = plan.activation(stride: padded(layer.output.count))
    }

    func forward(_ plan: PlanBuilder) {
        let (channels, plane, block) = (
            Int32(layout.channels), Int32(layout.height * layout.width), Int32(layout.block)
        )
        let width = Int32(output.stride)
        plan.perShard { shard in
            let (x, y, n) = (input.values(shard), output.values(shard), Int32(shard.count))
            return { _ in wb_unblock_f32(n, channels, plane, block, x, y, width) }
        }
    }

    func backward(_ plan: PlanBuilder) {
        guard needsGradient else { return }
        let (channels, plane, block) = (
            Int32(layout.channels), Int32(layout.height * layout.width), Int32(layout.block)
        )
        let width = Int32(output.stride)
        plan.perShard { shard in
            let (dx, dy, n) = (input.gradient(shard), output.gradient(shard), Int32(shard.count))
            return { _ in wb_block_f32(n, channels, plane, block, dy, width, dx) }
        }
    }
}
