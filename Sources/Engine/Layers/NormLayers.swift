// Normalisation: batch norm over the whole batch, layer norm over each example.
import CPrimitives

/// Batch norm (Ioffe & Szegedy 2015), its ReLU fused. The statistics are of the whole batch: each shard makes its own mean
/// and squared deviations, then all are joined in the order of the shards (Chan et al. 1983), so any number of workers gives
/// the same.
final class PlannedBatchNorm: PlannedLayer {
    let output: BatchTensor
    private let layer: NetworkLayer
    private let input: BatchTensor
    private let needsGradient: Bool
    private let momentum: Float
    private let epsilon: Float
    private let shape: wb_norm_shape
    private let channels: Int
    /// By shard: mean and sum of squared deviations.
    private let means: UnsafeMutablePointer<Float>
    private let squares: UnsafeMutablePointer<Float>
    /// Of the batch: mean, 1/deviation, and the unbiased variance.
    private let mean: UnsafeMutablePointer<Float>
    private let inverse: UnsafeMutablePointer<Float>
    private let variance: UnsafeMutablePointer<Float>
    private let factor: UnsafeMutablePointer<Float>

    init(
        _ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, momentum: Float, epsilon: Float,
        needsGradient: Bool
    ) {
        self.layer = layer
        self.input = input
        self.needsGradient = needsGradient
        self.momentum = momentum
        self.epsilon = epsilon
        if let image = input.image {
            shape = wb_norm_shape(
                n: 0, blocks: Int32(image.blocks), plane: Int32(image.height * image.width), block: Int32(image.block))
        } else {
            shape = wb_norm_shape(n: 0, blocks: 1, plane: 1, block: Int32(input.stride))
        }
        channels = Int(shape.blocks * shape.block)
        output = plan.activation(stride: input.stride, image: input.image)
        output.isReLU = layer.activation == .relu
        means = plan.arena.floats(plan.shards.count * channels)
        squares = plan.arena.floats(plan.shards.count * channels)
        mean = plan.arena.floats(channels)
        inverse = plan.arena.floats(channels)
        variance = plan.arena.floats(channels)
        factor = plan.arena.floats(channels)
    }

    private func shape(_ shard: Shard) -> wb_norm_shape {
        var shape = shape
        shape.n = Int32(shard.count)
        return shape
    }

    private func values(_ plan: PlanBuilder, _ position: Int) -> UnsafeMutablePointer<Float> {
        plan.parameters.values + plan.parameters.slot(layer, position).offset
    }

    func forward(_ plan: PlanBuilder) {
        let (mean, factor, shift) = (mean, factor, values(plan, 1))
        if plan.training { statistics(plan) } else { runningStatistics(plan) }
        let relu: Int32 = output.isReLU ? 1 : 0
        plan.perShard { shard in
            let (shape, x, y) = (shape(shard), input.values(shard), output.values(shard))
            return { _ in withUnsafePointer(to: shape) { wb_norm_apply_f32($0, x, mean, factor, shift, relu, y) } }
        }
    }

    /// Of the batch at hand, and into the running ones when the step is applied.
    private func statistics(_ plan: PlanBuilder) {
        let (channels, means, squares, epsilon) = (channels, means, squares, epsilon)
        let (mean, inverse, variance, factor, gamma) = (mean, inverse, variance, factor, values(plan, 0))
        plan.perShard { shard in
            let (shape, x) = (shape(shard), input.values(shard))
            let (m, s) = (means + shard.index * channels, squares + shard.index * channels)
            return { _ in withUnsafePointer(to: shape) { wb_norm_statistics_f32($0, x, m, s) } }
        }
        let plane = Double(shape.plane)
        let counts = plan.shards.map { Double($0.count) * plane }
        plan.phase([
            { _ in
                for c in 0..<channels {
                    var (count, m, s) = (counts[0], Double(means[c]), Double(squares[c]))
                    for index in counts.indices.dropFirst() {
                        let delta = Double(means[index * channels + c]) - m
                        let total = count + counts[index]
                        s += Double(squares[index * channels + c]) + delta * delta * count * counts[index] / total
                        m += delta * counts[index] / total
                        count = total
                    }
                    mean[c] = Float(m)
                    inverse[c] = Float(1 / (s / count + Double(epsilon)).squareRoot())
                    variance[c] = Float(s / max(1, count - 1))
                    factor[c] = gamma[c] * inverse[c]
                }
            }
        ])
        let (runningMean, runningVariance, momentum) = (values(plan, 2), values(plan, 3), momentum)
        plan.update([
            { _ in
                for c in 0..<channels {
                    runningMean[c] += momentum * (mean[c] - runningMean[c])
                    runningVariance[c] += momentum * (variance[c] - runningVariance[c])
                }
            }
        ])
    }

