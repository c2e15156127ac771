// Tests of what a session keeps of its data: thumbnails, columns, splits, and facts that come from anywhere.

import Engine
import Foundation
import Testing

@testable import Experiments

/// An image set of made-up pixels.
func sampleImages(_ count: Int, classes: Int, channels: Int = 3, height: Int, width: Int) -> Dataset {
    var random = CounterRandom(seed: 3, purpose: .benchmark)
    let size = channels * height * width
    return Dataset(
        name: "made", shape: .image(channels: channels, height: height, width: width),
        classes: (0..<classes).map { "class \($0)" },
        features: .bytes((0..<count * size).map { _ in UInt8(random.below(256)) }),
        labels: (0..<count).map { Int32($0 % classes) }, origin: "made up")
}

/// A table of made-up values, every third column of 30 levels.
func sampleTable(_ count: Int, columns: Int, name: (Int) -> String = { "column \($0)" }) -> Dataset {
    var random = CounterRandom(seed: 4, purpose: .benchmark)
    let kinds = (0..<columns).map { place in
        Column(
            name: name(place),
            kind: place % 3 == 2 ? .category(levels: (0..<30).map { "\(name(place)) \($0)" }) : .numeric)
    }
    var values: [Float] = []
    for _ in 0..<count {
        for place in 0..<columns {
            let level = Float(random.below(random.below(30) + 1))
            values.append(random.below(20) == 0 ? .nan : place % 3 == 2 ? level : random.unit())
        }
    }
    return Dataset(
        name: "table", shape: .vector(columns), classes: ["no", "yes"], columns: kinds, features: .floats(values),
        labels: (0..<count).map { Int32($0 % 2) }, origin: "made up", target: "t")
}

func sampleFacts(_ dataset: Dataset) throws -> DatasetFacts {
    var facts = DatasetFacts(
        name: dataset.name, origin: dataset.origin, count: dataset.count, shape: dataset.shape,
        classes: dataset.classes, sha256: "ab", skipped: dataset.skipped)
    facts.summary = DataSummary(dataset, try Splits(dataset, DataSpec(dataset: "made")))
    facts.fit()
    return facts
}

struct ThumbnailTests {
    @Test func smallImagesStay() {
        let pixels = (0..<3 * 8 * 32).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let thumbnail = Thumbnail(pixels[...], channels: 3, height: 8, width: 32)
        #expect(thumbnail == Thumbnail(channels: 3, height: 8, width: 32, pixels: pixels))
    }

    @Test func areasAreAveraged() {
        // Blocks of 3 x 3 pixels, each of one mean.
        let side = 96
        let pixels = (0..<side * side).map { place -> UInt8 in
            let (y, x) = (place / side, place % side)
            return UInt8(y / 3 * 4 + x / 3 * 3 + (y % 3 == 1 && x % 3 == 1 ? 18 : 0))
        }
        let thumbnail = Thumbnail(pixels[...], channels: 1, height: side, width: side)
        #expect(thumbnail.height == 32 && thumbnail.width == 32)
        let means = (0..<1_024).map { (place: Int) -> UInt8 in UInt8(place / 32 * 4 + place % 32 * 3 + 2) }
        #expect(thumbnail.pixels == means)
    }

    @Test(arguments: [(33, 40), (4_000, 1), (1, 4_000), (50, 49), (100, 31), (64, 200)])
    func sidesKeepTheirRelation(_ height: Int, _ width: Int) {
        let grey = [UInt8](repeating: 200, count: 2 * height * width)
        let thumbnail = Thumbnail(grey[...], channels: 2, height: height, width: width)
        #expect(max(thumbnail.height, thumbnail.width) == 32)
        let exact = 32 * Double(min(height, width)) / Double(max(height, width))
        #expect(abs(Double(min(thumbnail.height, thumbnail.width)) - max(1, exact)) <= 0.5)
        #expect(thumbnail.pixels.allSatisfy { $0 == 200 })
        // The mean of a slope stays.
        let slope = (0..<height * width).map { UInt8(255 * ($0 % width) / width) }
        let small = Thumbnail(slope[...], channels: 1, height: height, width: width)
        func mean(_ pixels: [UInt8]) -> Double { Double(pixels.reduce(0) { $0 + Int($1) }) / Double(pixels.count) }
        #expect(abs(mean(small.pixels) - mean(slope)) < 0.6)
    }
}

