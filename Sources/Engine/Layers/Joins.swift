// Where a network branches and joins: residual blocks.
import CPrimitives

/// Hands one tensor to several layers; what flows back from them is added.
final class PlannedFork: PlannedLayer {
    /// The same values for each branch, with a gradient of its own.
    let outputs: [BatchTensor]
    private let input: BatchTensor
    private let needsGradient: Bool

    init(_ plan: PlanBuilder, _ input: BatchTensor, branches: Int, needsGradient: Bool) {
        self.input = input
        self.needsGradient = needsGradient
        outputs = (0..<branches).map { _ in plan.view(of: input) }
    }

    func forward(_ plan: PlanBuilder) {}

    func backward(_ plan: PlanBuilder) {
        guard needsGradient else { return }
        input.gradientIsMasked = input.isReLU
        let isReLU = input.isReLU
        plan.perShard { shard in
            let count = shard.count * input.stride
            let (dx, y) = (input.gradient(shard), isReLU ? input.values(shard) : nil)
            let parts = outputs.map { $0.gradient(shard) }
            return { _ in
                wb_join_backward_f32(count, y, parts[0], parts[1], dx)
                for part in parts.dropFirst(2) { wb_join_backward_f32(count, y, dx, part, dx) }
            }
        }
    }
}

/// The sum of two branches, then perhaps a ReLU.
final class PlannedAdd: PlannedLayer {
    let output: BatchTensor
    private let branches: [BatchTensor]

    init(_ plan: PlanBuilder, _ a: BatchTensor, _ b: BatchTensor, relu: Bool) {
        precondition(a.stride == b.stride && a.image == b.image, "branches lie alike")
        branches = [a, b]
        output = plan.activation(stride: a.stride, image: a.image)
        output.isReLU = relu
        // The gradient of a sum is that of each part. What is a ReLU masks its own in place, so it gets a copy.
        for branch in branches where plan.training && !branch.isReLU { branch.shareGradient(of: output) }
    }

    func forward(_ plan: PlanBuilder) {
        let relu: Int32 = output.isReLU ? 1 : 0
        plan.perShard { shard in
            let (a, b, y) = (branches[0].values(shard), branches[1].values(shard), output.values(shard))
            let count = shard.count * output.stride
            return { _ in wb_add_f32(count, a, b, relu, y) }
        }
    }

    func backward(_ plan: PlanBuilder) {
        let masksReLU = output.isReLU && !output.gradientIsMasked
        plan.perShard { shard in
            let (y, dy, count) = (output.values(shard), output.gradient(shard), shard.count * output.stride)
            let copies = branches.filter(\.isReLU).map { $0.gradient(shard) }
            return { _ in
                if masksReLU { wb_relu_backward_f32(count, y, dy, dy) }
                for copy in copies { copy.update(from: dy, count: count) }
            }
        }
    }
}

/// The same image in blocks of another size.
final class PlannedReblock: PlannedLayer {
    let output: BatchTensor
    private let input: BatchTensor
    private let rows: BatchTensor
    private let needsGradient: Bool

    init(_ plan: PlanBuilder, _ input: BatchTensor, block: Int, needsGradient: Bool) {
        guard var layout = input.image else { preconditionFailure("vectors have no blocks") }
        self.input = input
        self.needsGradient = needsGradient
        rows = plan.activation(stride: padded(layout.channels * layout.height * layout.width))
        layout.block = block
        output = plan.activation(stride: layout.stride, image: layout)
    }

    private func move(
        _ plan: PlanBuilder, _ from: BatchTensor, _ to: BatchTensor,
        _ part: @escaping (BatchTensor, Shard) -> UnsafeMutablePointer<Float>
    ) {
        guard let a = from.image, let b = to.image else { return }
        let (channels, plane, width) = (Int32(a.channels), Int32(a.height * a.width), Int32(rows.stride))
        plan.perShard { shard in
            let (x, y, between, n) = (part(from, shard), part(to, shard), rows.values(shard), Int32(shard.count))
            return { _ in
                wb_unblock_f32(n, channels, plane, Int32(a.block), x, between, width)
                wb_block_f32(n, channels, plane, Int32(b.block), between, width, y)
            }
        }
    }

    func forward(_ plan: PlanBuilder) { move(plan, input, output) { $0.values($1) } }

    func backward(_ plan: PlanBuilder) {
        guard needsGradient else { return }
        move(plan, output, input) { $0.gradient($1) }
    }
}
