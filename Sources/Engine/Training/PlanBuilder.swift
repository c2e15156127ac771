// PlanBuilder: lays out the buffers of a network and turns its layers into phases of tiles.
import CPrimitives

/// A range of a batch's examples that one tile takes through a chain of layers.
struct Shard {
    let index: Int
    /// First example, and how many.
    let first: Int
    let count: Int
}

/// What flows between two layers for a whole batch, and the gradient that flows back.
final class BatchTensor {
    let values: UnsafeMutablePointer<Float>
    /// Floats of one example, padding included.
    let stride: Int
    /// Nil for vectors.
    let image: ImageLayout?
    /// A flattened image whose features lie as the image did; nil: in plain order.
    var order: ImageLayout?
    /// Values are the output of a ReLU: its gradient passes only where they are positive.
    var isReLU = false
    /// The layer after it has already kept back the gradient of a ReLU where nothing passes.
    var gradientIsMasked = false
    private let examples: Int
    private let arena: Arena
    private var ownGradient: UnsafeMutablePointer<Float>?

    init(_ arena: Arena, examples: Int, stride: Int, image: ImageLayout?, values: UnsafeMutablePointer<Float>? = nil) {
        self.values = values ?? arena.floats(examples * stride)
        self.stride = stride
        self.image = image
        self.examples = examples
        self.arena = arena
    }

    /// Gradient of the values; its memory is taken when it is first asked for.
    var gradient: UnsafeMutablePointer<Float> {
        if let ownGradient { return ownGradient }
        let made = arena.floats(examples * stride)
        ownGradient = made
        return made
    }

    /// From now on the gradient is the same memory as that of `other`.
    func shareGradient(of other: BatchTensor) {
        precondition(ownGradient == nil, "the gradient is in use")
        ownGradient = other.gradient
    }

    func values(_ shard: Shard) -> UnsafeMutablePointer<Float> { values + shard.first * stride }
    func gradient(_ shard: Shard) -> UnsafeMutablePointer<Float> { gradient + shard.first * stride }
}

/// A layer with its buffers. Forward and backward are a pair: backward adds the gradients of what forward computes.
protocol PlannedLayer {
    /// Adds the work that turns the input's values into the output's.
    func forward(_ plan: PlanBuilder)
    /// Adds the work that turns the output's gradient into those of the parameters and, if wanted, of the input.
    func backward(_ plan: PlanBuilder)
}

/// The planned convolutions of a network for one number of examples, and how what each layer gives lies in memory.
final class ConvSet {
    let examples: Int
    /// By layer; depthwise convolutions have none.
    let handles: [Int: ConvHandle]
    /// Layout of the images that a layer gives, by layer; -1 is the network's input.
    let images: [Int: ImageLayout]
    /// Layers that give a flattened image whose features lie as the image did, and how.
    let orders: [Int: ImageLayout]
    let precision: Precision

    /// - Parameter inputGradient: the gradient of the network's input is wanted too.
    init(
        _ network: Network, examples: Int, training: Bool, precision: Precision = .f32, weightsOf: ConvSet? = nil,
        inputGradient: Bool = false
    ) throws(ConvolutionError) {
        self.precision = precision
        self.examples = examples
        var handles: [Int: ConvHandle] = [:]
        var images: [Int: ImageLayout] = [:]
        var orders: [Int: ImageLayout] = [:]
        if case .image(let channels, let height, let width) = network.input {
            images[-1] = ImageLayout(channels: channels, height: height, width: width, block: 1)
        }
        let needsGradient = network.gradientFlows(toInput: inputGradient)
        for layer in network.layers {
            if let order = layer.inputs.first.flatMap({ orders[$0] }), layer.isElementwise {
                orders[layer.index] = order
            }
            guard let input = layer.inputs.first.flatMap({ images[$0] }) else { continue }
            if case .conv(let conv) = layer.spec, !layer.isDepthwise {
                let handle = try ConvHandle(
                    examples: examples, input: input, spec: conv, relu: layer.activation == .relu,
                    backward: !training ? .none : needsGradient[layer.inputs[0]] == true ? .weightsAndInput : .weights,
                    precision: precision, weightsOf: weightsOf?.handles[layer.index])
                handles[layer.index] = handle
                images[layer.index] = handle.output
            } else if case .image(let channels, let height, let width) = layer.output {
                images[layer.index] = ImageLayout(channels: channels, height: height, width: width, block: input.block)
            } else if layer.spec == .flatten, input.stride % featurePad == 0, network.takesAnyOrder(layer.index) {
                orders[layer.index] = input
            }
        }
        self.handles = handles
        self.images = images
        self.orders = orders
    }
}