struct DataSummaryTests {
    @Test func imagesAreCountedAndShown() throws {
        let dataset = sampleImages(200, classes: 10, height: 40, width: 20)
        let splits = try Splits(dataset, DataSpec(dataset: "made"))
        let summary = DataSummary(dataset, splits)
        #expect(summary.splits.map(\.split) == [.train, .validation, .test])
        #expect(summary.splits.map(\.total) == [splits.train.count, splits.validation.count, splits.test.count])
        #expect(summary.splits.last?.counts == Array(repeating: 4, count: 10))
        #expect(summary.thumbnails.count == 30)
        #expect(summary.thumbnails.prefix(10).map(\.label) == Array(0..<10))
        for thumbnail in summary.thumbnails {
            #expect(splits.train.contains(Int32(thumbnail.index)))
            #expect(Int(dataset.labels[thumbnail.index]) == thumbnail.label)
            #expect(thumbnail.image == dataset.thumbnail(of: thumbnail.index))
            #expect(thumbnail.image.height == 32 && thumbnail.image.width == 16)
        }
        #expect(summary.columns.isEmpty)
        // More classes than thumbnails: one of each of the first.
        let many = sampleImages(400, classes: 40, height: 4, width: 4)
        #expect(
            DataSummary(many, try Splits(many, DataSpec(dataset: "made"))).thumbnails.map(\.label) == Array(0..<30))
    }

    @Test func columnsAreDescribed() throws {
        let dataset = Dataset(
            name: "t", shape: .vector(4), classes: ["a", "b"],
            columns: [
                Column(name: "x", kind: .numeric), Column(name: "empty", kind: .numeric),
                Column(name: "same", kind: .numeric), Column(name: "c", kind: .category(levels: ["r", "g", "b"])),
            ],
            features: .floats(
                (0..<100).flatMap { row -> [Float] in
                    let x: Float = row == 7 ? .nan : row == 8 ? .infinity : Float(row) / 10
                    return [x, .nan, 0.1, row % 10 == 0 ? .nan : row < 60 ? 2 : 0]
                }),
            labels: (0..<100).map { Int32($0 % 2) }, origin: "made up")
        let splits = try Splits(dataset, DataSpec(dataset: "t"))
        let summary = DataSummary(dataset, splits)
        #expect(summary.thumbnails.isEmpty)
        #expect(summary.columns.map(\.name) == ["x", "empty", "same", "c"])
        let rows = splits.train.map { Int($0) }
        let xs = rows.filter { $0 != 7 && $0 != 8 }.map { Double($0) / 10 }
        guard case .numeric(let x) = summary.columns[0].content, case .numeric(let empty) = summary.columns[1].content,
            case .numeric(let same) = summary.columns[2].content, case .category(let c) = summary.columns[3].content
        else {
            Issue.record("kinds differ")
            return
        }
        #expect(x.minimum == xs.min() && x.maximum == xs.max())
        #expect(summary.columns[0].missing == rows.count - xs.count)
        let mean = xs.reduce(0, +) / Double(xs.count)
        let variance = xs.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(xs.count)
        #expect(abs(x.mean - mean) < 1e-6)
        #expect(abs(x.deviation - variance.squareRoot()) < 1e-6)
        #expect(x.counts.count == 16 && x.counts.reduce(0, +) == xs.count)
        #expect(empty == .init(minimum: 0, maximum: 0, mean: 0, deviation: 0, counts: Array(repeating: 0, count: 16)))
        #expect(summary.columns[1].missing == rows.count)
        #expect(same.minimum == 0.1 && same.maximum == 0.1 && same.deviation < 1e-9 && same.counts[0] == rows.count)
        #expect(c.names == ["b", "r", "g"] && c.others == 0)
        let levels = rows.filter { $0 % 10 != 0 }.map { $0 < 60 ? "b" : "r" }
        #expect(c.counts == ["b", "r", "g"].map { name in levels.count { $0 == name } })
        #expect(summary.columns[3].missing == rows.count { $0 % 10 == 0 })
    }

    @Test func manyLevelsAndColumnsAreCut() throws {
        let dataset = sampleTable(500, columns: 80) { "\($0)" + String(repeating: "ü", count: 100) }
        let facts = try sampleFacts(dataset)
        let columns = try #require(facts.summary?.columns)
        #expect(columns.count == 64)
        #expect(columns.allSatisfy { $0.name.count == 64 })
        guard case .category(let levels) = columns[2].content else {
            Issue.record("no levels")
            return
        }
        #expect(levels.names.count == 20 && levels.others > 0)
        #expect(zip(levels.counts, levels.counts.dropFirst()).allSatisfy { $0 >= $1 })
    }

    @Test func factsStayBelowTheirLimit() throws {
        var largest = sampleImages(600, classes: 10, height: 64, width: 64)
        largest.skipped = (0..<5_000).map {
            SkippedFile(path: "folder/\($0)" + String(repeating: "a", count: 200), reason: "not an image")
        }
        let images = try sampleFacts(largest)
        #expect(images.json.utf8.count < DatasetFacts.maximumBytes)
        #expect(images.skippedCount == 5_000 && images.skipped.count == 50)
        #expect(try #require(images.summary?.thumbnails.count) >= 27)
        largest.skipped = []
        let whole = try sampleFacts(largest)
        #expect(whole.summary?.thumbnails.count == 30 && whole.json.utf8.count < DatasetFacts.maximumBytes)
        let wide = try sampleFacts(sampleTable(100, columns: 64) { "\($0)" + String(repeating: "\u{1}", count: 100) })
        #expect(wide.json.utf8.count < DatasetFacts.maximumBytes)
        // Names alone may be too many; then only they are left.
        var names = sampleTable(2_000, columns: 4)
        names.classes = (0..<1_000).map { "\($0)" + String(repeating: "x", count: 200) }
        names.labels = (0..<2_000).map { Int32($0 % 1_000) }
        #expect(try sampleFacts(names).classes.count == 1_000)
        for facts in [images, whole, wide] {
            #expect(DatasetFacts(json: facts.json) == facts)
        }
    }

    /// As earlier versions wrote them.
    @Test func oldFactsAreRead() throws {
        let json =
            #"{"classes":["a","b"],"count":150,"name":"iris","origin":"built in","sha256":"0a","shape":{"vector":{"_0":4}},"#
            + #""skipped":[]}"#
        let facts = try #require(DatasetFacts(json: json))
        #expect(facts.summary == nil && facts.skippedCount == nil && facts.shape == .vector(4))
        var info = sampleInfo()
        #expect(info.facts == nil)
        info.datasetJSON = json
        #expect(info.facts == facts)
        info.datasetJSON = "[]"
        #expect(info.facts == nil)
    }

    @Test func hostileFactsAreNone() throws {
        let facts = try sampleFacts(sampleImages(60, classes: 3, channels: 1, height: 2, width: 2))
        let table = try sampleFacts(sampleTable(60, columns: 3))
        func spoiled(_ facts: DatasetFacts, _ from: String, _ to: String) {
            let json = facts.json
            #expect(json.contains(from), "\(from) is not in \(json.prefix(2_000))")
            let bad = json.replacing(from, with: to, maxReplacements: 1)
            #expect(DatasetFacts(json: bad) == nil, "\(from) to \(to)")
        }
        spoiled(facts, "\"height\":2", "\"height\":9223372036854775807")
        spoiled(facts, "\"channels\":1,\"height\":2,\"pixels\"", "\"channels\":1,\"height\":32,\"pixels\"")
        spoiled(facts, "\"channels\":1,\"height\":2,\"pixels\"", "\"channels\":1,\"height\":-2,\"pixels\"")
        spoiled(facts, "\"channels\":1,\"height\":2,\"pixels\":\"", "\"channels\":1,\"height\":2,\"pixels\":\"!!!!")
        spoiled(facts, "\"label\":0", "\"label\":3")
        spoiled(facts, "\"label\":0", "\"label\":-1")
        spoiled(facts, "\"counts\":[", "\"counts\":[9223372036854775807,")
        spoiled(facts, "\"counts\":[", "\"counts\":[1,")
        spoiled(facts, "\"split\":\"train\"", "\"split\":\"later\"")
        spoiled(facts, "\"count\":60", "\"count\":1e300")
        spoiled(facts, "\"classes\":[", "\"classes\":[7,")
        spoiled(table, "\"missing\":", "\"missing\":9223372036854775807,\"x\":")
        spoiled(table, "\"maximum\":", "\"maximum\":-1e300,\"x\":")
        spoiled(table, "\"numeric\":{\"counts\":[", "\"numeric\":{\"counts\":[1,")
        spoiled(table, "\"category\":{\"counts\":[", "\"category\":{\"counts\":[1,")
        spoiled(table, "\"others\":", "\"others\":-1,\"x\":")
        #expect(DatasetFacts(json: String(repeating: "[", count: 200_000)) == nil)
        #expect(DatasetFacts(json: "{\"name\":\"" + String(repeating: "x", count: 9 << 20) + "\"}") == nil)
        let whole = Array(table.json.utf8)
        for length in stride(from: 0, to: whole.count, by: 7) {
            #expect(DatasetFacts(json: String(decoding: whole[..<length], as: UTF8.self)) == nil)
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            var flipped = whole
            flipped[Int.random(in: 0..<whole.count, using: &random)] = .random(in: 0...255, using: &random)
            _ = DatasetFacts(json: String(decoding: flipped, as: UTF8.self))
        }
    }
}

