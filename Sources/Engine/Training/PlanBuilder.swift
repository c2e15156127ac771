// PlanBuilder: collects the tiles of a plan, its buffers and its copies of weights.
import CPrimitives

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
