// Explanations: of networks whose truth is known, by any number of workers, with categories, missing values and images.
import Foundation
import Testing

@testable import Engine

struct NormalDistributionTests {
    /// By SciPy 1.16's norm.ppf and norm.cdf.
    @Test func againstSciPy() {
        let quantiles: [(Double, Double)] = [
            (1e-300, -37.0470962993612), (1e-12, -7.034483825301131), (0.001, -3.090232306167813),
            (0.02425, -1.972961051311885), (0.0749, -1.4402382675279635), (0.0751, -1.4388253927525403),
            (0.3, -0.5244005127080409), (0.5, 0), (0.77, 0.7388468491852137), (0.93, 1.475791028179171),
            (0.999999, 4.753424308817087),
        ]
        for (p, z) in quantiles { #expect(abs(NormalDistribution.quantile(p) - z) <= 4e-15 * max(1, abs(z)) + 1e-15) }
        let below: [(Double, Double)] = [
            (-10, 7.61985302416047e-24), (-3, 0.0013498980316300933), (-0.5, 0.3085375387259869), (0, 0.5),
            (1.25, 0.8943502263331446), (6, 0.9999999990134123),
        ]
        for (z, p) in below { #expect(abs(NormalDistribution.below(z) - p) <= 1e-14 * p) }
    }
}

struct ColumnBinsTests {
    private static let values: [Double] = [1, 2, 2, 3, 5, 8, 8.5, 9, 11, 13, 14, 20]

    /// By NumPy's percentile.
    @Test func percentilesAreNumPys() {
        #expect(ColumnBins.percentiles(Self.values, [25, 50, 75]) == [2.75, 8.25, 11.5])
        let deciles = [2.0, 2.2, 3.6, 6.2, 8.25, 8.8, 10.4, 12.6, 13.9]
        for (a, b) in zip(ColumnBins.percentiles(Self.values, [10, 20, 30, 40, 50, 60, 70, 80, 90]), deciles) {
            #expect(abs(a - b) < 1e-12)
        }
    }

    /// Thresholds of scikit-learn's DecisionTreeClassifier(criterion="entropy", max_depth=3).
    @Test func entropySplitsAsATreeDoes() throws {
        let labels: [Int32] = [0, 0, 1, 0, 1, 1, 1, 2, 0, 2, 2, 0]
        let found = try #require(ColumnBins.borders(Self.values, labels: labels, classes: 3, by: .entropy))
        #expect(found.sorted() == [1.5, 4, 8.75, 12, 17])
        // One class: nothing to split by, so the median.
        let one = ColumnBins.borders(Self.values, labels: labels.map { _ in 0 }, classes: 3, by: .entropy)
        #expect(one == [8.25])
    }

    @Test func aRangeHasItsUpperBorder() {
        let bins = ColumnBins([1, 2, 3, 4, 5], borders: [2, 4, 2])
        #expect(bins.borders == [2, 4] && bins.counts == [2, 2, 1])
        #expect([0, 2, 2.1, 4, 4.1, 9].map(bins.code) == [0, 0, 1, 1, 2, 2])
        #expect(bins.means == [1.5, 3.5, 5] && bins.minima == [1, 2, 4] && bins.maxima == [2, 4, 5])
        #expect(bins.deviations == [0.5, 0.5, 0])
        #expect(bins.names("a") == ["a <= 2.00", "2.00 < a <= 4.00", "a > 4.00"])
        // Borders that would read alike get more decimals, unless two are asked for.
        let fine = ColumnBins([0.001, 0.0025, 0.004], borders: [0.002, 0.003])
        #expect(fine.names("a") == ["a <= 0.002", "0.002 < a <= 0.003", "a > 0.003"])
        #expect(fine.names("a", decimals: 2) == ["a <= 0.00", "0.00 < a <= 0.00", "a > 0.00"])
    }
}

/// A table that is drawn, and networks of one layer on it.
private struct Sample {
    static let names = ["a", "b", "c", "sex"]
    let values: [Float]
    let columns: [Column]
    let labels: [Int32]
    let preprocessing: Preprocessing
    let rows: Int

    /// Three numbers of different sizes, b with missing values, and a category.
    init(rows: Int = 400, seed: UInt64 = 3) {
        var random = CounterRandom(seed: seed, purpose: .benchmark)
        var values: [Float] = []
        for row in 0..<rows {
            values.append(10 + 4 * random.unit())
            values.append(row % 5 == 0 ? .nan : random.unit() - 0.5)
            values.append(1000 * random.unit())
            values.append(row % 7 == 0 ? .nan : Float(random.below(3)))
        }
        columns = [
            Column(name: "a", kind: .numeric), Column(name: "b", kind: .numeric), Column(name: "c", kind: .numeric),
            Column(name: "sex", kind: .category(levels: ["f", "m", "x"])),
        ]
        labels = (0..<rows).map { values[$0 * 4] > 12 ? 1 : 0 }
        let dataset = Dataset(
            name: "drawn", shape: .vector(4), classes: ["no", "yes"], columns: columns, features: .floats(values),
            labels: labels, origin: "drawn")
        preprocessing = Preprocessing(
            fitting: dataset, train: Array(Int32(0)..<Int32(rows)), spec: DataSpec(dataset: "drawn"))
        self.values = values
        self.rows = rows
    }

    func row(_ index: Int) -> [Float] { Array(values[index * 4..<index * 4 + 4]) }

    func sampler(_ discretizer: LIMESettings.Discretizer) -> TableSampler {
        TableSampler(
            values, columns: columns, train: Array(Int32(0)..<Int32(rows)), labels: labels, classes: 2,
            discretizer: discretizer, preprocessing: preprocessing)
    }

    /// A number that is `weights` times the standardised features (a, b, c, f, m, x), plus 2.
    func linear(_ weights: [Float], workers: Int = 1) throws -> NetworkProbe {
        let network = try Network([.dense(units: nil)], input: .vector(6), classes: 1)
        return try NetworkProbe(
            network,
            weights: [
                ParameterValues(name: network.parameters[0].name, shape: [1, 6], values: weights),
                ParameterValues(name: network.parameters[1].name, shape: [1], values: [2]),
            ], loss: .meanSquaredError, preprocessing: preprocessing, workers: workers)
    }

    /// Two classes: 1 where `factor` times the standardised a is large.
    func classifier(_ factor: Float, workers: Int = 1) throws -> NetworkProbe {
        let network = try Network([.dense(units: nil)], input: .vector(6), classes: 2)
        return try NetworkProbe(
            network,
            weights: [
                ParameterValues(
                    name: network.parameters[0].name, shape: [2, 6],
                    values: [0, 0, 0, 0, 0, 0, factor, 0, 0, 0, 0, 0]),
                ParameterValues(name: network.parameters[1].name, shape: [2], values: [0, 0]),
            ], loss: .softmaxCrossEntropy(), preprocessing: preprocessing, workers: workers)
    }
}

struct TableExplanationTests {
    private func explained(
        _ probe: NetworkProbe, _ place: TableNeighbourhood, _ settings: LIMESettings
    ) throws -> LocalExplanation { try #require(probe.explain(place, settings: settings) { _ in true }) }

    /// Where numbers stay numbers, the surrogate of a linear model is that model.
    @Test func aLinearModelIsFoundAgain() throws {
        let sample = Sample()
        let probe = try sample.linear([1.5, -0.25, 0.75, 0, 0, 0])
        let place = TableNeighbourhood(sample.sampler(.none), row: sample.row(1))
        let found = try explained(probe, place, LIMESettings(samples: 4_000, discretizer: .none, repeats: 3))
        let surrogate = found.surrogates[0]
        #expect(found.surrogates.count == 1 && surrogate.classIndex == 0)
        let terms = surrogate.terms.filter { abs($0.weight) > 0.01 }
        #expect(terms.map(\.text) == ["a", "c", "b"])
        // b is missing in a fifth of the rows, where the network takes its mean, as the surrogate does.
        for (term, weight) in zip(terms, [1.5, 0.75, -0.25]) { #expect(abs(term.weight - weight) < 0.01) }
        #expect(surrogate.rSquared > 0.999 && surrogate.fit == .good && surrogate.agreement == 1)
        #expect(abs(surrogate.localPrediction - surrogate.modelPrediction) < 0.02)
        #expect(abs(surrogate.intercept - 2) < 0.01)
    }

    /// In ranges the signs and the order of a linear model stay.
    @Test(arguments: [LIMESettings.Discretizer.quartile, .decile, .entropy])
    func rangesKeepSignsAndOrder(discretizer: LIMESettings.Discretizer) throws {
        let sample = Sample()
        let probe = try sample.linear([3, 0, -1.2, 0, 0, 0])
        // A row with a and c in their highest ranges.
        let place = TableNeighbourhood(sample.sampler(discretizer), row: [13.99, 0, 999, 1])
        let found = try explained(probe, place, LIMESettings(samples: 4_000, discretizer: discretizer, repeats: 2))
        let terms = found.surrogates[0].terms
        #expect(terms[0].feature == 0 && terms[0].weight > 0 && terms[0].text.hasPrefix("a > "))
        #expect(terms[1].feature == 2 && terms[1].weight < 0)
        #expect(terms.allSatisfy { $0.low <= $0.weight && $0.weight <= $0.high })
        #expect(terms.contains { $0.text == "sex = m" })
    }

    @Test func categoriesAndMissingValuesAreLevels() throws {
        let sample = Sample()
        let probe = try sample.linear([0, 0, 0, 0, 5, 0])
        let sampler = sample.sampler(.quartile)
        let missing = try explained(
            probe, TableNeighbourhood(sampler, row: [11, .nan, 500, .nan]), LIMESettings(samples: 2_000, repeats: 2))
        let texts = Set(missing.surrogates[0].terms.map(\.text))
        #expect(texts.isSuperset(of: ["b missing", "sex missing"]))
        // Without a level the network says 2, with m it says 7: missing speaks against it.
        #expect(missing.surrogates[0].terms[0].text == "sex missing" && missing.surrogates[0].terms[0].weight < -1)
        let male = try explained(
            probe, TableNeighbourhood(sampler, row: [11, 0.2, 500, 1]), LIMESettings(samples: 2_000, repeats: 2))
        #expect(male.surrogates[0].terms[0].text == "sex = m")
        #expect(abs(male.surrogates[0].terms[0].weight - 5) < 0.1 && male.surrogates[0].modelPrediction == 7)
    }

    /// A level that no row of the training split has is drawn all the same.
    @Test func aLevelThatTrainingNeverSaw() throws {
        let sample = Sample()
        let probe = try sample.linear([2, 0, 0, 0, 0, 0])
        let place = TableNeighbourhood(sample.sampler(.quartile), row: [.nan, 0, 500, 1])
        let found = try explained(probe, place, LIMESettings(samples: 2_000, repeats: 1))
        #expect(found.surrogates[0].terms.contains { $0.text == "a missing" && $0.weight.isFinite })
        var own = 0
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 16) { memory in
            guard let base = memory.baseAddress else { return }
            for number in 1...1_000 {
                place.perturb(number, seed: 1, features: base, input: base + 4)
                own += Int(base[0])
            }
        }
        #expect((100...300).contains(own), "a fifth of the draws, but \(own) of 1000")
    }

    @Test func drawnRowsAreLikeTheTrainingSplit() throws {
        let sample = Sample()
        let place = TableNeighbourhood(sample.sampler(.quartile), row: sample.row(1))
        var inputs: [[Float]] = []
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 16) { memory in
            guard let base = memory.baseAddress else { return }
            for number in 0..<4_000 {
                place.perturb(number, seed: 9, features: base, input: base + 4)
                inputs.append((0..<6).map { base[4 + $0] })
                #expect(number > 0 || (0..<4).allSatisfy { base[$0] == 1 })
            }
        }
        // Number 0 is the row as the model sees it.
        #expect(sample.preprocessing.apply(.floats(sample.row(1))) == .floats(inputs[0]))
        for feature in [0, 2] {
            let values = inputs.dropFirst().map { Double($0[feature]) }
            let mean = values.reduce(0, +) / Double(values.count)
            let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
            #expect(abs(mean) < 0.06 && abs(deviation - 1) < 0.06)
            let encoded = (0..<sample.rows).map { row -> Double in
                guard case .floats(let all) = sample.preprocessing.apply(.floats(sample.row(row))) else { return 0 }
                return Double(all[feature])
            }
            #expect(values.allSatisfy { $0 >= (encoded.min() ?? 0) - 1e-6 && $0 <= (encoded.max() ?? 0) + 1e-6 })
        }
        let levels = inputs.dropFirst().map { $0[3...].firstIndex(of: 1) }
        #expect(abs(Double(levels.count { $0 == nil }) / 4_000 - 1.0 / 7) < 0.03)
    }

    @Test func anyNumberOfWorkersGivesTheSameBits() throws {
        let sample = Sample()
        for discretizer in [LIMESettings.Discretizer.quartile, .none] {
            let place = TableNeighbourhood(sample.sampler(discretizer), row: sample.row(2))
            let settings = LIMESettings(samples: 3_000, discretizer: discretizer, seed: 11, repeats: 3)
            let all = try [1, 2, 3].map { try explained(sample.classifier(3, workers: $0), place, settings) }
            #expect(all[0] == all[1] && all[0] == all[2])
            // Again, and with another seed.
            let probe = try sample.classifier(3, workers: 2)
            #expect(try explained(probe, place, settings) == explained(probe, place, settings))
            var other = settings
            other.seed = 12
            #expect(try explained(probe, place, other).surrogates != all[0].surrogates)
        }
    }

    @Test func bothClassesFromTheSamePerturbations() throws {
        let sample = Sample()
        let probe = try sample.classifier(2)
        let place = TableNeighbourhood(sample.sampler(.quartile), row: [13.9, 0, 500, 1])
        let found = try explained(probe, place, LIMESettings(samples: 3_000, repeats: 2))
        #expect(found.surrogates.map(\.classIndex) == [1, 0])
        #expect(found.probabilities[1] > 0.5)
        let (a, b) = (found.surrogates[0], found.surrogates[1])
        #expect(a.terms[0].feature == 0 && a.terms[0].weight > 0)
        for term in a.terms {
            let mirrored = try #require(b.terms.first { $0.feature == term.feature })
            #expect(abs(term.weight + mirrored.weight) < 1e-5)
        }
        #expect(abs(a.localPrediction + b.localPrediction - 1) < 1e-5)
        #expect(Double(found.probabilities[1]) == a.modelPrediction)
    }

    @Test func cancellationEndsIt() throws {
        let sample = Sample()
        let probe = try sample.classifier(3, workers: 2)
        let place = TableNeighbourhood(sample.sampler(.quartile), row: sample.row(2))
        let settings = LIMESettings(samples: 20_000, repeats: 5)
        for stopAt in [1, 2, 7] {
            var parts: [Double] = []
            let found = probe.explain(place, settings: settings) { part in
                parts.append(part)
                return parts.count < stopAt
            }
            #expect(found == nil && parts.count == stopAt)
        }
        var parts: [Double] = []
        #expect(
            probe.explain(place, settings: settings) {
                parts.append($0); return true
            } != nil)
        #expect(parts == parts.sorted() && parts.first == 0 && parts.last == 1)
        // A piece of work between two looks is short.
        #expect(parts.count > 20)
        #expect(probe.kernelWidthSweep(place, widths: [1, 2], settings: settings) { $0 < 0.5 } == nil)
    }

    /// Samples are doubled while the repeats disagree, at most eightfold; one repeat has nobody to disagree with.
    @Test func samplesAreDoubledWhereTheRankingAsksForIt() throws {
        let sample = Sample()
        let place = TableNeighbourhood(sample.sampler(.quartile), row: sample.row(2))
        // Nothing matters: the ranking is noise.
        let indifferent = try sample.linear([1e-3, 1e-3, 1e-3, 0, 0, 0])
        let noisy = try explained(indifferent, place, LIMESettings(samples: 100, repeats: 4))
        #expect([200, 400, 800].contains(noisy.settings.samples))
        #expect(try explained(indifferent, place, LIMESettings(samples: 100, repeats: 1)).settings.samples == 100)
        // a matters most, then c: two features are ranked alike by all.
        let clear = try sample.linear([5, 0, 1.5, 0, 0, 0])
        let row = TableNeighbourhood(sample.sampler(.quartile), row: [13.99, 0, 999, 1])
        let settings = LIMESettings(samples: 2_000, features: 2, repeats: 4)
        #expect(try explained(clear, row, settings).settings.samples == 2_000)
    }

    @Test func oneWidthOfASweepIsThatWidthsExplanation() throws {
        let sample = Sample()
        let probe = try sample.classifier(3)
        let place = TableNeighbourhood(sample.sampler(.quartile), row: sample.row(2))
        var settings = LIMESettings(samples: 1_000, repeats: 1)
        let trials = try #require(
            probe.kernelWidthSweep(place, widths: [0.5, 1.5, 4], settings: settings) { _ in true })
        #expect(trials.map(\.width) == [0.5, 1.5, 4])
        settings.kernelWidth = 1.5
        #expect(trials[1].surrogate == (try explained(probe, place, settings)).surrogates[0])
    }

