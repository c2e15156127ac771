// Optimizer: how one step's gradient changes the parameters.
import CPrimitives

/// The update of one step: an optimizer with the numbers of that step.
struct Update {
    let optimizer: OptimizerSpec
    let learningRate: Float
    /// 1 / (1 - beta^t) for Adam's two moments (Kingma & Ba 2015, section 3).
    let correction: (Float, Float)

    /// The update of step `number`, the first being 1.
    init(_ optimizer: OptimizerSpec, learningRate: Float, step number: Int) {
        self.optimizer = optimizer
        self.learningRate = learningRate
        if case .adam(_, let beta1, let beta2, _) = optimizer {
            correction = (Self.inverse(beta1, number), Self.inverse(beta2, number))
        } else {
            correction = (1, 1)
        }
    }

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

    /// Applies `gradient` to `count` values from `offset` on.
    @inline(__always)
    func apply(to parameters: Parameters, offset: Int, count: Int, gradient: UnsafePointer<Float>) {
        let p = parameters.values + offset
        let m = parameters.first + offset
        switch optimizer {
        case .sgd(_, let momentum, let nesterov, let weightDecay):
            wb_sgd_update_f32(count, p, m, gradient, learningRate, momentum, weightDecay, nesterov ? 1 : 0)
        case .adam(_, let beta1, let beta2, let epsilon):
            wb_adam_update_f32(
                count, p, m, parameters.second + offset, gradient, learningRate, beta1, beta2, epsilon, correction.0,
                correction.1)
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
