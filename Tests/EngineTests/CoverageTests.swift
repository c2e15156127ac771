// Intervals at 95 % hold the true value in about 95 % of simulated sets.
import Dispatch
import Foundation
import Testing

@testable import Engine

/// Made-up draws: quick ones, as there are millions (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number
/// generators").
private struct Draws {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func unit() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return Double((z ^ z >> 31) >> 11) * 0x1p-53
    }

    mutating func normal() -> Double { (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit()) }
}

/// Serialized: each test takes all processors.
@Suite(.serialized) struct CoverageTests {
    private static let sets = 2_000
    private static let examples = 200

    /// The fraction of sets whose interval holds the truth; set i is made with the seed `seed` · 100,000 + i.
    private func coverage(seed: UInt64, _ set: @escaping @Sendable (inout Draws) -> Bool) -> Double {
        let hits = [Bool](unsafeUninitializedCapacity: Self.sets) { buffer, count in
            nonisolated(unsafe) let places = buffer
            DispatchQueue.concurrentPerform(iterations: Self.sets) { index in
                var draws = Draws(seed: seed * 100_000 + UInt64(index))
                places.initializeElement(at: index, to: set(&draws))
            }
            count = Self.sets
        }
        return Double(hits.count { $0 }) / Double(Self.sets)
    }

    private let expected = 0.93...0.97

    /// Phi, the distribution function of the standard normal.
    private func phi(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

    /// Wilson's coverage goes up and down with p, as counts are whole; over p from 0.6 to 0.97 it is near its level.
    @Test func accuracy() {
        let found = coverage(seed: 1) { draws in
            let p = 0.6 + 0.37 * draws.unit()
            var hits = 0
            for _ in 0..<Self.examples { hits += draws.unit() < p ? 1 : 0 }
            return Interval.wilson(hits, of: Self.examples)?.contains(p) ?? false
        }
        print("coverage of 95 % intervals: accuracy \(found)")
        #expect(expected.contains(found), "\(found)")
    }

    /// Two normal distributions 1.2 deviations apart have an area of Φ(1.2/√2) between them.
    @Test func area() {
        let truth = phi(1.2 / 2.0.squareRoot())
        let found = coverage(seed: 2) { draws in
            let labels = (0..<Self.examples).map { _ in draws.unit() < 0.4 }
            let scores = labels.map { draws.normal() + ($0 ? 1.2 : 0) }
            return AreaEstimate(scores: scores, labels: labels)?.interval().contains(truth) ?? false
        }
        print("coverage of 95 % intervals: AUC \(found)")
        #expect(expected.contains(found), "\(found)")
    }

    /// Three classes of unequal size, whose scores share a part of their noise. Each class's score is normal within the
    /// class and among the others, so its area is Φ(difference/(√2 · deviation)) whatever the others are.
    @Test func macroArea() {
        let (reach, shared) = (1.5, 0.7)
        let truth = phi(reach / (2 * (1 + shared * shared)).squareRoot())
        let found = coverage(seed: 3) { draws in
            let labels = (0..<Self.examples).map { _ -> Int32 in
                let unit = draws.unit()
                return unit < 0.5 ? 0 : unit < 0.8 ? 1 : 2
            }
            var scores: [Float] = []
            for label in labels {
                let common = shared * draws.normal()
                for k in 0..<3 as Range<Int32> {
                    scores.append(Float(draws.normal() + common + (k == label ? reach : 0)))
                }
            }
            let detail = OneVersusRest(
                probabilities: scores, labels: labels, classes: 3, each: { for index in 0..<$0 { $1(index) } },
                shape: { _ in .undefined })
            return detail.macro?.interval().contains(truth) ?? false
        }
        print("coverage of 95 % intervals: macro AUC \(found)")
        #expect(expected.contains(found), "\(found)")
    }

    /// A calibrated model with normal logits of deviation 1.5: its log loss is the mean entropy.
    @Test func logLoss() {
        var (sum, weight) = (0.0, 0.0)
        for step in -8_000...8_000 {
            let x = Double(step) / 1_000
            let p = 1 / (1 + exp(-1.5 * x))
            let density = exp(-x * x / 2)
            sum -= density * (p * log(p) + (1 - p) * log(1 - p))
            weight += density
        }
        let truth = sum / weight
        let found = coverage(seed: 4) { draws in
            let probabilities = (0..<Self.examples).map { _ in 1 / (1 + exp(-1.5 * draws.normal())) }
            let labels = probabilities.map { draws.unit() < $0 }
            return Interval.mean(of: ProbabilityScores.logLosses(probabilities, labels: labels))?.contains(truth)
                ?? false
        }
        print("coverage of 95 % intervals: log loss \(found)")
        #expect(expected.contains(found), "\(found)")
    }

    /// Three classes of unequal size with mistakes of unequal kinds; 500 draws a set instead of 2,000, for time.
    @Test func macroF1() {
        let cells = [0.42, 0.05, 0.03, 0.04, 0.22, 0.04, 0.02, 0.05, 0.13]
        let f1 = (0..<3).map { k -> Double in
            let support = cells[k * 3..<k * 3 + 3].reduce(0, +)
            let predicted = cells[k] + cells[k + 3] + cells[k + 6]
            return 2 * cells[k * 4] / (support + predicted)
        }
        let truth = f1.reduce(0, +) / 3
        let found = coverage(seed: 5) { draws in
            var counts = [Int](repeating: 0, count: 9)
            for _ in 0..<Self.examples {
                var (unit, cell) = (draws.unit(), 0)
                while cell < 8, unit >= cells[cell] {
                    unit -= cells[cell]
                    cell += 1
                }
                counts[cell] += 1
            }
            let matrix = ConfusionMatrix(rows: (0..<3).map { Array(counts[$0 * 3..<$0 * 3 + 3]) })
            return ConfusionDraws(matrix, draws: 500, seed: UInt64(draws.unit() * 0x1p32)).interval(
                matrix.macroF1, level: 0.95, \.macroF1)?
                .contains(truth) ?? false
        }
        print("coverage of 95 % intervals: macro F1 \(found)")
        #expect(expected.contains(found), "\(found)")
    }
}
