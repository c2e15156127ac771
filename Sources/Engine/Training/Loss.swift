// Loss: what a step makes small, of a range of a batch, with its gradient.
import CPrimitives

/// A loss with what it needs to know of the data.
struct Loss {
    let spec: LossSpec
    /// Values that the network gives for an example.
    let outputs: Int
    /// One number a class; nil: all count alike.
    let classWeights: UnsafeMutablePointer<Float>?

    /// Values of a prediction: a probability a class, or the predicted numbers.
    var predictions: Int { if case .binaryCrossEntropy = spec { 2 } else { outputs } }

    /// What a range of examples brings in and gets out.
    struct Rows {
        var count: Int
        var logits: UnsafeMutablePointer<Float>
        /// Floats between two rows of logits.
        var stride: Int
        var labels: UnsafePointer<Int32>?
        /// Labels of what was mixed in, and how much the first label counts; nil: nothing was.
        var second: UnsafePointer<Int32>?
        var mix: UnsafePointer<Float>?
        /// (examples, outputs), where targets are numbers.
        var targets: UnsafePointer<Float>?
        var losses: UnsafeMutablePointer<Double>
        var hits: UnsafeMutablePointer<Int32>?
        var gradient: UnsafeMutablePointer<Float>?
        var predictions: UnsafeMutablePointer<Float>?
        /// Multiplies each example's loss and gradient; nil: 1.
        var weights: UnsafePointer<Float>?
    }

    /// Losses of `rows`, and, multiplied by `scale`, their gradients.
    func compute(_ rows: Rows, scale: Float) {
        let (n, stride) = (Int32(rows.count), Int32(rows.stride))
        switch spec {
        case .softmaxCrossEntropy(let smoothing):
            // Evaluation looks at the labels as they are.
            wb_softmax_cross_entropy_f32(
                n, Int32(outputs), stride, rows.logits, rows.labels, rows.second, rows.mix,
                rows.gradient == nil ? 0 : smoothing, rows.weights, scale, rows.losses, rows.hits, rows.gradient,
                rows.predictions)
        case .binaryCrossEntropy:
            wb_sigmoid_cross_entropy_f32(
                n, stride, rows.logits, rows.labels, rows.second, rows.mix, rows.weights, scale, rows.losses, rows.hits,
                rows.gradient,
                rows.predictions)
        case .meanSquaredError: regression(rows, delta: 0, scale: scale)
        case .huber(let delta): regression(rows, delta: delta, scale: scale)
        }
    }

    private func regression(_ rows: Rows, delta: Float, scale: Float) {
        wb_regression_loss_f32(
            Int32(rows.count), Int32(outputs), Int32(rows.stride), rows.logits, rows.targets, delta, rows.weights,
            scale,
            rows.losses, rows.gradient, rows.predictions)
        for i in 0..<rows.count { rows.hits?[i] = 0 }
    }

    /// Weights of the examples `shard` of a batch, such that the mean over the batch is the weighted mean. Of two labels
    /// that were mixed each counts its share.
    func weigh(
        _ shard: Shard, of examples: Int, labels: UnsafePointer<Int32>, second: UnsafePointer<Int32>?,
        mix: UnsafePointer<Float>?, into weights: UnsafeMutablePointer<Float>
    ) {
        guard let classWeights else { return }
        func weight(_ i: Int) -> Double {
            let first = Double(classWeights[Int(labels[i])])
            guard let second, let mix else { return first }
            return Double(mix[i]) * first + (1 - Double(mix[i])) * Double(classWeights[Int(second[i])])
        }
        var sum = 0.0
        for i in 0..<examples { sum += weight(i) }
        let scale = sum > 0 ? Double(examples) / sum : 0
        for i in shard.first..<(shard.first + shard.count) { weights[i] = Float(weight(i) * scale) }
    }
}
