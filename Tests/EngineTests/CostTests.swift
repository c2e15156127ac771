// What a run costs: operations, shares of the time, memory told beforehand, prices.
import Testing

@testable import Engine

struct CostTests {
    private func operations(_ layers: [LayerSpec], _ input: TensorShape, classes: Int) throws -> Double {
        try Network(layers, input: input, classes: classes).trainingOperations
    }

    /// Counted by hand: two a multiply-add, three passes where a gradient flows to the input, two where none does.
    @Test func operationsAreExact() throws {
        #expect(try operations([.dense(units: nil)], .vector(30), classes: 2) == 4 * 60)
        let two: Double = 4 * 1920 + 6 * 128
        #expect(try operations([.dense(units: 64), .dense(units: nil)], .vector(30), classes: 2) == two)
        // 3x3 windows of 3 channels at 30 x 30 places, 32 filters; then 7,200 inputs.
        let image = TensorShape.image(channels: 3, height: 32, width: 32)
        let layers: [LayerSpec] = [
            .conv(filters: 32, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2), .flatten,
            .dense(units: 10),
        ]
        let (windows, rest): (Double, Double) = (27 * 32 * 900, 7200 * 10)
        #expect(try operations(layers, image, classes: 10) == 4 * windows + 6 * rest)
        // A batch norm before all else has parameters, so a gradient flows to what comes after it.
        #expect(
            try operations([.batchNorm(), .dense(units: nil)], .vector(30), classes: 2) == 6 * 60)
        // Groups see a part of the channels each.
        let grouped = try Network(
            [.conv(filters: 8, kernel: 3, padding: .same, groups: 4), .flatten, .dense(units: nil)],
            input: .image(channels: 8, height: 5, width: 5), classes: 2)
        let (conv, dense) = (8 * 2 * 9 * 25, 200 * 2)
        #expect(grouped.trainingOperations == Double(4 * conv + 6 * dense))
        #expect(grouped.inferenceOperations == Double(2 * (conv + dense)))
    }

    @Test func sharesSumToOne() throws {
        let (trainer, splits) = try TrainingTests().trainer(workers: 2, epochs: 200)
        let listener = Listener()
        var world = listener.world
        world.peakGigaflopPerSecond = 100
        world.residentBytes = { 12_345 }
        var loop = TrainingLoop(trainer, splits: splits, world: world)
        _ = try loop.run()
        let work = listener.events.compactMap { event -> RunEvent.Work? in
            if case .progressed(let progressed) = event { progressed.work } else { nil }
        }
        #expect(!work.isEmpty)
        for one in work {
            #expect(one.gigaflopPerSecond > 0 && one.residentBytes == 12_345)
            #expect(abs((one.peakFraction ?? -1) * 100 - one.gigaflopPerSecond) < 1e-9)
            guard !one.shares.isEmpty else { continue }
            #expect(one.shares.count == StepPart.allCases.count + 1)
            #expect(abs(one.shares.reduce(0, +) - 1) < 1e-9)
            #expect(one.shares.allSatisfy { (0...1).contains($0) })
        }
        let last = try #require(work.last)
        // Forward and backward are what a step is for.
        #expect(last.shares[StepPart.forward.rawValue] > 0 && last.shares[StepPart.backward.rawValue] > 0)
        #expect(last.shares[StepPart.update.rawValue] > 0)
    }

    /// The estimate against what the plans really take: convolutions, a wide and a narrow dense layer, several batches.
    @Test(arguments: [8, 30, 200])
    func memoryIsToldBeforehand(batch: Int) throws {
        let dataset = Toy.images(333, side: 24, channels: 3)
        let data = DataSpec(dataset: "quarters")
        let splits = try Splits(dataset, data)
        let preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: data)
        let network = try Network(Toy.network, input: preprocessing.shape, classes: 4)
        var spec = TrainingSpec()
        spec.batch = batch
        let trainer = try Trainer(
            network, spec: spec, data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing),
            train: splits.train, workers: 2)
        let bytes = dataset.features.count
        let estimate = MemoryEstimate(
            network, spec: spec, trainExamples: splits.train.count, dataBytes: bytes, preparedBytes: bytes, workers: 2)
        let (told, took) = (
            Double(estimate.total - estimate.checkpoint - estimate.program - bytes), Double(trainer.bytes)
        )
        #expect(told > took * 0.65 && told < took * 1.4, "told \(told), took \(took)")
    }

    @Test func absurdNumbersDoNotTrap() throws {
        let network = try Network(
            [.dense(units: 1_000_000), .dense(units: nil)], input: .vector(500), classes: 500)
        var spec = TrainingSpec()
        spec.batch = 65_536
        spec.averageDecay = 0.9
        let estimate = MemoryEstimate(
            network, spec: spec, trainExamples: .max / 2, dataBytes: .max, preparedBytes: .max, workers: 256)
        #expect(estimate.total == .max)
        #expect(estimate.activations > 65_536 * 1_000_000 * 8)
        let time = TrainingEstimate(
            network, memory: estimate, batch: 65_536, trainExamples: 1 << 40, watched: 0, workers: 2, peak: 100)
        #expect((time.secondsPerEpoch ?? 0) > 1e6)
    }

    @Test func coreSecondsAreWhatWasPaid() {
        var state = RunState()
        func step(_ step: Int, _ seconds: Double) {
            state.apply(
                .stepped(
                    .init(step: step, epoch: 1, seconds: seconds, count: 1, loss: 1, accuracy: 0, learningRate: 1)))
        }
        let head = RunEvent.Started(
            name: "", dataset: "", classes: [], inputShape: .vector(1), layers: [], parameters: 1, epochs: 2,
            stepsPerEpoch: 10, batch: 1, shards: 1, workers: 2, optimizer: "", learningRate: 1, trainExamples: 1,
            validationExamples: 0, testExamples: 0, watchedSplit: .test, seed: 0, kernels: "",
            tariff: Tariff(pricePerCoreHour: 3.6, currency: "EUR", wattsPerCore: 36))
        state.apply(.started(head))
        step(5, 10)
        #expect(state.coreSeconds == 20)
        #expect(abs((state.bill?.cost ?? 0) - 0.02) < 1e-12)
        #expect(abs((state.bill?.wattHours ?? 0) - 0.2) < 1e-12)
        #expect(abs((state.billPerEpoch?.cost ?? 0) - 0.04) < 1e-12)
        // Killed after 10 s, resumed from what was stored after 4 s with three workers: what was lost was paid for.
        state.apply(.resumed(.init(step: 2, seconds: 4, workers: 3)))
        step(5, 9)
        #expect(state.coreSeconds == 20 + 15)
        state.apply(
            .progressed(
                .init(step: 6, epoch: 1, seconds: 9, imagesPerSecond: 1, busy: [], remainingSeconds: 100)))
        #expect(abs((state.billAtEnd?.cost ?? 0) - 0.335) < 1e-12)
        #expect(state.billAtEnd?.wattHours != nil)
        state.apply(
            .finished(
                .init(
                    step: 20, epoch: 2, seconds: 10, reason: .completed, weightsSHA256: "", workers: 3, metrics: [:],
                    imagesPerSecond: 1, bill: Bill(cost: 7))))
        #expect(state.bill == Bill(cost: 7) && state.billAtEnd == nil)
    }
}