extension NetworkLayer {
    /// A convolution of each channel by itself.
    var isDepthwise: Bool {
        if case .conv(let conv) = spec, conv.groups > 1, case .image(let channels, _, _) = input {
            return conv.groups == channels && conv.filters == channels
        }
        return false
    }

    /// Works value by value, in whatever order they lie.
    var isElementwise: Bool {
        switch spec {
        case .activation(.softmax): false
        case .activation, .dropout: true
        default: false
        }
    }
}

extension Network {
    /// The max pool of 2x2 windows that alone takes what the convolution `layer` gives, perhaps by way of its ReLU.
    func pool(after layer: NetworkLayer) -> NetworkLayer? {
        guard case .conv = layer.spec, !layer.isDepthwise, [.linear, .relu].contains(layer.activation) else {
            return nil
        }
        var follower = layer
        repeat {
            let takers = layers.filter { $0.inputs.contains(follower.index) }
            guard takers.count == 1 else { return nil }
            follower = takers[0]
        } while follower.isTaken
        return follower.spec == .maxPool(size: 2, stride: 2) ? follower : nil
    }

    /// Whether each tensor's gradient is wanted, by the layer that gives it: some parameter lies at it or before it.
    func gradientFlows(toInput: Bool) -> [Int: Bool] {
        var flows = [-1: toInput]
        for layer in layers {
            flows[layer.index] = layer.parameterCount > 0 || layer.inputs.contains { flows[$0] == true }
        }
        return flows
    }

    /// Whether all that look at the output of layer `index` are dense layers, whose weights can lie in any order.
    func takesAnyOrder(_ index: Int) -> Bool {
        let consumers = layers.filter { $0.inputs.contains(index) }
        return !consumers.isEmpty
            && consumers.allSatisfy { layer in
                if case .dense = layer.spec { return true }
                return layer.isElementwise && takesAnyOrder(layer.index)
            }
    }
}

/// Collects the tiles of a plan. Work that one shard does after another is chained into one tile; a phase ends where
/// shards must wait for each other.
final class PlanBuilder {
    let network: Network
    let parameters: Parameters
    let arena = Arena()
    let shards: [Shard]
    let examples: Int
    /// With backward passes, dropout and gradients; without: forward only.
    let training: Bool
    /// The norm of the gradient must be known before any of it is applied.
    let clips: Bool
    /// Sums of squares of gradients that are not summed over shards, one a tile, in order.
    private(set) var squares: [UnsafeMutablePointer<Double>] = []
    /// What the tiles that are added now belong to.
    var part = StepPart.forward
    /// The numbers of the step at hand; nil in inference.
    let step: UnsafeMutablePointer<StepInput>?
    /// For each shard, 1 when what it computed is finite.
    let shardIsFinite: UnsafeMutablePointer<Int32>
    /// Gradients of the sharded parameters, one array a shard.
    let shardGradients: UnsafeMutablePointer<Float>
    private(set) var scratchBytes = 64
    private(set) var transientBytes = 0
    private(set) var phases: [Phase] = []
    /// Tiles that run when the whole step is known to be finite.
    private(set) var updates: [Tile] = []
    private var chains: [[(part: StepPart, tile: Tile)]]
    private let convSets: (Int) -> ConvSet
    private var repacked: [Int: UnsafeMutablePointer<Float>] = [:]
    private var repacks: [Tile] = []
    private var rounded: [Int: UnsafeMutablePointer<Float>] = [:]

