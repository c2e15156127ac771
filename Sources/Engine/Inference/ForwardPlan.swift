// ForwardPlan: a forward graph with its buffers, run over tiles of examples, or over pieces of one.
import CPrimitives
import Glibc

/// Work on the examples of one slot.
struct ForwardStep {
    /// The node that it belongs to.
    var node: Int
    /// Pieces that one example can be cut into, each by itself; 1: it stays whole.
    var parts = 1
    /// Multiply-adds an example, of what can be cut.
    var cost = 0
    /// Runs pieces `parts` of the first `count` examples of the slot at `base`.
    var run: (_ base: UnsafeMutableRawPointer, _ count: Int, _ parts: Range<Int>) -> Void
}

/// Collects steps and places in a slot's memory.
final class ForwardBuilder {
    let tileSize: Int
    let arena: Arena
    fileprivate(set) var steps: [ForwardStep] = []
    fileprivate(set) var slotBytes = 0
    /// Values that places of a slot hold before anything is computed.
    fileprivate(set) var fills: [(offset: Int, bytes: Int, value: UInt8)] = []

    /// - Parameter arena: keeps what steps read.
    init(tileSize: Int, arena: Arena) {
        self.tileSize = tileSize
        self.arena = arena
    }

    /// A place for `bytes` an example, for all examples of a tile; windows may be read a little past the last one.
    func place(_ bytes: Int, value: UInt8 = 0) -> Int {
        let offset = slotBytes
        let size = (bytes * tileSize + 64 + 63) / 64 * 64
        slotBytes += size
        if value != 0 { fills.append((offset, size, value)) }
        return offset
    }

    func append(_ step: ForwardStep) { steps.append(step) }

    /// A copy of `values` that steps can read.
    func keep<Value>(_ values: [Value]) -> UnsafeMutablePointer<Value> {
        let copy = arena.allocate(values.count, of: Value.self)
        values.withUnsafeBufferPointer { if let from = $0.baseAddress { copy.update(from: from, count: $0.count) } }
        return copy
    }
}

/// Runs the steps of a graph with a team. An example's result depends neither on the others of its tile nor on who computes it.
final class ForwardPlan {
    private let steps: [ForwardStep]
    private let tileSize: Int
    private let arena: Arena
    private let team: Team
    private let slots: [UnsafeMutableRawPointer]
    let inputOffset: Int
    let inputStride: Int
    /// Of the logits, which are floats.
    let outputOffset: Int
    let outputStride: Int

    /// A step of one example costs at least so many multiply-adds of floats where it is shared; less is done before a helper
    /// has it.
    private static let worthSharing = 500_000
    /// Bytes of a slot that stay near its worker, and examples that share a pass over a dense layer's weights.
    private static let slotBytes = 768 << 10
    static let tileSizes = 8...96

    /// Examples a tile, where one takes `bytes`.
    static func tileSize(bytes: Int) -> Int {
        min(max(slotBytes / max(1, bytes), tileSizes.lowerBound), tileSizes.upperBound)
    }

    init(
        _ builder: ForwardBuilder, inputOffset: Int, inputStride: Int, outputOffset: Int, outputStride: Int,
        workers: Int
    ) {
        steps = builder.steps
        tileSize = builder.tileSize
        arena = builder.arena
        self.inputOffset = inputOffset
        self.inputStride = inputStride
        self.outputOffset = outputOffset
        self.outputStride = outputStride
        let memory = builder.arena
        slots = (0..<workers).map { _ in
            let slot = UnsafeMutableRawPointer(memory.allocate(builder.slotBytes, of: UInt8.self))
            for fill in builder.fills { memset(slot + fill.offset, Int32(fill.value), fill.bytes) }
            return slot
        }
        team = Team(workers: workers, scratchBytes: 64)
    }

    /// Made when one example is worth sharing.
    private var crew: Crew?

    deinit {
        team.end()
        crew?.end()
    }

    /// Makes example `index` of those that are asked about at `place`, as the first step takes it.
    typealias Maker = (_ index: Int, _ place: UnsafeMutableRawPointer) -> Void
    /// Takes the logits of examples `range`, rows ``outputStride`` floats apart.
    typealias Taker = (_ range: Range<Int>, _ logits: UnsafeMutablePointer<Float>) -> Void

    /// Runs the network over `count` examples.
    func run(_ count: Int, make: @escaping Maker, take: @escaping Taker) {
        if count == 1 { return runOne(make: make, take: take) }
        // Tiles of even size, as many for each worker.
        let rounds = max(1, (count + slots.count * tileSize - 1) / (slots.count * tileSize))
        let size = max(1, (count + slots.count * rounds - 1) / (slots.count * rounds))
        let tiles = stride(from: 0, to: count, by: size).map { first -> Tile in
            { [self] worker in tile(first..<min(first + size, count), slots[worker.index], make, take) }
        }
        team.run([Phase(tiles)])
    }

    private func tile(_ range: Range<Int>, _ slot: UnsafeMutableRawPointer, _ make: Maker, _ take: Taker) {
        for index in range { make(index, slot + inputOffset + (index - range.lowerBound) * inputStride) }
        for step in steps { step.run(slot, range.count, 0..<step.parts) }
        take(range, (slot + outputOffset).assumingMemoryBound(to: Float.self))
    }

    /// One example, whose large steps are shared with helpers.
    private func runOne(make: Maker, take: Taker) {
        wb_thread_prepare()
        let slot = slots[0]
        guard slots.count > 1, steps.contains(where: { pieces($0) > 1 }) else {
            return tile(0..<1, slot, make, take)
        }
        let crew = crew ?? Crew(helpers: slots.count - 1)
        self.crew = crew
        make(0, slot + inputOffset)
        for step in steps {
            let pieces = pieces(step)
            guard pieces > 1 else {
                step.run(slot, 1, 0..<step.parts)
                continue
            }
            crew.run(pieces) { piece in
                step.run(slot, 1, step.parts * piece / pieces..<step.parts * (piece + 1) / pieces)
            }
        }
        take(0..<1, (slot + outputOffset).assumingMemoryBound(to: Float.self))
    }

    /// Pieces that a step of one example is cut into.
    private func pieces(_ step: ForwardStep) -> Int {
        step.cost >= Self.worthSharing ? min(step.parts, slots.count) : 1
    }

    /// Runs one tile on this thread and shows what each node gave of `count` examples, first the input (-1).
    func observe(
        _ count: Int, make: Maker, outputs: [Int], see: (_ node: Int, _ values: UnsafeMutableRawPointer) -> Void
    ) {
        wb_thread_prepare()
        let slot = slots[0]
        for index in 0..<count { make(index, slot + inputOffset + index * inputStride) }
        see(-1, slot + inputOffset)
        var shown = 0
        // A node may have several steps, or none where it only names what another gave.
        func show(before node: Int) {
            while shown < node {
                see(shown, slot + outputs[shown])
                shown += 1
            }
        }
        for step in steps {
            show(before: step.node)
            step.run(slot, count, 0..<step.parts)
        }
        show(before: outputs.count)
    }
}
