// Layers on vectors, and those that work value by value: dense, activations, dropout.
import CPrimitives

/// A dense layer cut by examples. Its gradients are summed over the shards.
final class PlannedDense: PlannedLayer {
    let output: BatchTensor
    private let layer: NetworkLayer
    private let input: BatchTensor
    private let relu: Bool
    private let needsGradient: Bool

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, needsGradient: Bool) {
        self.layer = layer
        self.input = input
        relu = layer.activation == .relu
        self.needsGradient = needsGradient
        output = plan.activation(stride: padded(layer.output.count))
        output.isReLU = relu
    }

    func forward(_ plan: PlanBuilder) {
        let weights = plan.denseWeights(plan.parameters.slot(layer, 0))
        let bias = plan.parameters.values + plan.parameters.slot(layer, 1).offset
        // A flattened image may lie in blocks of channels; the rows of the weights lie alike.
        let (inputs, width, outputs) = (Int32(input.stride), Int32(input.stride), Int32(output.stride))
        let relu: Int32 = relu ? 1 : 0
        plan.perShard { shard in
            let (x, y, n) = (input.values(shard), output.values(shard), Int32(shard.count))
            let values = shard.count * output.stride
            return { _ in
                y.update(repeating: 0, count: values)
                wb_dense_forward_f32(n, inputs, outputs, x, width, weights, y, outputs)
                wb_dense_finish_f32(n, outputs, 1, 0, y, outputs, bias, relu, y, outputs)
            }
        }
    }

    func backward(_ plan: PlanBuilder) {
        let weight = plan.parameters.slot(layer, 0)
        let bias = plan.parameters.slot(layer, 1)
        let weights = plan.denseWeights(weight)
        let rounds = plan.precision == .bf16
        let (inputs, outputs) = (Int32(input.stride), Int32(output.stride))
        let mask = relu && !output.gradientIsMasked
        let needsGradient = needsGradient
        plan.perShard { shard in
            let (x, y, n) = (input.values(shard), output.values(shard), Int32(shard.count))
            let (dx, dy) = (input.gradient(shard), output.gradient(shard))
            let (dw, db) = (plan.gradient(weight, shard), plan.gradient(bias, shard))
            let values = shard.count * output.stride
            let columns = Int32(padded(shard.count))
            plan.needScratch(bytes: output.stride * Int(columns) * MemoryLayout<Float>.stride)
            return { worker in
                if mask { wb_relu_backward_f32(values, y, dy, dy) }
                if rounds { wb_round_bf16_f32(values, dy, dy) }
                wb_bias_backward_f32(n, outputs, dy, outputs, db)
                wb_dense_backward_weights_f32(n, inputs, outputs, x, inputs, dy, outputs, dw)
                guard needsGradient else { return }
                let turned = worker.scratch.assumingMemoryBound(to: Float.self)
                wb_transpose_f32(n, outputs, dy, outputs, turned, columns)
                wb_dense_backward_data_f32(n, inputs, outputs, turned, columns, weights, outputs, dx, inputs)
            }
        }
    }
}

/// A wide dense layer, cut by inputs over the whole batch: a worker keeps its weights, moments and columns of the input
/// in its own cache, the gradient of the weights lives only as long as it takes to apply it, and nothing is summed.
final class PlannedWideDense: PlannedLayer {
    let output: BatchTensor
    private let layer: NetworkLayer
    private let input: BatchTensor
    private let relu: Bool
    private let needsGradient: Bool
    /// Ranges of inputs, each a multiple of the padding.
    private let blocks: [Range<Int>]
    /// Products of each block before they are summed: (blocks, examples, outputs).
    private let partial: UnsafeMutablePointer<Float>
    /// The output's gradient turned: (outputs, examples padded).
    private let turned: UnsafeMutablePointer<Float>
    private let columns: Int