    @Test func verdicts() {
        #expect(SurrogateFit(rSquared: 0.5, gap: 0.15, agreement: 0.8) == .good)
        #expect(SurrogateFit(rSquared: 0.9, gap: 0.15, agreement: 0.6) == .fair)
        #expect(SurrogateFit(rSquared: 0.9, gap: 0, agreement: 1, isFirstClear: false) == .fair)
        #expect(SurrogateFit(rSquared: 0.9, gap: 0.16, agreement: 1) == .fair)
        #expect(SurrogateFit(rSquared: 0.25, gap: 0.3, agreement: 0.1) == .fair)
        #expect(SurrogateFit(rSquared: 0.24, gap: 0, agreement: 1) == .poor)
        #expect(SurrogateFit(rSquared: 0.9, gap: 0.31, agreement: 1) == .poor)
        #expect(SurrogateFit(rSquared: .nan, gap: 0, agreement: 1) == .poor)
    }
}

struct FeatureSurveyTests {
    @Test func onlyTheColumnThatMattersCosts() throws {
        let sample = Sample()
        let probe = try sample.classifier(20, workers: 2)
        let labels = (0..<sample.rows).map { Int32(sample.row($0)[0] > 12 ? 1 : 0) }
        func measured(_ seed: UInt64, _ probe: NetworkProbe) throws -> PermutationImportance {
            try #require(
                probe.permutationImportance(sample.values, labels: labels, targets: nil, seed: seed) { _ in true })
        }
        let found = try measured(4, probe)
        #expect(found.means.count == 4 && found.deviations.count == 4)
        #expect(found.means[0] > 0.4 && found.means[0] < 0.6 && found.deviations[0] > 0 && found.deviations[0] < 0.05)
        for column in 1..<4 { #expect(found.means[column] == 0 && found.deviations[column] == 0) }
        #expect(try measured(4, sample.classifier(20, workers: 3)) == found)
        #expect(try measured(5, probe) != found)
        #expect(
            probe.permutationImportance(sample.values, labels: labels, targets: nil, seed: 4) { $0 < 0.2 } == nil)
    }

    /// Where numbers are predicted, shuffling a column of weight w raises the RMSE from 0 to about w·√2.
    @Test func numbersLoseTheirFit() throws {
        let sample = Sample()
        let probe = try sample.linear([1.5, 0, 0, 0, 0, 0])
        let deviations = sample.preprocessing.encodings[0]
        guard case .standardised(let mean, let deviation) = deviations else {
            Issue.record("a number is standardised")
            return
        }
        let targets = (0..<sample.rows).map { 2 + 1.5 * (sample.row($0)[0] - mean) / deviation }
        let found = try #require(
            probe.permutationImportance(
                sample.values, labels: sample.labels.map { _ in 0 }, targets: targets, seed: 1
            ) { _ in true })
        #expect(abs(found.means[0] - 1.5 * 2.0.squareRoot()) < 0.15 && abs(found.means[2]) < 1e-6)
    }

    /// As figure 5 of Ribeiro et al. 2016: the second row shows the most; with it the last one, which alone has what is left.
    @Test func thePickCoversWhatMatters() {
        let weights: [[Double]] = [
            [0, 1, 1, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, -1],
        ]
        // Importances: 1, 2, √2, 1, 1: the third row has 2 + √2 + 1, then the second adds 1, and the last one 1.
        #expect(SubmodularPick.pick(2, of: weights) == [2, 1])
        #expect(SubmodularPick.pick(5, of: weights) == [2, 1, 4])
        #expect(SubmodularPick.pick(3, of: [[0, 0], [0, 0]]).isEmpty && SubmodularPick.pick(3, of: []).isEmpty)
    }
}