    init(
        _ parameters: Parameters, shards: [Shard], training: Bool, clips: Bool = false,
        step: UnsafeMutablePointer<StepInput>?, convSets: @escaping (Int) -> ConvSet
    ) {
        network = parameters.network
        self.parameters = parameters
        self.shards = shards
        self.training = training
        self.clips = clips
        self.step = step
        self.convSets = convSets
        examples = shards.reduce(0) { $0 + $1.count }
        chains = Array(repeating: [], count: shards.count)
        shardIsFinite = arena.allocate(shards.count)
        shardGradients = training ? arena.floats(shards.count * parameters.shardedCount) : arena.floats(0)
    }

    /// Appends work to every shard's chain.
    func perShard(_ make: (Shard) -> Tile) {
        for shard in shards { chains[shard.index].append((part, make(shard))) }
    }

    /// Ends the shards' chains and adds a phase of other tiles.
    func phase(_ tiles: [Tile]) {
        flush()
        phases.append(Phase(tiles.map { Self.timed(part, $0) }))
    }

    /// Makes the shards' chains so far a phase.
    func flush() {
        guard chains.contains(where: { !$0.isEmpty }) else { return }
        phases.append(Phase(chains.map(Self.chain)))
        chains = Array(repeating: [], count: shards.count)
    }

    /// The chains since the last phase, one tile a shard, and forgets them.
    func takeChains() -> [Tile] {
        defer { chains = Array(repeating: [], count: shards.count) }
        return chains.map(Self.chain)
    }

    /// Tiles one after another, their time taken where the part of the step changes.
    private static func chain(_ links: [(part: StepPart, tile: Tile)]) -> Tile {
        var runs: [(part: StepPart, tiles: [Tile])] = []
        for link in links {
            if runs.last?.part == link.part {
                runs[runs.count - 1].tiles.append(link.tile)
            } else {
                runs.append((link.part, [link.tile]))
            }
        }
        let timed = runs.map { run in
            run.tiles.count == 1
                ? Self.timed(run.part, run.tiles[0])
                : Self.timed(run.part) { worker in for tile in run.tiles { tile(worker) } }
        }
        return timed.count == 1 ? timed[0] : { worker in for tile in timed { tile(worker) } }
    }

    private static func timed(_ part: StepPart, _ tile: @escaping Tile) -> Tile {
        { worker in
            guard let times = worker.times else { return tile(worker) }
            let began = wb_clock_ns()
            tile(worker)
            times[part.rawValue] += wb_clock_ns() - began
        }
    }

    /// A place for the sum of squares of a gradient that no other tile sums.
    func squareSum() -> UnsafeMutablePointer<Double> {
        let place = arena.allocate(1, of: Double.self)
        squares.append(place)
        return place
    }

    /// Adds tiles to the last phase, which runs only when the step is finite.
    func update(_ tiles: [Tile]) { updates += tiles.map { Self.timed(.update, $0) } }

    /// Asks that every worker have at least this much scratch.
    func needScratch(bytes: Int) { scratchBytes = max(scratchBytes, bytes) }

    /// Asks that every worker have at least this much transient memory.
    func needTransient(bytes: Int) { transientBytes = max(transientBytes, bytes) }

    /// The planned convolution of `layer` for a shard.
    func convolution(_ layer: NetworkLayer, _ shard: Shard) -> ConvHandle {
        guard let conv = convSets(shard.count).handles[layer.index] else {
            preconditionFailure("layer \(layer.index) is no convolution")
        }
        needScratch(bytes: Int(wb_conv_scratch_bytes(conv.pointer)))
        return conv
    }

    /// How the flattened images that `layer` gives lie; nil: in plain order.
    func order(_ layer: NetworkLayer) -> ImageLayout? { convSets(shards[0].count).orders[layer.index] }