    /// Blocks that a layer is cut into, at most; a part of the result, so the same on every machine.
    private static let mostBlocks = 16

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, needsGradient: Bool) {
        self.layer = layer
        self.input = input
        relu = layer.activation == .relu
        self.needsGradient = needsGradient
        output = plan.activation(stride: padded(layer.output.count))
        output.isReLU = relu
        let size = padded((input.stride + Self.mostBlocks - 1) / Self.mostBlocks)
        blocks = stride(from: 0, to: input.stride, by: size).map { $0..<min($0 + size, input.stride) }
        partial = plan.arena.floats(blocks.count * plan.examples * output.stride)
        columns = padded(plan.examples)
        turned = plan.arena.floats(output.stride * columns)
    }

    func forward(_ plan: PlanBuilder) {
        let weights = plan.denseWeights(plan.parameters.slot(layer, 0))
        let bias = plan.parameters.values + plan.parameters.slot(layer, 1).offset
        let (n, width, outputs) = (Int32(plan.examples), Int32(input.stride), Int32(output.stride))
        let size = plan.examples * output.stride
        let (partial, x) = (partial, input.values)
        plan.phase(
            blocks.enumerated().map { index, block in
                let product = partial + index * size
                return { _ in
                    product.update(repeating: 0, count: size)
                    wb_dense_forward_f32(
                        n, Int32(block.count), outputs, x + block.lowerBound, width,
                        weights + block.lowerBound * Int(outputs), product, outputs)
                }
            })
        let (parts, relu): (Int32, Int32) = (Int32(blocks.count), relu ? 1 : 0)
        plan.perShard { shard in
            let (y, n, rows) = (output.values(shard), Int32(shard.count), partial + shard.first * Int(outputs))
            return { _ in wb_dense_finish_f32(n, outputs, parts, size, rows, outputs, bias, relu, y, outputs) }
        }
    }

    func backward(_ plan: PlanBuilder) {
        let weight = plan.parameters.slot(layer, 0)
        let bias = plan.parameters.slot(layer, 1)
        let weights = plan.denseWeights(weight)
        let rounds = plan.precision == .bf16
        let mask = relu && !output.gradientIsMasked
        let (width, outputs, columns) = (Int32(input.stride), Int32(output.stride), Int32(columns))
        let (turned, finite) = (turned, plan.shardIsFinite)
        plan.perShard { shard in
            let (y, dy, n) = (output.values(shard), output.gradient(shard), Int32(shard.count))
            let db = plan.gradient(bias, shard)
            let values = shard.count * output.stride
            return { _ in
                if mask { wb_relu_backward_f32(values, y, dy, dy) }
                if rounds { wb_round_bf16_f32(values, dy, dy) }
                wb_bias_backward_f32(n, outputs, dy, outputs, db)
                wb_transpose_f32(n, outputs, dy, outputs, turned + shard.first, columns)
                // The update is fused into the gradient, so what flows into it is checked here.
                if wb_all_finite_f32(values, dy) == 0 { finite[shard.index] = 0 }
            }
        }
        let examples = Int32(plan.examples)
        if needsGradient {
            let dx = input.gradient
            plan.phase(
                blocks.map { block in
                    { _ in
                        wb_dense_backward_data_f32(
                            examples, Int32(block.count), outputs, turned, columns,
                            weights + block.lowerBound * Int(outputs), outputs, dx + block.lowerBound, width)
                    }
                })
        }
        guard let step = plan.step else { preconditionFailure("a backward pass without a step") }
        let (x, dy, parameters) = (input.values, output.gradient, plan.parameters)
        if plan.clips {
            // Nothing may be applied before the norm of everything is known, so this gradient is kept.
            let dw = plan.arena.floats(input.stride * output.stride)
            plan.phase(
                blocks.map { block in
                    let (place, squares) = (dw + block.lowerBound * Int(outputs), plan.squareSum())
                    return { _ in
                        wb_dense_backward_weights_f32(
                            examples, Int32(block.count), outputs, x + block.lowerBound, width, dy, outputs, place)
                        squares.pointee = wb_sum_squares_f32(block.count * Int(outputs), place)
                    }
                })
            plan.update(
                blocks.map { block in
                    let place = block.lowerBound * Int(outputs)
                    return { _ in
                        step.pointee.update.apply(
                            to: parameters, offset: weight.offset + place, count: block.count * Int(outputs),
                            gradient: dw + place)
                    }
                })
            return
        }
        // A few rows at a time: their gradient stays in the first-level cache until it is applied.
        let rows = max(6, 6144 / output.stride / 6 * 6)
        plan.needScratch(bytes: rows * output.stride * MemoryLayout<Float>.stride)
        plan.update(
            blocks.map { block in
                { worker in
                    let dw = worker.scratch.assumingMemoryBound(to: Float.self)
                    for first in stride(from: block.lowerBound, to: block.upperBound, by: rows) {
                        let count = min(rows, block.upperBound - first)
                        wb_dense_backward_weights_f32(
                            examples, Int32(count), outputs, x + first, width, dy, outputs, dw)
                        step.pointee.update.apply(
                            to: parameters, offset: weight.offset + first * Int(outputs), count: count * Int(outputs),
                            gradient: dw)
                    }
                }
            })
    }
}

/// Values rounded to bfloat16; gradients pass as they are.
final class PlannedRounding: PlannedLayer {
    let output: BatchTensor
    private let input: BatchTensor

    init(_ plan: PlanBuilder, _ input: BatchTensor, needsGradient: Bool) {
        self.input = input
        output = plan.activation(stride: input.stride)
        output.order = input.order
        if plan.training, needsGradient { output.shareGradient(of: input) }
    }

