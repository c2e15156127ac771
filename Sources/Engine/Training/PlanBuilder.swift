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
    let gradient: UnsafeMutablePointer<Float>
    /// Floats of one example, padding included.
    let stride: Int
    /// Nil for vectors.
    let image: ImageLayout?
    /// Values are the output of a ReLU: its gradient passes only where they are positive.
    var isReLU = false
    /// The layer after it has already kept back the gradient of a ReLU where nothing passes.
    var gradientIsMasked = false

    init(_ arena: Arena, examples: Int, stride: Int, image: ImageLayout?, backward: Bool) {
        values = arena.floats(examples * stride)
        gradient = backward ? arena.floats(examples * stride) : values
        self.stride = stride
        self.image = image
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

/// The planned convolutions of a network for one number of examples, by layer, and where images lie between the layers.
final class ConvSet {
    let examples: Int
    let handles: [Int: ConvHandle]
    /// Layout of the input of each layer that gets images, by layer.
    let inputs: [Int: ImageLayout]

    /// - Parameter inputGradient: the gradient of the network's input is wanted too.
    init(
        _ network: Network, examples: Int, training: Bool, weightsOf: ConvSet? = nil, inputGradient: Bool = false
    ) throws(ConvolutionError) {
        self.examples = examples
        var handles: [Int: ConvHandle] = [:]
        var inputs: [Int: ImageLayout] = [:]
        var layout: ImageLayout?
        if case .image(let channels, let height, let width) = network.input {
            layout = ImageLayout(channels: channels, height: height, width: width, block: 1)
        }
        var hasParametersBefore = inputGradient
        for layer in network.layers {
            guard let input = layout, case .image(let channels, let height, let width) = layer.input else { break }
            precondition((input.channels, input.height, input.width) == (channels, height, width))
            inputs[layer.index] = input
            if case .conv(let filters, let kernel, let stride, let padding, let activation) = layer.spec {
                let conv = try ConvHandle(
                    examples: examples, input: input, filters: filters, kernel: kernel, stride: stride,
                    padding: padding, relu: activation == .relu,
                    backward: !training ? .none : hasParametersBefore ? .weightsAndInput : .weights,
                    weightsOf: weightsOf?.handles[layer.index])
                handles[layer.index] = conv
                layout = conv.output
                hasParametersBefore = true
            } else if case .image(let channels, let height, let width) = layer.output {
                layout = ImageLayout(channels: channels, height: height, width: width, block: input.block)
            }
        }
        self.handles = handles
        self.inputs = inputs
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
    /// The numbers of the step at hand; nil in inference.
    let step: UnsafeMutablePointer<StepInput>?
    /// For each shard, 1 when what it computed is finite.
    let shardIsFinite: UnsafeMutablePointer<Int32>
    /// Gradients of the sharded parameters, one array a shard.
    let shardGradients: UnsafeMutablePointer<Float>
    private(set) var scratchBytes = 64
    private(set) var phases: [Phase] = []
    /// Tiles that run when the whole step is known to be finite.
    private(set) var updates: [Tile] = []
    private var chains: [[Tile]]
    private let convSets: (Int) -> ConvSet
    private var repacked: [Int: UnsafeMutablePointer<Float>] = [:]
    private var repacks: [Tile] = []

    init(
        _ parameters: Parameters, shards: [Shard], training: Bool, step: UnsafeMutablePointer<StepInput>?,
        convSets: @escaping (Int) -> ConvSet
    ) {
        network = parameters.network
        self.parameters = parameters
        self.shards = shards
        self.training = training
        self.step = step
        self.convSets = convSets
        examples = shards.reduce(0) { $0 + $1.count }
        chains = Array(repeating: [], count: shards.count)
        shardIsFinite = arena.allocate(shards.count)
        shardGradients = training ? arena.floats(shards.count * parameters.shardedCount) : arena.floats(0)
    }

    /// Appends work to every shard's chain.
    func perShard(_ make: (Shard) -> Tile) {
        for shard in shards { chains[shard.index].append(make(shard)) }
    }

    /// Ends the shards' chains and adds a phase of other tiles.
    func phase(_ tiles: [Tile]) {
        flush()
        phases.append(Phase(tiles))
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

    private static func chain(_ tiles: [Tile]) -> Tile {
        tiles.count == 1 ? tiles[0] : { worker in for tile in tiles { tile(worker) } }
    }

    /// Adds tiles to the last phase, which runs only when the step is finite.
    func update(_ tiles: [Tile]) { updates += tiles }

    /// Asks that every worker have at least this much scratch.
    func needScratch(bytes: Int) { scratchBytes = max(scratchBytes, bytes) }

    /// The planned convolution of `layer` for a shard.
    func convolution(_ layer: NetworkLayer, _ shard: Shard) -> ConvHandle {
        guard let conv = convSets(shard.count).handles[layer.index] else {
            preconditionFailure("layer \(layer.index) is no convolution")
        }
        needScratch(bytes: Int(wb_conv_scratch_bytes(conv.pointer)))
        return conv
    }

    /// Layout of the images that reach `layer`.
    func imageLayout(_ layer: NetworkLayer) -> ImageLayout {
        guard let layout = convSets(shards[0].count).inputs[layer.index] else {
            preconditionFailure("layer \(layer.index) gets no images")
        }
        return layout
    }

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

    /// Gradient of a sharded parameter for one shard.
    func gradient(_ slot: ParameterSlot, _ shard: Shard) -> UnsafeMutablePointer<Float> {
        precondition(!slot.isWide, "\(slot.shape.name) has no gradient by shards")
        return shardGradients + shard.index * parameters.shardedCount + slot.offset
    }

    /// Everything that runs before the first phase: copies of weights in other layouts.
    var prologue: [Phase] { repacks.isEmpty ? [] : [Phase(repacks)] }

    func activation(stride: Int, image: ImageLayout? = nil) -> BatchTensor {
        BatchTensor(arena, examples: examples, stride: stride, image: image, backward: training)
    }

    /// Plans the network's layers between `input` and the logits. Layers before the first one with parameters need no gradient.
    func layers(from input: BatchTensor, inputGradient: Bool = false)
        -> (layers: [any PlannedLayer], logits: BatchTensor)
    {
        var planned: [any PlannedLayer] = []
        var current = input
        var needsGradient = inputGradient
        for layer in network.layers {
            let next: any PlannedLayer
            switch layer.spec {
            case .conv(_, _, _, _, let activation):
                let made = PlannedConvolution(
                    self, layer, current, relu: activation == .relu, needsGradient: needsGradient)
                (next, current) = (made, made.output)
                needsGradient = true
            case .maxPool(let size, let stride):
                let made = PlannedMaxPool(
                    self, layer, current, size: size, stride: stride, needsGradient: needsGradient)
                (next, current) = (made, made.output)
            case .flatten:
                let made = PlannedFlatten(self, layer, current, needsGradient: needsGradient)
                (next, current) = (made, made.output)
            case .dense(_, let activation):
                let isWide = training && parameters.slot(layer, 0).isWide
                if isWide {
                    let made = PlannedWideDense(
                        self, layer, current, relu: activation == .relu, needsGradient: needsGradient)
                    (next, current) = (made, made.output)
                } else {
                    let made = PlannedDense(
                        self, layer, current, relu: activation == .relu, needsGradient: needsGradient)
                    (next, current) = (made, made.output)
                }
                needsGradient = true
            case .activation(.linear): continue
            case .activation(.relu):
                let made = PlannedReLU(self, current, needsGradient: needsGradient)
                (next, current) = (made, made.output)
            case .dropout(let rate):
                guard training, rate > 0 else { continue }
                let made = PlannedDropout(self, layer, current, rate: rate, needsGradient: needsGradient)
                (next, current) = (made, made.output)
            }
            planned.append(next)
        }
        return (planned, current)
    }
}