    private func runningStatistics(_ plan: PlanBuilder) {
        let (channels, epsilon, mean, factor) = (channels, epsilon, mean, factor)
        let (gamma, runningMean, runningVariance) = (values(plan, 0), values(plan, 2), values(plan, 3))
        plan.before { _ in
            for c in 0..<channels {
                mean[c] = runningMean[c]
                factor[c] = Float(Double(gamma[c]) / (Double(runningVariance[c]) + Double(epsilon)).squareRoot())
            }
        }
    }

    func backward(_ plan: PlanBuilder) {
        let (gamma, beta) = (plan.parameters.slot(layer, 0), plan.parameters.slot(layer, 1))
        let (channels, mean, inverse, factor) = (channels, mean, inverse, factor)
        let (a, b) = (plan.arena.floats(channels), plan.arena.floats(channels))
        let (sums, products) = (means, squares)
        let masksReLU = output.isReLU && !output.gradientIsMasked
        plan.perShard { shard in
            let (shape, x, dy) = (shape(shard), input.values(shard), output.gradient(shard))
            let y = masksReLU ? output.values(shard) : nil
            let (sum, product) = (sums + shard.index * channels, products + shard.index * channels)
            let (dgamma, dbeta) = (plan.gradient(gamma, shard), plan.gradient(beta, shard))
            return { _ in
                withUnsafePointer(to: shape) { wb_norm_sums_f32($0, x, mean, y, dy, sum, product) }
                for c in 0..<channels {
                    dgamma[c] = product[c] * inverse[c]
                    dbeta[c] = sum[c]
                }
            }
        }
        guard needsGradient else { return }
        let count = Float(plan.examples) * Float(shape.plane)
        let shards = plan.shards.count
        plan.phase([
            { _ in
                for c in 0..<channels {
                    var (sum, product): (Float, Float) = (0, 0)
                    for index in 0..<shards {
                        sum += sums[index * channels + c]
                        product += products[index * channels + c]
                    }
                    a[c] = sum / count
                    b[c] = product * inverse[c] * inverse[c] / count
                }
            }
        ])
        plan.perShard { shard in
            let (shape, x, dy, dx) = (
                shape(shard), input.values(shard), output.gradient(shard), input.gradient(shard)
            )
            let y = masksReLU ? output.values(shard) : nil
            return { _ in
                withUnsafePointer(to: shape) { wb_norm_backward_f32($0, x, mean, y, dy, factor, a, b, dx) }
            }
        }
    }
}

/// Layer norm of vectors (Ba et al. 2016).
final class PlannedLayerNorm: PlannedLayer {
    let output: BatchTensor
    private let layer: NetworkLayer
    private let input: BatchTensor
    private let needsGradient: Bool
    private let epsilon: Float
    /// Mean and 1/deviation of each example.
    private let statistics: UnsafeMutablePointer<Float>

    init(_ plan: PlanBuilder, _ layer: NetworkLayer, _ input: BatchTensor, epsilon: Float, needsGradient: Bool) {
        self.layer = layer
        self.input = input
        self.needsGradient = needsGradient
        self.epsilon = epsilon
        output = plan.activation(stride: input.stride)
        statistics = plan.arena.floats(2 * plan.examples)
    }

    func forward(_ plan: PlanBuilder) {
        let gamma = plan.parameters.values + plan.parameters.slot(layer, 0).offset
        let beta = plan.parameters.values + plan.parameters.slot(layer, 1).offset
        let (width, stride, epsilon) = (Int32(layer.input.count), Int32(input.stride), epsilon)
        plan.perShard { shard in
            let (x, y, n) = (input.values(shard), output.values(shard), Int32(shard.count))
            let statistics = statistics + 2 * shard.first
            return { _ in wb_layer_norm_forward_f32(n, width, stride, x, gamma, beta, epsilon, y, statistics) }
        }
    }

    func backward(_ plan: PlanBuilder) {
        let (scale, shift) = (plan.parameters.slot(layer, 0), plan.parameters.slot(layer, 1))
        let gamma = plan.parameters.values + scale.offset
        let (width, stride) = (Int32(layer.input.count), Int32(input.stride))
        plan.perShard { shard in
            let (x, dy, n) = (input.values(shard), output.gradient(shard), Int32(shard.count))
            let dx = needsGradient ? input.gradient(shard) : nil
            let (statistics, dgamma, dbeta) = (
                statistics + 2 * shard.first, plan.gradient(scale, shard), plan.gradient(shift, shard)
            )
            return { _ in
                wb_layer_norm_backward_f32(n, width, stride, x, statistics, gamma, dy, dx, dgamma, dbeta)
            }
        }
    }
}
