// SpeedProbe: a planned network that answers batches of a fixed size, so that somebody can take the time.

/// A network that is planned for predicting.
public protocol PlannedNetwork: AnyObject {
    /// Runs over the examples `indices` of `data`; nil: over all.
    /// - Throws: ``ExampleError`` when a streamed example can't be decoded.
    func infer(_ data: PreparedExamples, _ indices: [Int32]?) throws -> Inference
}

extension CompiledNetwork: PlannedNetwork {}
extension QuantizedNetwork: PlannedNetwork {}

/// A network that is asked about batches of real examples again and again. It reads no clock.
///
/// Not Sendable: one thread owns it.
public final class SpeedProbe {
    private let network: any PlannedNetwork
    private let data: PreparedExamples
    private let batches: [[Int32]]
    private var next = 0

    /// - Parameters:
    ///   - data: what it is asked about, in turn: not streamed, and at least one example.
    ///   - batch: how many at a time.
    public init(_ network: any PlannedNetwork, data: PreparedExamples, batch: Int) {
        precondition(batch >= 1 && data.count >= 1, "\(batch) examples at a time of \(data.count)")
        self.network = network
        self.data = data
        batches = stride(from: 0, to: max(data.count, batch), by: batch).map { first in
            (first..<first + batch).map { Int32($0 % data.count) }
        }
    }

    /// Runs the network over the next batch, preprocessing included.
    public func ask() {
        do {
            _ = try network.infer(data, batches[next])
        } catch {
            preconditionFailure("examples in memory need no decoding: \(error)")
        }
        next = (next + 1) % batches.count
    }
}
