// LayerLine: turns a network's layers into planned ones, with branches, and with what is computed together.

/// Planned layers in the network's order, and the tensors between them.
struct LayerLine {
    let plan: PlanBuilder
    var planned: [(name: String, index: Int, layer: any PlannedLayer)] = []
    private var at: NetworkLayer?
    /// Layers that an earlier one computes.
    private var done: Set<Int> = []
    private(set) var last: BatchTensor
    private let flows: [Int: Bool]
    /// What is still to be handed out of each layer's output: one tensor a consumer.
    private var ready: [Int: [BatchTensor]] = [:]

    init(_ plan: PlanBuilder, input: BatchTensor, inputGradient: Bool) {
        self.plan = plan
        last = input
        flows = plan.network.gradientFlows(toInput: inputGradient)
        give(input, of: -1)
    }

    /// Makes `tensor` the output of layer `index`, for all that consume it.
    private mutating func give(_ tensor: BatchTensor, of index: Int) {
        last = tensor
        let consumers = plan.network.consumers(of: index)
        guard consumers > 1, plan.training else {
            ready[index] = Array(repeating: tensor, count: consumers)
            return
        }
        let fork = PlannedFork(plan, tensor, branches: consumers, needsGradient: flows[index] == true)
        planned.append(("fork", -1, fork))
        ready[index] = fork.outputs
    }

    private mutating func take(_ index: Int) -> BatchTensor {
        guard let tensor = ready[index]?.popLast() else { preconditionFailure("nothing left of layer \(index)") }
        return tensor
    }

    private mutating func plan(_ layer: any PlannedLayer, _ output: BatchTensor) -> BatchTensor {
        planned.append((at?.summary ?? "", at?.index ?? -1, layer))
        return output
    }

    /// The max pool that alone takes what the convolution `layer` gives and can be computed with it, while training.
    private func pool(after layer: NetworkLayer) -> NetworkLayer? {
        guard plan.training, case .conv = layer.spec, !layer.isDepthwise,
            plan.convolution(layer, plan.shards[0]).output.block == 16
        else { return nil }
        return plan.network.pool(after: layer)
    }

    mutating func append(_ layer: NetworkLayer) {
        if done.contains(layer.index) { return }
        at = layer
        var inputs = layer.inputs.map { take($0) }
        let needsGradient = flows[layer.inputs[0]] == true
        if case .dense = layer.spec, plan.precision == .bf16 {
            let made = PlannedRounding(plan, inputs[0], needsGradient: needsGradient)
            inputs[0] = plan(made, made.output)
        }
        let input = inputs[0]
        var output = input
        switch layer.spec {
        case .conv(let conv) where layer.isDepthwise:
            let made = PlannedDepthwise(plan, layer, input, conv, needsGradient: needsGradient)
            output = plan(made, made.output)
        case .conv where pool(after: layer) != nil:
            guard let pool = pool(after: layer) else { preconditionFailure("the pool was there") }
            let made = PlannedPooledConvolution(plan, layer, pool, input, needsGradient: needsGradient)
            planned.append(("\(layer.summary), \(pool.summary)", layer.index, made))
            done.formUnion(layer.index + 1...pool.index)
            give(made.output, of: pool.index)
            return
        case .conv:
            let made = PlannedConvolution(plan, layer, input, needsGradient: needsGradient)
            output = plan(made, made.output)
        case .maxPool(let size, let stride, let padding), .averagePool(let size, let stride, let padding):
            var kind = PlannedPool.Kind.average
            if case .maxPool = layer.spec { kind = .maximum }
            let made = PlannedPool(
                plan, layer, input, kind, Window(size: size, stride: stride, padding: padding),
                needsGradient: needsGradient)
            output = plan(made, made.output)
        case .flatten:
            if let order = plan.order(layer) {
                output = plan.relabel(input, order: order)
                output.isReLU = input.isReLU
            } else {
                let made = PlannedRows(plan, layer, input, .flatten, needsGradient: needsGradient)
                output = plan(made, made.output)
            }
        case .globalAveragePool:
            let made = PlannedRows(plan, layer, input, .mean, needsGradient: needsGradient)
            output = plan(made, made.output)
        case .dense where plan.training && plan.parameters.slot(layer, 0).isWide:
            let made = PlannedWideDense(plan, layer, input, needsGradient: needsGradient)
            output = plan(made, made.output)
        case .dense:
            let made = PlannedDense(plan, layer, input, needsGradient: needsGradient)
            output = plan(made, made.output)
        case .batchNorm(let momentum, let epsilon, _):
            let made = PlannedBatchNorm(
                plan, layer, input, momentum: momentum, epsilon: epsilon, needsGradient: needsGradient)
            output = plan(made, made.output)
        case .layerNorm(let epsilon):
            let made = PlannedLayerNorm(plan, layer, input, epsilon: epsilon, needsGradient: needsGradient)
            output = plan(made, made.output)
        case .activation: break
        case .dropout(let rate):
            if plan.training, rate > 0 {
                let made = PlannedDropout(plan, layer, input, rate: rate, needsGradient: needsGradient)
                made.output.order = input.order
                output = plan(made, made.output)
            }
        case .add:
            if let a = inputs[0].image, let b = inputs[1].image, a.block != b.block {
                let made = PlannedReblock(
                    plan, inputs[1], block: a.block, needsGradient: flows[layer.inputs[1]] == true)
                inputs[1] = plan(made, made.output)
            }
            let made = PlannedAdd(plan, inputs[0], inputs[1], relu: layer.activation == .relu)
            output = plan(made, made.output)
        case .depthwiseConv, .separableConv, .residual: preconditionFailure("\(layer.name) is taken apart before")
        }
        give(activated(output, layer, input), of: layer.index)
    }

    /// The activation of `layer` on `tensor`, where its arithmetic has not computed it already.
    private mutating func activated(_ tensor: BatchTensor, _ layer: NetworkLayer, _ input: BatchTensor) -> BatchTensor {
        let activation = layer.activation
        guard activation != .linear, !layer.isTaken else { return tensor }
        if case .activation = layer.spec {} else if activation == .relu { return tensor }
        let isOfInput = tensor === input
        let made = PlannedActivation(
            plan, activation, tensor, width: layer.output.count,
            needsGradient: isOfInput ? flows[layer.inputs[0]] == true : flows[layer.index] == true)
        made.output.order = tensor.order
        planned.append((activation.name, -1, made))
        return made.output
    }
}
