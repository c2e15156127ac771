// Tests of what the folds of a cross-validation say together.
import Testing

@testable import Engine

@Suite struct FoldSummaryTests {
    /// scipy.stats.t.ppf(0.975, degrees).
    @Test(arguments: [
        (1, 12.706204736432095), (2, 4.302652729911275), (3, 3.182446305284263), (4, 2.7764451051977987),
        (9, 2.2621571627409915), (29, 2.045229642132703), (30, 2.0422724563012373), (999, 1.9623414611334487),
    ])
    func quantilesOfStudent(degrees: Int, expected: Double) {
        #expect(abs(FoldSummary.quantile(degrees: degrees) - expected) < 1e-9)
    }

    /// Five folds by a plain calculation: variance 0.00025, t 2.776445, √((1/5 + 1/4) · 0.00025).
    @Test func meanDeviationAndInterval() throws {
        let summary = try #require(FoldSummary([0.96, 0.98, 0.97, 0.99, 1.0], testShare: 0.25))
        #expect(abs(summary.mean - 0.98) < 1e-12)
        #expect(abs(try #require(summary.deviation) - 0.015811388300841892) < 1e-12)
        let reach = 2.7764451051977987 * (0.45 * 0.00025).squareRoot()
        #expect(abs(try #require(summary.low) - (0.98 - reach)) < 1e-9)
        #expect(abs(try #require(summary.high) - (0.98 + reach)) < 1e-9)
        let cut = try #require(FoldSummary([0.96, 0.98, 0.97, 0.99, 1.0], testShare: 0.25, within: 0...1))
        #expect(cut.high == 1)
        #expect(cut.low == summary.low)
    }

    @Test func fewFolds() throws {
        #expect(FoldSummary([], testShare: 0.5) == nil)
        let one = try #require(FoldSummary([0.5], testShare: 0.5))
        #expect(one.mean == 0.5 && one.deviation == nil && one.low == nil && one.high == nil)
        let same = try #require(FoldSummary([0.7, 0.7], testShare: 1))
        #expect(same.deviation == 0 && same.low == 0.7 && same.high == 0.7)
    }
}
