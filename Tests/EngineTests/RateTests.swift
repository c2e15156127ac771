// Learning rates tried: everything is put back bit for bit, and what the trials say.
import Foundation
import Testing

@testable import Engine

struct RateTests {
    /// A run, its network with every layer that keeps something between steps.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var change: @Sendable (inout TrainingSpec) -> Void
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "sgd") { $0.optimizer = .sgd(learningRate: 0.05) },
        Case(name: "momentum") { $0.optimizer = .sgd(learningRate: 0.05, momentum: 0.9, nesterov: true) },
        Case(name: "adam") { $0.optimizer = .adam(learningRate: 0.002) },
        Case(name: "rmsprop") { $0.optimizer = .rmsProp(learningRate: 0.002, momentum: 0.9) },
        Case(name: "average") { $0.averageDecay = 0.9 },
        Case(name: "cosine, warmup") {
            $0.schedule = .cosine()
            $0.warmupSteps = 5
        },
        Case(name: "one cycle, clipped") {
            $0.schedule = .oneCycle(maximum: 0.01)
            $0.clipNorm = 1
        },
        Case(name: "plateau") { $0.schedule = .reduceOnPlateau(factor: 0.5, patience: 0) },
        Case(name: "early stopping") { $0.earlyStopping = EarlyStopping() },
    ]

    private func trainer(_ one: Case, workers: Int = 2) throws -> (Trainer, Splits) {
        let dataset = Toy.images(333)
        let data = DataSpec(dataset: "quarters")
        let splits = try Splits(dataset, data)
        let preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: data)
        let network = try Network(
            [
                .conv(filters: 8, kernel: 3, padding: .same), .batchNorm(activation: .relu),
                .maxPool(size: 2, stride: 2),
                .residual([.conv(filters: 8, kernel: 3, padding: .same), .batchNorm()]), .flatten,
                .dropout(rate: 0.2), .dense(units: 300, activation: .relu), .layerNorm(), .dense(units: nil),
            ], input: preprocessing.shape, classes: 4)
        var spec = TrainingSpec()
        spec.epochs = 3
        spec.batch = 30
        spec.logEvery = 1
        one.change(&spec)
        let trainer = try Trainer(
            network, spec: spec, data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing),
            train: splits.train, workers: workers)
        return (trainer, splits)
    }

    private func bits(_ weights: [ParameterValues]) -> [[UInt32]] { weights.map { $0.values.map(\.bitPattern) } }

    /// Tried in mid-epoch, twice, once while the run is paused: it ends in the same bits, and logs the same on the way.
    @Test(arguments: cases)
    func everythingIsPutBack(_ one: Case) throws {
        let (plain, splits) = try trainer(one)
        let listener = Listener()
        var loop = TrainingLoop(plain, splits: splits, world: listener.world)
        let finished = try loop.run()

        let (tried, _) = try trainer(one)
        let other = Listener()
        other.commands = [
            (4, .tryRates(from: 1e-5, to: 10, steps: 60)), (11, .pause), (11, .tryRates), (11, .continue),
        ]
        var again = TrainingLoop(tried, splits: splits, world: other.world)
        let end = try again.run()
        #expect(bits(tried.weights) == bits(plain.weights))
        #expect(tried.snapshot().first == plain.snapshot().first && tried.snapshot().second == plain.snapshot().second)
        #expect(other.deterministic == listener.deterministic)
        #expect(end.step == finished.step && end.metrics == finished.metrics)
        let events = other.events.compactMap { event -> RunEvent.RatesTried? in
            if case .ratesTried(let tried) = event { tried } else { nil }
        }
        #expect(events.map(\.step) == [4, 11])
        #expect(events.allSatisfy { $0.trials.count >= 6 && $0.trials[0].loss.isFinite })
        #expect(RunState(other.events).ratesTried?.step == 11)
    }

    /// A curve that stands, falls from 0.001 to 0.1 and then runs away.
    private func curve(_ noise: (Int) -> Double = { _ in 0 }) -> [Trainer.RateTrial] {
        (0..<100).map { index in
            let power = -6 + 7 * Double(index) / 99
            let fall = 2 - 1.5 / (1 + exp(-(power + 2) * 3))
            return Trainer.RateTrial(rate: pow(10, power), loss: fall + exp((power - 0.2) * 8) + noise(index))
        }
    }

    @Test func suggestsWhereItFalls() throws {
        let suggestion = try #require(RateSuggestion(curve()))
        // The fall is steepest at 0.01; the average lags a little behind.
        #expect((0.008...0.08).contains(suggestion.steepest), "\(suggestion)")
        #expect((0.02...0.2).contains(suggestion.tenthOfMinimum), "\(suggestion)")
        #expect(suggestion.rate == min(suggestion.steepest, suggestion.tenthOfMinimum))
        let noisy = try #require(RateSuggestion(curve { 0.1 * sin(Double($0) * 12.9898) }))
        #expect(abs(log10(noisy.rate / suggestion.rate)) < 0.7, "\(noisy)")
    }

    @Test func saysNothingWhereNothingFalls() {
        #expect(RateSuggestion([]) == nil)
        #expect(RateSuggestion((0..<100).map { .init(rate: pow(10, Double($0) / 20), loss: 1) }) == nil)
        #expect(RateSuggestion((0..<100).map { .init(rate: pow(10, Double($0) / 20), loss: Double($0)) }) == nil)
        #expect(RateSuggestion((0..<100).map { .init(rate: Double($0 + 1), loss: .nan) }) == nil)
        // Noise alone.
        let noise = (0..<100).map { Trainer.RateTrial(rate: Double($0 + 1), loss: 1 + 0.5 * sin(Double($0 * $0))) }
        #expect(RateSuggestion(noise) == nil)
        // Rates that cannot be put on a logarithmic axis, and losses without end, do not trap.
        _ = RateSuggestion((0..<100).map { .init(rate: -Double($0), loss: -Double($0)) })
        _ = RateSuggestion((0..<100).map { .init(rate: 0, loss: $0 % 3 == 0 ? .infinity : 1 / Double($0)) })
    }

    @Test func smoothingHasNoBiasAtItsStart() {
        let trials = [3.0, .nan, 3, 3, 6].map { Trainer.RateTrial(rate: 1, loss: $0) }
        let smoothed = trials.smoothedLosses
        #expect(smoothed.prefix(4).allSatisfy { abs($0 - 3) < 1e-12 })
        // Weights 0.9^3, 0.9^2, 0.9, 1 of the four numbers.
        let weights = [0.729, 0.81, 0.9, 1.0]
        #expect(abs(smoothed[4] - (3 * weights[..<3].reduce(0, +) + 6) / weights.reduce(0, +)) < 1e-12)
    }
}