struct ImageExplanationTests {
    /// Whether each patch is one piece, and their numbers have no gap.
    private func check(_ superpixels: Superpixels, _ comment: Comment) {
        let (height, width) = (superpixels.height, superpixels.width)
        #expect(superpixels.segments.count == height * width, comment)
        #expect(Set(superpixels.segments) == Set(0..<superpixels.count), comment)
        var seen = [Bool](repeating: false, count: height * width)
        var pieces = 0
        for start in seen.indices where !seen[start] {
            pieces += 1
            var stack = [start]
            seen[start] = true
            while let place = stack.popLast() {
                let (y, x) = (place / width, place % width)
                for (ny, nx) in [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
                where ny >= 0 && ny < height && nx >= 0 && nx < width {
                    let other = ny * width + nx
                    if !seen[other], superpixels.segments[other] == superpixels.segments[place] {
                        seen[other] = true
                        stack.append(other)
                    }
                }
            }
        }
        #expect(pieces == superpixels.count, comment)
    }

    @Test func smallImagesAreCutIntoAGrid() {
        for (height, width, count) in [(28, 28, 49), (32, 32, 64), (8, 8, 16), (1, 1, 1), (39, 5, 42), (16, 20, 63)] {
            let pixels = [UInt8](repeating: 7, count: height * width)
            let superpixels = Superpixels(pixels, channels: 1, height: height, width: width)
            check(superpixels, "\(height)x\(width)")
            #expect(superpixels.count <= 64 && (superpixels.count == count || height == 39 || width == 20))
        }
        #expect(Superpixels.grid(height: 32, width: 32)[5 * 32 + 9] == 8 + 2)
    }

    @Test func largeImagesAreCutByColour() {
        var random = CounterRandom(seed: 1, purpose: .benchmark)
        for (channels, height, width) in [(3, 64, 64), (1, 40, 30), (3, 41, 97), (3, 48, 3)] {
            let plane = height * width
            // A disc on a ground, with noise.
            var pixels = [UInt8](repeating: 0, count: channels * plane)
            for place in 0..<plane {
                let (y, x) = (place / width - height / 2, place % width - width / 2)
                let isDisc = y * y + x * x < height * height / 16
                for channel in 0..<channels {
                    pixels[channel * plane + place] = UInt8((isDisc ? 200 : 40) + Int(random.below(20)) + 5 * channel)
                }
            }
            let superpixels = Superpixels(pixels, channels: channels, height: height, width: width)
            check(superpixels, "\(channels)x\(height)x\(width)")
            #expect((4...64).contains(superpixels.count), "\(superpixels.count) superpixels")
            guard width >= 40, channels == 3 else { continue }
            // Few patches lie on both sides of the disc's edge.
            var sides = [[Int]](repeating: [0, 0], count: superpixels.count)
            for place in 0..<plane {
                sides[superpixels.segments[place]][pixels[place] > 120 ? 1 : 0] += 1
            }
            let mixed = sides.reduce(0) { $0 + min($1[0], $1[1]) }
            #expect(mixed * 50 < plane, "\(mixed) of \(plane) pixels on the wrong side")
        }
    }

    /// A network that looks at the pixel in one corner.
    private func cornerProbe(_ preprocessing: Preprocessing, workers: Int) throws -> NetworkProbe {
        let network = try Network([.flatten, .dense(units: nil)], input: preprocessing.shape, classes: 2)
        var weights = [Float](repeating: 0, count: 2 * 64)
        weights[64] = 4
        return try NetworkProbe(
            network,
            weights: [
                ParameterValues(name: network.parameters[0].name, shape: [2, 64], values: weights),
                ParameterValues(name: network.parameters[1].name, shape: [2], values: [0, -1]),
            ], loss: .softmaxCrossEntropy(), preprocessing: preprocessing, workers: workers)
    }

    @Test func theCornerThatTheNetworkLooksAtIsFound() throws {
        var pixels = [UInt8](repeating: 0, count: 64)
        // Superpixels of 2x2 pixels, so that a hidden one has another colour than its pixels.
        for place in [0, 9, 27, 44] { pixels[place] = 255 }
        let dataset = Dataset(
            name: "corner", shape: .image(channels: 1, height: 8, width: 8), classes: ["no", "yes"],
            features: .bytes(pixels), labels: [1], origin: "drawn")
        let preprocessing = Preprocessing(fitting: dataset, train: [0], spec: DataSpec(dataset: "corner"))
        let segments = Superpixels(pixels, channels: 1, height: 8, width: 8)
        #expect(segments.count == 16)
        let place = ImageNeighbourhood(pixels, superpixels: segments, preprocessing: preprocessing)
        let settings = LIMESettings(samples: 500, repeats: 2)
        let probe = try cornerProbe(preprocessing, workers: 1)
        let found = try #require(probe.explain(place, settings: settings) { _ in true })
        let surrogate = found.surrogates[0]
        // Seen, the corner is white and the class sure; hidden, it is half as bright, as two of its superpixel's four pixels are.
        #expect(surrogate.classIndex == 1 && surrogate.terms[0].text == "superpixel 0" && surrogate.fit == .good)
        #expect(abs(surrogate.terms[0].weight - (1 / (1 + exp(-3.0)) - 1 / (1 + exp(-1.0)))) < 0.05)
        #expect(surrogate.terms.dropFirst().allSatisfy { abs($0.weight) < 0.02 })
        #expect(found.settings.kernelWidth == 0.25)
    }

    @Test func hiddenSuperpixelsHaveTheirMeanColour() throws {
        let pixels = (0..<3 * 28 * 28).map { UInt8(truncatingIfNeeded: $0 * 37) }
        let shape = TensorShape.image(channels: 3, height: 28, width: 28)
        let dataset = Dataset(
            name: "steps", shape: shape, classes: ["no", "yes"], features: .bytes(pixels), labels: [1], origin: "drawn")
        let preprocessing = Preprocessing(fitting: dataset, train: [0], spec: DataSpec(dataset: "steps"))
        let superpixels = Superpixels(pixels, channels: 3, height: 28, width: 28)
        let place = ImageNeighbourhood(pixels, superpixels: superpixels, preprocessing: preprocessing)
        var features = [Float](repeating: 0, count: superpixels.count)
        var input = [Float](repeating: 0, count: pixels.count)
        var seen = 0
        for number in 0..<20 {
            features.withUnsafeMutableBufferPointer { features in
                input.withUnsafeMutableBufferPointer { input in
                    guard let features = features.baseAddress, let input = input.baseAddress else { return }
                    place.perturb(number, seed: 5, features: features, input: input)
                }
            }
            seen += Int(features.reduce(0, +))
            for channel in 0..<3 {
                for segment in [0, 20, 48] {
                    let places = superpixels.segments.indices.filter { superpixels.segments[$0] == segment }
                    let mean = places.reduce(0) { $0 + Float(pixels[channel * 784 + $1]) } / Float(places.count) / 255
                    for pixel in places {
                        let wanted = features[segment] == 1 ? Float(pixels[channel * 784 + pixel]) / 255 : mean
                        #expect(abs(input[channel * 784 + pixel] - wanted) < 1e-5)
                    }
                }
            }
            if number == 0 { #expect(features.allSatisfy { $0 == 1 }) }
        }
        #expect((500...640).contains(seen))
        let distance = features.withUnsafeBufferPointer { $0.baseAddress.map(place.distance) }
        let shown = Double(features.reduce(0, +)) / 49
        #expect(abs((distance ?? 0) - (1 - shown.squareRoot())) < 1e-12)
    }

    /// What is looked up is what the whole network computes, whatever stands before and after the first dense layer.
    @Test(arguments: [0, 1, 2, 3])
    func tablesAreTheNetwork(kind: Int) throws {
        let side = [16, 28, 32, 9][kind]
        let channels = kind == 1 ? 1 : 3
        var random = CounterRandom(seed: 6, purpose: .benchmark)
        let pixels = (0..<channels * side * side).map { _ in UInt8(random.below(256)) }
        let shape = TensorShape.image(channels: channels, height: side, width: side)
        let dataset = Dataset(
            name: "noise", shape: shape, classes: ["a", "b", "c"], features: .bytes(pixels), labels: [1],
            origin: "drawn")
        let preprocessing = Preprocessing(fitting: dataset, train: [0], spec: DataSpec(dataset: "noise"))
        let layers: [[LayerSpec]] = [
            [
                .conv(filters: 8, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2), .flatten,
                .dense(units: 16, activation: .relu), .dense(units: nil),
            ],
            [
                .conv(filters: 5, kernel: 3, padding: .same, hasBias: false), .batchNorm(activation: .relu),
                .dropout(rate: 0.2), .flatten, .dense(units: nil),
            ],
            [
                .conv(filters: 16, kernel: 3, activation: .linear), .activation(.tanh),
                .averagePool(size: 2, stride: 2),
                .flatten, .dense(units: 20, activation: .linear), .activation(.relu), .layerNorm(), .dropout(rate: 0.5),
                .dense(units: 7, activation: .elu), .dense(units: nil),
            ],
            [
                .conv(filters: 4, kernel: 2, activation: .relu), .flatten, .dense(units: 3, activation: .tanh),
                .dense(units: nil),
            ],
        ]
        let network = try Network(layers[kind], input: shape, classes: 3)
        let weights = network.initialWeights(seed: 4).map { values in
            var values = values
            // Biases and norms that change something.
            for index in values.values.indices where values.shape.count == 1 {
                values.values[index] += 0.1 * Float(index % 5)
            }
            return values
        }
        let probe = try NetworkProbe(
            network, weights: weights, loss: .softmaxCrossEntropy(), preprocessing: preprocessing, workers: 2)
        let place = ImageNeighbourhood(
            pixels, superpixels: Superpixels(pixels, channels: channels, height: side, width: side),
            preprocessing: preprocessing)
        let patched = try #require(probe.patched)
        let tables = try #require(patched.tables(place))
        func asked(_ probe: NetworkProbe, _ place: some Neighbourhood) -> [Float] {
            probe.ask(100) { range, inputs, stride in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: place.features) { features in
                    guard let features = features.baseAddress else { return }
                    for (row, number) in range.enumerated() {
                        place.perturb(number, seed: 3, features: features, input: inputs + row * stride)
                    }
                }
            }
        }
        let (whole, looked) = (asked(probe, place), asked(patched.suffix, tables))
        #expect(zip(whole, looked).allSatisfy { abs($0 - $1) < 2e-5 } && whole.count == looked.count)
        // They are not all the same.
        #expect(Set(whole).count > 100)
    }

    /// A window that sees too many superpixels is not looked up.
    @Test func deepNetworksAreComputed() throws {
        let shape = TensorShape.image(channels: 1, height: 28, width: 28)
        let pixels = [UInt8](repeating: 9, count: 784)
        let dataset = Dataset(
            name: "flat", shape: shape, classes: ["a", "b"], features: .bytes(pixels), labels: [1], origin: "drawn")
        let preprocessing = Preprocessing(fitting: dataset, train: [0], spec: DataSpec(dataset: "flat"))
        let stage: [LayerSpec] = [.conv(filters: 4, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2)]
        let network = try Network(stage + stage + [.flatten, .dense(units: nil)], input: shape, classes: 2)
        let probe = try NetworkProbe(
            network, weights: network.initialWeights(seed: 1), loss: .softmaxCrossEntropy(),
            preprocessing: preprocessing, workers: 1)
        let place = ImageNeighbourhood(
            pixels, superpixels: Superpixels(pixels, channels: 1, height: 28, width: 28), preprocessing: preprocessing)
        #expect(probe.patched?.tables(place) == nil)
        #expect(probe.explain(place, settings: LIMESettings(samples: 100, repeats: 1)) { _ in true } != nil)
        // No flatten, or layers that are not one after the other.
        let other = try Network([stage[0], .globalAveragePool, .dense(units: nil)], input: shape, classes: 2)
        #expect(
            try NetworkProbe(
                other, weights: other.initialWeights(seed: 1), loss: .softmaxCrossEntropy(),
                preprocessing: preprocessing, workers: 1
            ).patched == nil)
    }

