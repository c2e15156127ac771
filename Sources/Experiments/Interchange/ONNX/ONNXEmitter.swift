// ONNXEmitter: pieces of a traced graph, brought into the order and the form of our layers.
import Engine

/// A layer with its arrays, in the order of the network's parameters.
private struct Emitted {
    var spec: LayerSpec
    var arrays: [[Float]]
    /// The piece that it is, where nothing else takes what that gives.
    var isAlone = true
}

/// Turns pieces into layers.
struct ONNXEmitter {
    let pieces: [ONNXPiece]
    let path: String
    private var takers: [Int] = []

    init(pieces: [ONNXPiece], path: String) {
        self.pieces = pieces
        self.path = path
        takers = Array(repeating: 0, count: pieces.count)
        for piece in pieces { for input in piece.inputs { takers[input] += 1 } }
    }

    /// A step of the chain from a piece to a later one.
    indirect enum Step {
        case piece(Int)
        case residual([Step], shortcut: [Step], sum: Int)
    }

    /// The piece that all ways to `index` come through last before it.
    private func source(_ index: Int) throws(ONNXError) -> Int {
        let piece = pieces[index]
        guard case .add = piece.kind else { return piece.inputs.first ?? -1 }
        var seen: Set<Int> = []
        var at = piece.inputs[0]
        while at >= 0 {
            seen.insert(at)
            at = try source(at)
        }
        at = piece.inputs[1]
        while at >= 0, !seen.contains(at) { at = try source(at) }
        guard at >= 0 else { throw .unsupported(path: path, node: piece.node, reason: "its branches do not meet") }
        return at
    }

    /// The steps from `start` (not among them) to `end`.
    mutating func chain(to end: Int, from start: Int) throws(ONNXError) -> [Step] {
        var steps: [Step] = []
        var at = end
        while at != start {
            guard at > start else {
                throw .unsupported(path: path, node: pieces[max(end, 0)].node, reason: "its branches do not meet")
            }
            if case .add = pieces[at].kind {
                let common = try source(at)
                let (a, b) = (pieces[at].inputs[0], pieces[at].inputs[1])
                let (first, second) = (try chain(to: a, from: common), try chain(to: b, from: common))
                let (branch, shortcut) = first.count >= second.count ? (first, second) : (second, first)
                steps.append(.residual(branch, shortcut: shortcut, sum: at))
                at = common
            } else {
                steps.append(.piece(at))
                at = pieces[at].inputs[0]
            }
        }
        return steps.reversed()
    }

    /// Their layers, and all arrays in the order of the network's parameters.
    func layers(_ steps: [Step]) -> (layers: [LayerSpec], arrays: [[Float]]) {
        let emitted = emit(steps)
        return (emitted.map(\.spec), emitted.flatMap(\.arrays))
    }

    private static let epsilon: Float = 1e-5

    /// value·factor + shift as a batch norm.
    private static func norm(_ factor: [Float], _ shift: [Float]) -> [[Float]] {
        let unit = (1 + Double(epsilon)).squareRoot()
        return [
            factor.map { Float(Double($0) * unit) }, shift, Array(repeating: 0, count: factor.count),
            Array(repeating: 1, count: factor.count),
        ]
    }

    private func emit(_ steps: [Step]) -> [Emitted] {
        var result: [Emitted] = []
        for step in steps {
            switch step {
            case .piece(let index):
                switch pieces[index].kind {
                case .input, .add: preconditionFailure("neither is a step")
                case .layer(.activation(let activation), _) where result.last?.isAlone == true:
                    // As a person writes it: with the layer before.
                    if let joined = Self.joined(result[result.count - 1], activation) {
                        result[result.count - 1] = joined
                    } else {
                        result.append(Emitted(spec: .activation(activation), arrays: []))
                    }
                    result[result.count - 1].isAlone = takers[index] == 1
                case .layer(let spec, let arrays):
                    result.append(Emitted(spec: spec, arrays: arrays, isAlone: takers[index] == 1))
                case .affine(let factor, let shift):
                    if let last = result.last, last.isAlone, let folded = Self.folded(last, factor, shift) {
                        result[result.count - 1] = folded
                        result[result.count - 1].isAlone = takers[index] == 1
                    } else {
                        result.append(
                            Emitted(
                                spec: .batchNorm(epsilon: Self.epsilon), arrays: Self.norm(factor, shift),
                                isAlone: takers[index] == 1))
                    }
                }
            case .residual(let branch, let shortcut, let sum):
                let inner = emit(branch)
                var arrays = inner.flatMap(\.arrays)
                arrays += projection(shortcut) ?? []
                result.append(
                    Emitted(
                        spec: .residual(inner.map(\.spec), activation: .linear), arrays: arrays,
                        isAlone: takers[sum] == 1))
            }
        }
        return result
    }