    /// Weights in the layout that forward or backward of `conv` wants: the stored ones, or a copy made at the plan's start.
    func convolutionWeights(_ conv: ConvHandle, _ slot: ParameterSlot, backward: Bool) -> UnsafeMutablePointer<Float> {
        let stored = parameters.values + slot.offset
        let floats = Int(
            backward ? wb_conv_backward_weights_floats(conv.pointer) : wb_conv_forward_weights_floats(conv.pointer))
        guard floats > 0 else { return stored }
        let key = ObjectIdentifier(conv).hashValue ^ (backward ? 1 : 0)
        if let copy = repacked[key] { return copy }
        let copy = arena.floats(floats)
        let call =
            backward
            ? wb_conv_bind_backward_repack(conv.pointer, stored, copy)
            : wb_conv_bind_forward_repack(conv.pointer, stored, copy)
        guard let call else { preconditionFailure("no reorder of the weights of \(slot.shape.name)") }
        let bound = BoundCall(call)
        repacks.append { bound.run($0) }
        repacked[key] = copy
        return copy
    }

    /// What convolutions and dense layers multiply.
    var precision: Precision { convSets(shards[0].count).precision }

    /// Weights of a dense layer as it multiplies with them: the stored ones, or copies rounded at the plan's start.
    func denseWeights(_ slot: ParameterSlot) -> UnsafeMutablePointer<Float> {
        let stored = parameters.values + slot.offset
        guard precision == .bf16 else { return stored }
        if let copy = rounded[slot.offset] { return copy }
        let copy = arena.floats(slot.length)
        let piece = 65536
        for first in stride(from: 0, to: slot.length, by: piece) {
            let count = min(piece, slot.length - first)
            before { _ in wb_round_bf16_f32(count, stored + first, copy + first) }
        }
        rounded[slot.offset] = copy
        return copy
    }

    /// Gradient of a sharded parameter for one shard.
    func gradient(_ slot: ParameterSlot, _ shard: Shard) -> UnsafeMutablePointer<Float> {
        precondition(!slot.isWide, "\(slot.shape.name) has no gradient by shards")
        return shardGradients + shard.index * parameters.shardedCount + slot.offset
    }

    /// Everything that runs before the first phase: copies of weights in other layouts.
    var prologue: [Phase] { repacks.isEmpty ? [] : [Phase(repacks)] }

    /// Adds a tile that runs before the first phase.
    func before(_ tile: @escaping Tile) { repacks.append(tile) }

    func activation(stride: Int, image: ImageLayout? = nil) -> BatchTensor {
        BatchTensor(arena, examples: examples, stride: stride, image: image)
    }

    /// The values of `tensor` with a gradient of its own.
    func view(of tensor: BatchTensor) -> BatchTensor {
        let view = BatchTensor(
            arena, examples: examples, stride: tensor.stride, image: tensor.image, values: tensor.values)
        view.order = tensor.order
        return view
    }

    /// The same values, described otherwise.
    func relabel(_ tensor: BatchTensor, order: ImageLayout) -> BatchTensor {
        let view = BatchTensor(arena, examples: examples, stride: tensor.stride, image: nil, values: tensor.values)
        view.order = order
        if training { view.shareGradient(of: tensor) }
        return view
    }

    /// Plans the network's layers between `input` and the logits. What no parameter lies before needs no gradient.
    func layers(from input: BatchTensor, inputGradient: Bool = false)
        -> (layers: [any PlannedLayer], logits: BatchTensor)
    {
        let named = namedLayers(from: input, inputGradient: inputGradient)
        return (named.layers.map(\.layer), named.logits)
    }

    /// As ``layers(from:inputGradient:)``, each with the name of what it computes and the index of its layer (-1: none).
    func namedLayers(from input: BatchTensor, inputGradient: Bool = false)
        -> (layers: [(name: String, index: Int, layer: any PlannedLayer)], logits: BatchTensor)
    {
        var line = LayerLine(self, input: input, inputGradient: inputGradient)
        for layer in network.layers { line.append(layer) }
        return (line.planned, line.last)
    }
}

/// Planned layers in the network's order, and the tensors between them.
private struct LayerLine {
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