    /// A convolutional network: the same bits by any number of workers, two classes, the patch that it looks at first.
    @Test func anImageIsExplained() throws {
        var random = CounterRandom(seed: 2, purpose: .benchmark)
        let pixels = (0..<3 * 16 * 16).map { _ in UInt8(random.below(256)) }
        let shape = TensorShape.image(channels: 3, height: 16, width: 16)
        let dataset = Dataset(
            name: "noise", shape: shape, classes: ["a", "b", "c"], features: .bytes(pixels), labels: [1],
            origin: "drawn")
        let preprocessing = Preprocessing(fitting: dataset, train: [0], spec: DataSpec(dataset: "noise"))
        let network = try Network(
            [
                .conv(filters: 8, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2), .flatten,
                .dense(units: 16, activation: .relu), .dense(units: nil),
            ], input: shape, classes: 3)
        let superpixels = Superpixels(pixels, channels: 3, height: 16, width: 16)
        let place = ImageNeighbourhood(pixels, superpixels: superpixels, preprocessing: preprocessing)
        let settings = LIMESettings(samples: 600, seed: 3, repeats: 2)
        let all = try [1, 2, 3].map { workers in
            let probe = try NetworkProbe(
                network, weights: network.initialWeights(seed: 4), loss: .softmaxCrossEntropy(),
                preprocessing: preprocessing, workers: workers)
            return try #require(probe.explain(place, settings: settings) { _ in true })
        }
        #expect(all[0] == all[1] && all[0] == all[2])
        #expect(all[0].surrogates.count == 2 && abs(all[0].probabilities.reduce(0, +) - 1) < 1e-5)
        #expect(all[0].surrogates[0].terms.count == 5)
        // What the probe says of the whole image is what a predictor says.
        let predictor = try Predictor(
            network, weights: network.initialWeights(seed: 4),
            data: PreparedExamples(.bytes(pixels), labels: [0], by: preprocessing), workers: 1)
        #expect(try predictor.infer().probabilities == all[0].probabilities)
    }
}
