// Tests of what is noticed in data sets that were made to have it.

import Testing

@testable import Engine

struct DataDoctorTests {
    /// 200 rows of noise in `columns` columns, two classes in turn; `change` spoils them.
    private func table(
        columns: Int = 3, classes: [String] = ["no", "yes"],
        _ change: (inout [Float], inout [Int32]) -> Void = { _, _ in }
    ) -> Dataset {
        var random = CounterRandom(seed: 5, purpose: .madeUp)
        var values = (0..<200 * columns).map { _ in random.unit() }
        var labels = (0..<200).map { Int32($0 % classes.count) }
        change(&values, &labels)
        return Dataset(
            name: "made", shape: .vector(columns), classes: classes,
            columns: (0..<columns).map { Column(name: "c\($0)", kind: .numeric) }, features: .floats(values),
            labels: labels, origin: "made")
    }

    private var spec: DataSpec {
        var spec = DataSpec(dataset: "made")
        spec.testFraction = 0.3
        spec.validationFraction = 0
        spec.seed = 1
        return spec
    }

    private func findings(_ dataset: Dataset) throws -> [DataFinding] {
        DataDoctor.findings(dataset, try Splits(dataset, spec))
    }

    private func only(_ dataset: Dataset, _ kinds: [DataFinding.Kind]) throws -> [DataFinding] {
        let found = try findings(dataset)
        #expect(found.map(\.kind) == kinds, "\(found.map(\.text))")
        return found
    }

    @Test func soundDataHaveNothing() throws {
        _ = try only(table(), [])
    }

    @Test func aColumnThatGivesTheLabelAway() throws {
        let found = try only(
            table { values, labels in for row in 0..<200 { values[row * 3 + 1] = 7 - 2 * Float(labels[row]) } }, [.leak]
        )
        #expect(found[0].isSerious && found[0].text.contains("'c1'") && !found[0].text.contains("'c0'"))
        // Where values are missing may give it away too.
        let missing = try findings(
            table { values, labels in for row in 0..<200 where labels[row] == 1 { values[row * 3] = .nan } })
        #expect(missing.map(\.kind) == [.leak, .missing])
        // A good column that is not perfect is none.
        _ = try only(
            table { values, labels in
                for row in 0..<200 where row % 20 != 0 && row % 20 != 7 {
                    values[row * 3 + 1] = Float(labels[row]) + values[row * 3] / 9
                }
            }, [])
    }

    @Test func aTargetAmongTheColumns() throws {
        var dataset = table(classes: ["y"])
        var targets: [Float] = []
        if case .floats(let values) = dataset.features { targets = (0..<200).map { 3 - 2 * values[$0 * 3 + 2] } }
        dataset.targets = targets
        let found = try only(dataset, [.leak])
        #expect(found[0].text.contains("'c2'") && found[0].text.contains("number"))
    }

    @Test func sharedAndContradictingExamples() throws {
        let dataset = table { values, _ in
            for row in 100..<200 { for column in 0..<3 { values[row * 3 + column] = values[(row - 100) * 3 + column] } }
        }
        let splits = try Splits(dataset, spec)
        let train = Set(splits.train.map { $0 % 100 })
        let shared = splits.test.count { train.contains($0 % 100) }
        let found = try only(dataset, [.sharedExamples, .duplicates])
        #expect(found[0].isSerious && found[0].text.hasPrefix("\(shared) of \(splits.test.count) test examples"))
        #expect(found[1].text.hasPrefix("\(splits.train.count - train.count) training examples are equal"))
        // The same rows, with the other label.
        let torn = try findings(
            table { values, labels in
                for row in 100..<200 {
                    labels[row] = 1 - labels[row - 100]
                    for column in 0..<3 { values[row * 3 + column] = values[(row - 100) * 3 + column] }
                }
            })
        #expect(torn.contains { $0.kind == .contradiction && $0.isSerious })
    }

    @Test func columnsThatSayNothingNew() throws {
        let found = try only(
            table(columns: 4) { values, _ in
                for row in 0..<200 {
                    values[row * 4 + 1] = 2.5
                    values[row * 4 + 3] = 10 - 4 * values[row * 4]
                    if row % 4 == 0 { values[row * 4 + 2] = .nan }
                }
            }, [.constant, .duplicateColumns, .missing])
        #expect(found[0].text.contains("'c1'") && found[1].text.contains("'c0' = 'c3'"))
        #expect(found[2].text.contains("'c2' (2") && found.allSatisfy { !$0.isSerious })
    }

    @Test func classesOfDifferentSizes() throws {
        let found = try only(
            table(classes: ["a", "b", "c"]) { _, labels in
                for row in 0..<200 { labels[row] = row < 8 ? 2 : row < 60 ? 1 : 0 }
            }, [.rareClass, .imbalance])
        #expect(found[0].text.contains("'c'") && found[1].text.contains("'a'") && found[1].isSerious)
    }

    @Test func equalImages() throws {
        var pixels = (0..<100 * 15).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }
        for place in 0..<15 { pixels[99 * 15 + place] = pixels[place] }
        let dataset = Dataset(
            name: "made", shape: .image(channels: 1, height: 3, width: 5), classes: ["a", "b"],
            features: .bytes(pixels), labels: (0..<100).map { Int32($0 % 2) }, officialTest: 90..<100, origin: "made")
        let found = try only(dataset, [.sharedExamples])
        #expect(found[0].text.hasPrefix("1 of 10 test examples"))
    }
}
