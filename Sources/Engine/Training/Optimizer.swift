// Optimizer: how one step's gradient changes the parameters.
import CPrimitives

/// The update of one step: an optimizer with the numbers of that step.
struct Update {
    /// What the kernels are told.
    private var numbers: wb_update

    /// The update of step `number`, the first being 1.
    /// - Parameter averageDecay: of the moving average of the weights; 0: none is kept.
    init(_ optimizer: OptimizerSpec, learningRate: Float, step number: Int, averageDecay: Float = 0) {
        numbers = wb_update()
        numbers.rate = learningRate
        numbers.scale = 1
        numbers.c1 = 1
        numbers.c2 = 1
        // As Kingma & Ba average, without a bias to the start: the first steps count more (Tarvainen & Valpola 2017, section 4).
        numbers.average = averageDecay == 0 ? 0 : min(averageDecay, Float(number) / Float(number + 9))
        switch optimizer {
        case .sgd(_, let momentum, let nesterov, let weightDecay):
            numbers.kind = Int32(WB_SGD)
            numbers.beta1 = momentum
            numbers.nesterov = nesterov ? 1 : 0
            numbers.decay = weightDecay
        case .adam(_, let beta1, let beta2, let epsilon):
            adam(beta1, beta2, epsilon, number)
        case .adamW(_, let beta1, let beta2, let epsilon, let weightDecay):
            adam(beta1, beta2, epsilon, number)
            numbers.decay = weightDecay
        case .rmsProp(_, let alpha, let momentum, let epsilon, let weightDecay):
            numbers.kind = Int32(WB_RMSPROP)
            numbers.beta1 = momentum
            numbers.beta2 = alpha
            numbers.epsilon = epsilon
            numbers.decay = weightDecay
        case .adagrad(_, let epsilon, let weightDecay):
            numbers.kind = Int32(WB_ADAGRAD)
            numbers.epsilon = epsilon
            numbers.decay = weightDecay
        }
    }

    private mutating func adam(_ beta1: Float, _ beta2: Float, _ epsilon: Float, _ number: Int) {
        numbers.kind = Int32(WB_ADAM)
        numbers.beta1 = beta1
        numbers.beta2 = beta2
        numbers.epsilon = epsilon
        numbers.c1 = Self.inverse(beta1, number)
        numbers.c2 = Self.inverse(beta2, number)
    }

    /// 1 / (1 - beta^number), Adam's correction of a moment's bias to 0 (Kingma & Ba 2015, section 3).
    private static func inverse(_ beta: Float, _ number: Int) -> Float {
        var power = 1.0
        var base = Double(beta)
        var exponent = number
        while exponent > 0 {
            if exponent & 1 == 1 { power *= base }
            base *= base
            exponent >>= 1
        }
        return Float(1 / (1 - power))
    }

    /// What the gradient is multiplied by before it is applied: clipping by the norm.
    var gradientScale: Float {
        get { numbers.scale }
        set { numbers.scale = newValue }
    }

    /// Applies `gradient` to `count` values from `offset` on.
    @inline(__always)
    func apply(to parameters: Parameters, offset: Int, count: Int, gradient: UnsafePointer<Float>) {
        withUnsafePointer(to: numbers) {
            wb_update_f32(
                count, $0, parameters.values + offset, parameters.first + offset, parameters.second + offset,
                parameters.average.map { $0 + offset }, gradient)
        }
    }
}

/// What a plan needs to know of the step at hand. One place in memory, read by all workers.
struct StepInput {
    /// Seed of the run.
    var seed: UInt64
    /// Number of the step; the first is 1.
    var number: UInt32
    /// Epoch of the step; the first is 1.
    var epoch: UInt32 = 1
    /// Which examples: as many as the plan's batch has.
    var indices: UnsafePointer<Int32>
    /// How many times each of them came in this epoch before; nil: each comes once.
    var turns: UnsafePointer<UInt16>?
    var update: Update
}
