// SpeedProbe: a trained network that answers batches of a fixed size, so that somebody can take the time.
import CPrimitives

/// A trained network that is asked about batches of real examples again and again. It reads no clock.
///
/// Not Sendable: one thread owns it; its workers are its own affair.
public final class SpeedProbe {
    private let plan: InferencePlan
    private let team: Team
    private let data: ExampleStore
    private let batch: Int
    private let answers: UnsafeMutablePointer<Float>
    private let order: UnsafeMutablePointer<Int32>
    private let count: Int
    private var next = 0
    private var hasRun = false
    private let arena = Arena()

    /// - Parameters:
    ///   - examples: which of `data` are asked about, in turn; at least one.
    ///   - batch: how many at a time. A single one is computed by itself, not as a part of a tile that is filled up.
    /// - Throws: ``ConvolutionError``.
    public init(
        _ network: Network, weights: [ParameterValues], loss: LossSpec, data: PreparedExamples, examples: [Int32],
        batch: Int, workers: Int
    ) throws {
        precondition(batch >= 1 && !examples.isEmpty, "\(batch) examples at a time of \(examples.count)")
        wb_thread_prepare()
        let tileSize = min(Predictor.tileSize, max(1, batch / workers))
        let forward = try ConvSet(network, examples: tileSize, training: false)
        let parameters = Parameters(network, forward)
        for value in weights { parameters.store(value.values, of: value.name, in: parameters.values) }
        let store = ExampleStore(data)
        let loss = Loss(spec: loss, outputs: network.classes, classWeights: nil)
        plan = InferencePlan(parameters, data: store, loss: loss, workers: workers, tileSize: tileSize) { _ in forward }
        team = Team(workers: workers, scratchBytes: plan.scratchBytes)
        self.data = store
        self.batch = batch
        answers = arena.floats(batch * loss.predictions)
        // So many that each batch is a stretch of it.
        count = max(examples.count, batch)
        order = arena.allocate(count + batch)
        for index in 0..<count + batch { order[index] = examples[index % examples.count] }
    }

    deinit { team.end() }

    /// Runs the network over the next batch, preprocessing included.
    public func ask() {
        let (data, from) = (data, order + next)
        plan.run(batch, on: team, isFirst: !hasRun, into: answers) { range, rows, stride in
            data.gather(from + range.lowerBound, count: range.count, into: rows, stride: stride)
        }
        hasRun = true
        next = (next + batch) % count
    }
}