    func forward(_ plan: PlanBuilder) {
        plan.perShard { shard in
            let (x, y, count) = (input.values(shard), output.values(shard), shard.count * input.stride)
            return { _ in wb_round_bf16_f32(count, x, y) }
        }
    }

    func backward(_ plan: PlanBuilder) {}
}

/// An elementwise function, or softmax over the features of a vector, as a pass of its own.
final class PlannedActivation: PlannedLayer {
    let output: BatchTensor
    private let input: BatchTensor
    private let needsGradient: Bool
    private let activation: Activation
    /// Values of one example that are not padding.
    private let width: Int

    init(
        _ plan: PlanBuilder, _ activation: Activation, _ input: BatchTensor, width: Int, needsGradient: Bool
    ) {
        self.input = input
        self.needsGradient = needsGradient
        self.activation = activation
        self.width = width
        output = plan.activation(stride: input.stride, image: input.image)
    }

    private var kind: (number: Int32, slope: Float)? { activation.kernel }

    func forward(_ plan: PlanBuilder) {
        let (stride, width, kind) = (input.stride, width, kind)
        // Padding must stay zero: weights that meet it would be trained.
        let clears = activation == .sigmoid
        let image = input.image ?? input.order
        plan.perShard { shard in
            let (x, y, n) = (input.values(shard), output.values(shard), Int32(shard.count))
            guard let kind else { return { _ in wb_softmax_forward_f32(n, Int32(width), Int32(stride), x, y) } }
            let count = shard.count * stride
            return { _ in
                wb_activation_forward_f32(kind.number, kind.slope, count, x, y)
                guard clears else { return }
                if let image {
                    wb_clear_padding_f32(
                        n, Int32(image.channels), Int32(image.height * image.width), Int32(image.block), y)
                } else {
                    wb_clear_padding_f32(n, Int32(width), 1, Int32(stride), y)
                }
            }
        }
    }

    func backward(_ plan: PlanBuilder) {
        guard needsGradient else { return }
        let (stride, width, kind) = (input.stride, width, kind)
        plan.perShard { shard in
            let (x, y, n) = (input.values(shard), output.values(shard), Int32(shard.count))
            let (dx, dy) = (input.gradient(shard), output.gradient(shard))
            guard let kind else { return { _ in wb_softmax_backward_f32(n, Int32(width), Int32(stride), y, dy, dx) } }
            let count = shard.count * stride
            return { _ in wb_activation_backward_f32(kind.number, kind.slope, count, x, y, dy, dx) }
        }
    }
}

/// Inverted dropout: what a value's fate is follows from the seed, the layer, the step and the value's place alone.
final class PlannedDropout: PlannedLayer {
    let output: BatchTensor
    private let input: BatchTensor
    private let needsGradient: Bool
    private let rate: Float
    private let key: UInt64

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, rate: Float, needsGradient: Bool) {
        self.input = input
        self.needsGradient = needsGradient
        self.rate = rate
        guard let step = plan.step else { preconditionFailure("dropout without a step") }
        var random = CounterRandom(seed: step.pointee.seed, purpose: .dropout, first: layer.index)
        key = random.next()
        output = plan.activation(stride: input.stride, image: input.image)
    }

    func forward(_ plan: PlanBuilder) { drop(plan, from: \.values, to: \.values, output) }

    func backward(_ plan: PlanBuilder) {
        guard needsGradient else { return }
        drop(plan, from: \.gradient, to: \.gradient, input)
    }

    private func drop(
        _ plan: PlanBuilder, from: KeyPath<BatchTensor, UnsafeMutablePointer<Float>>,
        to: KeyPath<BatchTensor, UnsafeMutablePointer<Float>>, _ target: BatchTensor
    ) {
        guard let step = plan.step else { preconditionFailure("dropout without a step") }
        let source = target === output ? input : output
        let (rate, key, stride) = (rate, key, input.stride)
        plan.perShard { shard in
            let x = source[keyPath: from] + shard.first * stride
            let y = target[keyPath: to] + shard.first * stride
            let (n, first) = (Int32(shard.count), UInt32(shard.first))
            return { _ in wb_dropout_f32(n, Int32(stride), stride, rate, key, step.pointee.number, first, x, y) }
        }
    }
}

extension Activation {
    /// What the kernels call it; nil: softmax.
    var kernel: (number: Int32, slope: Float)? {
        switch self {
        case .linear: preconditionFailure("nothing to compute")
        case .relu: (Int32(WB_RELU), 0)
        case .leakyReLU(let slope): (Int32(WB_LEAKY_RELU), slope)
        case .elu: (Int32(WB_ELU), 0)
        case .gelu: (Int32(WB_GELU), 0)
        case .silu: (Int32(WB_SILU), 0)
        case .sigmoid: (Int32(WB_SIGMOID), 0)
        case .tanh: (Int32(WB_TANH), 0)
        case .softmax: nil
        }
    }
}