    /// The arrays of a shortcut of 1x1 and a norm; nil: it is the identity.
    private func projection(_ steps: [Step]) -> [[Float]]? {
        let emitted = emit(steps)
        guard let first = emitted.first, case .conv(let conv) = first.spec else { return nil }
        var factor = [Float](repeating: 1, count: conv.filters)
        var shift = conv.hasBias ? first.arrays[1] : Array(repeating: 0, count: conv.filters)
        for next in emitted.dropFirst() {
            guard case .batchNorm(_, let epsilon, _) = next.spec else { continue }
            let own = NormFactors(next.arrays, epsilon: epsilon)
            for channel in 0..<conv.filters {
                factor[channel] *= own.factor[channel]
                shift[channel] = shift[channel] * own.factor[channel] + own.shift[channel]
            }
        }
        return [first.arrays[0]] + Self.norm(factor, shift)
    }

    /// `layer` with an activation of its own; nil: it has one, or can have none.
    private static func joined(_ layer: Emitted, _ activation: Activation) -> Emitted? {
        var joined = layer
        switch layer.spec {
        case .conv(var conv) where conv.activation == .linear && activation != .softmax:
            conv.activation = activation
            joined.spec = .conv(conv)
        case .dense(let units, .linear, let initializer):
            joined.spec = .dense(units: units, activation: activation, initializer: initializer)
        case .batchNorm(let momentum, let epsilon, .linear) where activation != .softmax:
            joined.spec = .batchNorm(momentum: momentum, epsilon: epsilon, activation: activation)
        case .residual(let inner, .linear) where activation != .softmax:
            joined.spec = .residual(inner, activation: activation)
        default: return nil
        }
        return joined
    }

    /// A convolution, dense layer or norm that does `factor` and `shift` itself; nil: it can't.
    private static func folded(_ layer: Emitted, _ factor: [Float], _ shift: [Float]) -> Emitted? {
        var folded = layer
        switch layer.spec {
        case .conv(var conv):
            guard conv.activation == .linear, conv.filters == factor.count else { return nil }
            let row = layer.arrays[0].count / conv.filters
            folded.arrays[0] = layer.arrays[0].indices.map { layer.arrays[0][$0] * factor[$0 / row] }
            let bias = conv.hasBias ? layer.arrays[1] : Array(repeating: 0, count: conv.filters)
            conv.hasBias = true
            folded.arrays = [folded.arrays[0], bias.indices.map { bias[$0] * factor[$0] + shift[$0] }]
            folded.spec = .conv(conv)
        case .dense(_, .linear, _):
            let units = layer.arrays[1].count
            guard units == factor.count else { return nil }
            let row = layer.arrays[0].count / units
            folded.arrays = [
                layer.arrays[0].indices.map { layer.arrays[0][$0] * factor[$0 / row] },
                layer.arrays[1].indices.map { layer.arrays[1][$0] * factor[$0] + shift[$0] },
            ]
        case .batchNorm(_, _, .linear):
            guard layer.arrays[0].count == factor.count else { return nil }
            folded.arrays[0] = factor.indices.map { layer.arrays[0][$0] * factor[$0] }
            folded.arrays[1] = factor.indices.map { layer.arrays[1][$0] * factor[$0] + shift[$0] }
        default: return nil
        }
        return folded
    }

    /// Whether a shortcut is one that a residual block has: nothing, or a convolution of 1x1 and norms.
    func check(_ steps: [Step]) throws(ONNXError) {
        for step in steps {
            guard case .residual(let branch, let shortcut, let sum) = step else { continue }
            try check(branch)
            for (place, step) in shortcut.enumerated() {
                guard case .piece(let index) = step else {
                    throw .unsupported(
                        path: path, node: pieces[sum].node, reason: "both branches that it adds have blocks")
                }
                switch pieces[index].kind {
                case .affine: if place > 0 { continue }
                case .layer(.batchNorm, _): if place > 0 { continue }
                case .layer(.conv(let conv), _):
                    if place == 0, conv.kernel == 1, conv.groups == 1, conv.padding == .valid { continue }
                default: break
                }
                throw .unsupported(
                    path: path, node: pieces[index].node,
                    reason:
                        "it stands on the shorter of two branches that are added, where only a convolution of 1x1 and a norm are known"
                )
            }
        }
    }
}
