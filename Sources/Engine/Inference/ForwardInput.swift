// ForwardInput: prepared examples on their way into a forward plan, and what comes out on its way to an Inference.
import CPrimitives

/// Puts prepared examples where the first step of a plan looks for them.
struct ForwardInput {
    enum Numbers {
        case floats
        /// `tables`: for each channel what its bytes become; nil: themselves.
        case bytes(Affine, tables: UnsafeMutablePointer<UInt8>?)
    }
    let tensor: ForwardTensor
    let numbers: Numbers
    /// Images: a byte times `scale` plus `shift`, by channel.
    let scale: UnsafeMutablePointer<Float>
    let shift: UnsafeMutablePointer<Float>
    /// Keeps `scale`, `shift` and the tables.
    let arena: Arena

    init(_ tensor: ForwardTensor, _ numbers: Numbers, like examples: PreparedExamples, arena: Arena) {
        self.tensor = tensor
        self.numbers = numbers
        self.arena = arena
        scale = arena.floats(examples.scale.count)
        shift = arena.floats(examples.shift.count)
        for channel in examples.scale.indices {
            scale[channel] = examples.scale[channel]
            shift[channel] = examples.shift[channel]
        }
    }

    /// Bytes of an example.
    var stride: Int { if case .floats = numbers { tensor.stride * 4 } else { tensor.stride } }

    /// An image (channels, height, width).
    func place(_ pixels: UnsafePointer<UInt8>, at place: UnsafeMutableRawPointer) {
        guard let layout = tensor.order else { preconditionFailure("pixels are images") }
        let (plane, block) = (layout.height * layout.width, layout.block)
        // A block holds all channels, or each of its blocks one.
        precondition(block == 1 || layout.blocks == 1, "more than one block of pixels")
        let channels = Int32(layout.channels)
        switch numbers {
        case .floats:
            wb_interleave_f32(
                channels, Int32(plane), Int32(block), pixels, scale, shift, place.assumingMemoryBound(to: Float.self))
        case .bytes(_, let tables):
            wb_interleave_u8(
                channels, Int32(plane), Int32(block), pixels, tables, place.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// A row of features.
    func place(_ row: UnsafePointer<Float>, at place: UnsafeMutableRawPointer) {
        let count = tensor.shape.count
        switch numbers {
        case .floats: place.assumingMemoryBound(to: Float.self).update(from: row, count: count)
        case .bytes(let affine, _):
            wb_quantize_u8(count, row, 1 / affine.scale, affine.zero, place.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// Calls `body` with what makes examples `indices` of `data`.
    /// - Throws: ``ExampleError`` when a streamed example can't be decoded.
    func withMaker(_ data: PreparedExamples, _ indices: [Int32], _ body: (@escaping ForwardPlan.Maker) -> Void) throws {
        precondition(data.shape == tensor.shape, "examples of \(data.shape) for a network that takes \(tensor.shape)")
        let size = tensor.shape.count
        switch data.features {
        case .bytes(let values):
            values.withUnsafeBufferPointer { values in
                guard let base = values.baseAddress else { return }
                body { index, to in place(base + Int(indices[index]) * size, at: to) }
            }
        case .floats(let values):
            values.withUnsafeBufferPointer { values in
                guard let base = values.baseAddress else { return }
                body { index, to in place(base + Int(indices[index]) * size, at: to) }
            }
        case .streamed:
            let store = ExampleStore(data)
            body { index, to in store.withPixels(indices[index]) { place($0, at: to) } }
            if let failure = store.failure { throw failure }
        }
    }
}

/// A planned network with its loss: what predicts.
struct ForwardPredictor {
    let plan: ForwardPlan
    let input: ForwardInput
    let loss: Loss

    func infer(_ data: PreparedExamples, _ wanted: [Int32]?) throws -> Inference {
        let indices = wanted ?? Array(Int32(0)..<Int32(data.count))
        let labels = indices.map { data.labels[Int($0)] }
        var result = Inference(
            probabilities: Array(repeating: 0, count: indices.count * loss.predictions),
            losses: Array(repeating: 0, count: indices.count), hits: [], labels: labels)
        guard !indices.isEmpty else { return result }
        func gathered(_ values: [Float]?) -> [Float]? {
            values.map { values in
                indices.flatMap { values[Int($0) * loss.outputs..<(Int($0) + 1) * loss.outputs] }
            }
        }
        var hits = [Int32](repeating: 0, count: indices.count)
        let targets = gathered(loss.spec.isRegression ? data.targets : nil)
        let predictions = loss.predictions
        try result.probabilities.withUnsafeMutableBufferPointer { probabilities in
            try result.losses.withUnsafeMutableBufferPointer { losses in
                try hits.withUnsafeMutableBufferPointer { hits in
                    try labels.withUnsafeBufferPointer { labels in
                        guard let probabilities = probabilities.baseAddress, let losses = losses.baseAddress,
                            let hits = hits.baseAddress, let labels = labels.baseAddress
                        else { return }
                        func run(_ targets: UnsafePointer<Float>?) throws {
                            try input.withMaker(data, indices) { make in
                                plan.run(indices.count, make: make) { range, logits in
                                    let first = range.lowerBound
                                    loss.compute(
                                        Loss.Rows(
                                            count: range.count, logits: logits, stride: plan.outputStride,
                                            labels: labels + first, targets: targets.map { $0 + first * loss.outputs },
                                            losses: losses + first, hits: hits + first, gradient: nil,
                                            predictions: probabilities + first * predictions, weights: nil),
                                        scale: 1)
                                }
                            }
                        }
                        if let targets {
                            try targets.withUnsafeBufferPointer { try run($0.baseAddress) }
                        } else {
                            try run(nil)
                        }
                    }
                }
            }
        }
        guard loss.spec.isRegression else {
            result.hits = hits.map { $0 != 0 }
            return result
        }
        if let scaling = data.targetScaling {
            result.probabilities = result.probabilities.map { scaling.restored($0) }
        }
        result.targets = gathered(data.truth) ?? []
        return result
    }
}