/// What a session keeps of augmented images.
struct AugmentedThumbnailTests {
    private func experiment(_ augment: String, size: Int = 32) throws -> Experiment {
        let yaml = """
            data: {dataset: shapes, examples: 120, resize: \(size)}
            network: [flatten, {dense: {units: classes}}]
            training: {epochs: 3, batch: 16}
            augment: \(augment)
            """
        return try Experiment(spec: try SpecFile.parse(yaml: yaml, file: "a.yaml").spec, yaml: yaml)
    }

    @Test func theyAreWhatTheRunSees() throws {
        let experiment = try experiment("[{flip: horizontal}, {crop: 4}]")
        let summary = try #require(experiment.describedFacts.summary)
        let augmented = try #require(summary.augmented)
        #expect(augmented.map(\.index) == summary.thumbnails.prefix(6).map(\.index))
        #expect(augmented.allSatisfy { $0.epochs.count == 3 })
        #expect(Set(augmented.flatMap { $0.epochs.map(\.pixels) }).count > 12)
        // Through JSON they stay what they are.
        let facts = experiment.describedFacts
        #expect(DatasetFacts(json: facts.json) == facts)
        #expect(facts.json.utf8.count < DatasetFacts.maximumBytes + DatasetFacts.maximumAugmentedBytes)
    }

