// BatchTensor: what flows between the layers of a plan, and what a planned layer is.

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
