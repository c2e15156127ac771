// Streamed examples: the same bits as in memory, whatever the cache holds, and what happens when one is gone.
import Synchronization
import Testing

@testable import Engine

/// Images in memory that count how often they are asked for, and can go away.
final class CountingSource: ExampleSource {
    private let pixels: [UInt8]
    private let bytes: Int
    let decoded = Atomic(0)
    /// Example that is gone; -1: none.
    let gone = Atomic(-1)

    init(_ dataset: Dataset) {
        if case .bytes(let pixels) = dataset.features { self.pixels = pixels } else { pixels = [] }
        bytes = dataset.shape.count
    }

    func decode(_ index: Int, into target: UnsafeMutablePointer<UInt8>) throws(ExampleError) {
        decoded.add(1, ordering: .relaxed)
        if gone.load(ordering: .relaxed) == index { throw .unreadable(path: "image \(index)", reason: "gone") }
        for i in 0..<bytes { target[i] = pixels[index * bytes + i] }
    }

    func streamed(_ count: Int, holding examples: Int) -> FeatureStorage {
        .streamed(
            StreamedExamples(
                source: self, count: count, exampleBytes: bytes, cacheBytes: examples * bytes, sha256: "digest"))
    }
}

struct StreamedExamplesTests {
    private static let dataset = Toy.images(120)

    private func trainer(_ features: FeatureStorage, workers: Int, augment: [Augmentation] = []) throws -> Trainer {
        var dataset = Self.dataset
        dataset.features = features
        let train = Array(Int32(0)..<100)
        let preprocessing = Preprocessing(fitting: dataset, train: train, spec: DataSpec(dataset: "quarters"))
        let network = try Network(Toy.network, input: preprocessing.shape, classes: 4)
        var spec = TrainingSpec()
        spec.batch = 16
        spec.epochs = 2
        return try Trainer(
            network, spec: spec, data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing),
            train: train, augment: augment, workers: workers)
    }

    @Test(arguments: [(1, 4), (2, 4), (3, 30), (2, 119), (2, 500)])
    func theSameBitsAsInMemory(workers: Int, holding: Int) throws {
        for augment in [[], [Augmentation.crop(padding: 2), .noise(deviation: 0.1)]] {
            let source = CountingSource(Self.dataset)
            let plain = try trainer(Self.dataset.features, workers: 1, augment: augment)
            let streamed = try trainer(source.streamed(120, holding: holding), workers: workers, augment: augment)
            for step in 0..<15 {
                #expect(plain.advance().lossSum == streamed.advance().lossSum, "step \(step)")
                if step == 6 {
                    let test = Array(Int32(100)..<120)
                    #expect(plain.infer(test) == streamed.infer(test))
                }
            }
            #expect(plain.weights == streamed.weights)
            // All that fit are decoded once.
            if holding >= 120 { #expect(source.decoded.load(ordering: .relaxed) == 120) }
        }
    }

    @Test func aCacheOfHalfSparesHalfOfTheWork() throws {
        let source = CountingSource(Self.dataset)
        let streamed = try trainer(source.streamed(120, holding: 60), workers: 1)
        for _ in 0..<streamed.stepsPerEpoch { _ = streamed.advance() }
        let first = source.decoded.load(ordering: .relaxed)
        for _ in 0..<4 * streamed.stepsPerEpoch { _ = streamed.advance() }
        let later = source.decoded.load(ordering: .relaxed) - first
        #expect(first >= 100 && later < 4 * 80, "\(first), then \(later)")
    }

    @Test func aRunGoesOnInTheMiddleOfAnEpoch() throws {
        let whole = try trainer(Self.dataset.features, workers: 1)
        for _ in 0..<3 { _ = whole.advance() }
        let snapshot = whole.snapshot()
        for _ in 0..<9 { _ = whole.advance() }
        let resumed = try trainer(CountingSource(Self.dataset).streamed(120, holding: 20), workers: 2)
        resumed.restore(snapshot)
        for _ in 0..<9 { _ = resumed.advance() }
        #expect(resumed.weights == whole.weights)
    }

    @Test func anImageThatIsGoneEndsTheRunWithoutTouchingTheWeights() throws {
        let source = CountingSource(Self.dataset)
        let streamed = try trainer(source.streamed(120, holding: 4), workers: 2)
        for _ in 0..<streamed.stepsPerEpoch { #expect(streamed.advance().applied) }
        source.gone.store(7, ordering: .relaxed)
        var steps = 0
        var before = streamed.weights
        while streamed.failure == nil, steps < streamed.stepsPerEpoch {
            before = streamed.weights
            _ = streamed.advance()
            steps += 1
        }
        #expect(streamed.failure == .unreadable(path: "image 7", reason: "gone"))
        #expect(streamed.weights == before)

        let again = try trainer(source.streamed(120, holding: 30), workers: 2)
        let listener = Listener()
        var loop = TrainingLoop(
            again, splits: try Splits(Self.dataset, DataSpec(dataset: "quarters")), world: listener.world)
        #expect(throws: ExampleError.unreadable(path: "image 7", reason: "gone")) { try loop.run() }
        #expect(!listener.events.contains { if case .finished = $0 { true } else { false } })
    }
}