    @Test func mixupShowsThePartnerOfTheBatch() throws {
        let experiment = try experiment("[{mixup: 1}]")
        guard
            let preview = AugmentationPreview(
                experiment.spec, experiment.dataset, train: experiment.splits.train,
                preprocessing: experiment.preprocessing)
        else { throw Surprise() }
        let index = Int(experiment.splits.train[5])
        let mixed = try preview.images([index], epoch: 2)[0].pixels.map(Float.init)
        let pixels = bytes(of: experiment.dataset)
        let size = experiment.dataset.shape.count
        func image(_ index: Int) -> [Float] { pixels[index * size..<(index + 1) * size].map(Float.init) }
        let alone = image(index)
        // There is one training image, and one weight, with which it is the mix.
        let partners = experiment.splits.train.filter { other in
            let second = image(Int(other))
            let distance = zip(alone, second).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            guard distance > 0 else { return false }
            var weight: Float = 0
            for place in 0..<size { weight += (mixed[place] - second[place]) * (alone[place] - second[place]) }
            weight /= distance
            var worst: Float = 0
            for place in 0..<size {
                let wanted: Float = weight * alone[place] + (1 - weight) * second[place]
                worst = max(worst, abs(wanted - mixed[place]))
            }
            return (-0.01...1.01).contains(weight) && worst < 1.5
        }
        #expect(partners.count == 1)
    }

    @Test func whatIsMixedInIsNamed() throws {
        let experiment = try experiment("[{mixup: 1}]")
        let augmented = try #require(experiment.describedFacts.summary?.augmented)
        #expect(augmented.allSatisfy { $0.mixed.count == 3 && $0.mixed.allSatisfy { (0...1).contains($0.share) } })
        #expect(Set(augmented.flatMap { $0.mixed.map(\.label) }).count > 3)
        let plain = try self.experiment("[{noise: 0.1}]").describedFacts.summary?.augmented
        #expect(plain?.allSatisfy { $0.mixed.isEmpty } == true)
    }

    @Test func withoutAugmentationThereAreNone() throws {
        let facts = try experiment("[]").describedFacts
        #expect(facts.summary?.augmented == nil && !facts.json.contains("augmented"))
    }

    @Test func factsOfUnsoundEpochsAreRefused() throws {
        var facts = try experiment("[{flip: vertical}]", size: 4).describedFacts
        let first = try #require(facts.summary?.augmented?.first)
        facts.summary?.augmented = [
            DataSummary.AugmentedThumbnails(index: first.index, epochs: Array(repeating: first.epochs[0], count: 5))
        ]
        #expect(DatasetFacts(json: facts.json) == nil)
    }
}
