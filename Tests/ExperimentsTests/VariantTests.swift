// Variants in files and sessions: what is written comes back bit for bit and is as small as it should be; what is compared adds up.

import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct VariantFileTests {
    private let layers: [LayerSpec] = [
        .conv(filters: 16, kernel: 3, activation: .relu), .maxPool(size: 2, stride: 2),
        .conv(filters: 32, kernel: 3, hasBias: false), .batchNorm(activation: .relu), .flatten,
        .dense(units: 64, activation: .relu), .dense(units: nil),
    ]

    private func network() throws -> Network {
        try Network(layers, input: .image(channels: 1, height: 20, width: 20), classes: 10)
    }

    /// The network after `name`, without training.
    private func variant(_ name: String, _ base: Network) throws -> Variant {
        let recipe = name == "baseline" ? VariantRecipe() : try VariantRecipe(name)
        var (network, weights) = (base, base.initialWeights(seed: 4))
        if let channels = recipe.channels {
            let pruning = try ChannelPruning(network, weights, percent: channels)
            (network, weights) = (pruning.network, pruning.weights)
        }
        if let pruning = recipe.pruning {
            weights = Pruning.apply(Pruning.masks(network, weights, pruning), to: weights)
        }
        if let clusters = recipe.clusters {
            let shared = SharedWeights.all(network, weights, clusters: clusters)
            weights = weights.map { array in
                shared[array.name].map { ParameterValues(name: array.name, shape: array.shape, values: $0.values) }
                    ?? array
            }
        }
        guard recipe.numbers == .int8 else { return Variant(recipe, network, weights) }
        return Variant(
            recipe, network,
            quantized: try QuantizedModel(
                network, weights: weights, calibration: noise(), keeping: Set(recipe.kept.map { $0 - 1 })))
    }

    /// Images of noise.
    private func noise() -> PreparedExamples {
        var random = CounterRandom(seed: 3, purpose: .benchmark)
        let bytes = (0..<40 * 400).map { _ in UInt8(truncatingIfNeeded: random.next32() >> 24) }
        let dataset = Dataset(
            name: "noise", shape: .image(channels: 1, height: 20, width: 20), classes: (0..<10).map(String.init),
            features: .bytes(bytes), labels: (0..<40).map { $0 % 10 }, origin: "noise")
        let preprocessing = Preprocessing(
            fitting: dataset, train: Array(0..<40), spec: DataSpec(dataset: "noise"))
        return PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing)
    }

    /// Largest share of float32 that a file may take.
    @Test(arguments: [
        ("baseline", 1.02), ("f16", 0.52), ("bf16", 0.52), ("int8", 0.27), ("dynamic", 0.27), ("int4", 0.16),
        ("prune80", 0.30), ("prune97", 0.06), ("2:4", 0.56), ("prune50-layer", 0.56), ("channels50", 0.30),
        ("cluster16", 0.15), ("prune80+cluster16", 0.09), ("prune50+int8", 0.20), ("channels30+int8", 0.16),
        ("channels50+prune80+cluster5", 0.06), ("prune80+f16", 0.16), ("prune60+int4", 0.15), ("int8+keep3", 0.30),
        ("prune95+int8", 0.12),
    ])
    func comesBackAndIsSmall(name: String, most: Double) throws {
        let base = try network()
        let variant = try variant(name, base)
        let bytes = VariantFile.encode(variant, of: base, fineTuned: 3)
        let (back, fineTuned) = try VariantFile.read(bytes, of: base)
        #expect(fineTuned == 3 && back.recipe == variant.recipe && back.network == variant.network)
        #expect(back.packed == variant.packed && back.quantized == variant.quantized)
        #expect((back.quantized != nil) == (variant.recipe.numbers == .int8))
        for (a, b) in zip(back.weights, variant.weights) {
            #expect(a.name == b.name && a.shape == b.shape)
            #expect(a.values.map(\.bitPattern) == b.values.map(\.bitPattern), "\(a.name)")
        }
        let raw = base.parameters.reduce(0) { $0 + 4 * $1.count }
        #expect(Double(bytes.count) <= most * Double(raw), "\(Double(bytes.count) / Double(raw))")
        #expect(VariantFile.gzipSize(bytes) < bytes.count + 100)
        #expect(bytes == VariantFile.encode(variant, of: base, fineTuned: 3))
    }

    @Test func gzipSizeIsThatOfGzip() throws {
        let folder = try TemporaryFolder()
        var data = Data()
        for index in 0..<200_000 { data.append(UInt8(truncatingIfNeeded: index * index / 7 % 61)) }
        try data.write(to: URL(fileURLWithPath: folder["a"]))
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip", "-9", "-n", folder["a"]]
        try gzip.run()
        gzip.waitUntilExit()
        let real = try #require(FileManager.default.attributesOfItem(atPath: folder["a.gz"])[.size] as? Int)
        #expect(abs(VariantFile.gzipSize(data) - real) <= real / 50 + 20)
    }

    /// Whatever is flipped or cut: an error or another variant, never a trap.
    @Test(arguments: ["prune80+cluster16", "channels50+int4", "prune97", "f16", "int8", "prune90+int8+keep1"])
    func damageIsNoTrap(name: String) throws {
        let base = try network()
        let bytes = VariantFile.encode(try variant(name, base), of: base)
        var random = CounterRandom(seed: 1, purpose: .benchmark)
        for length in [0, 7, 8, 100, bytes.count - 1] {
            #expect(throws: (any Error).self) { try VariantFile.read(bytes.prefix(length), of: base) }
        }
        for _ in 0..<150 {
            var damaged = bytes
            // Half of the damage in the header, which is the smaller part.
            let end = random.below(2) == 0 ? 1500 : UInt32(bytes.count)
            damaged[Int(random.below(min(end, UInt32(bytes.count))))] ^= UInt8(1 << random.below(8))
            do {
                _ = try VariantFile.read(damaged, of: base)
            } catch {
                #expect(!"\(error)".isEmpty)
            }
        }
        let other = try Network(
            [.flatten, .dense(units: nil)], input: .image(channels: 1, height: 20, width: 20), classes: 10)
        #expect(throws: (any Error).self) { try VariantFile.read(bytes, of: other) }
    }
}

@Suite(.serialized) struct ComparisonTests {
    private func session(_ folder: TemporaryFolder) throws -> String {
        let yaml = """
            name: small
            data: {dataset: digits, validation_fraction: 0.1, seed: 42}
            network:
              - conv: {filters: 16, kernel: 3, activation: relu}
              - flatten
              - dense: {units: 48, activation: relu}
              - dense: {units: classes}
            training: {epochs: 6, batch: 32, seed: 1, optimizer: {adam: {learning_rate: 0.003}}}
            """
        let (spec, text) = try SpecFile.parse(yaml: yaml, file: "small.yaml")
        let run = try TrainingRun(
            Experiment(spec: spec, yaml: text), path: folder["s.session"], workers: 2, programVersion: "0", command: [])
        _ = try run.run(RunObserver(events: { _ in }, complaint: { _ in }))
        return folder["s.session"]
    }

    @Test func linesAddUpAndVariantsAreKept() throws {
        let folder = try TemporaryFolder()
        let path = try session(folder)
        let maker = try VariantMaker(session: path, workers: 2)
        let comparison = try Comparison(maker, tuning: FineTuning(epochs: 4))
        let names = ["f16", "int8", "prune80", "channels50", "cluster16", "prune80+cluster16"]
        for name in names { try comparison.add(VariantRecipe(name)) }
        try comparison.time()
        let lines = comparison.lines
        #expect(lines.map(\.variant) == ["baseline"] + names)
        let base = lines[0]
        #expect(base.lostPoints == 0 && base.agreement == 1 && base.mcNemarP == 1 && base.note.isEmpty)
        #expect(base.accuracy > 0.9)
        for line in lines {
            #expect(line.accuracyInterval.low < line.accuracy && line.accuracy < line.accuracyInterval.high)
            #expect(abs((base.accuracy - line.accuracy) * 100 - line.lostPoints) < 1e-9)
            #expect(line.median > 0 && line.percentile95 >= line.median && line.imagesPerSecond > 0)
            #expect(line.gzipBytes > 0 && line.gzipBytes < line.bytes + 100)
            #expect(line.lostPoints < 5, "\(line.variant) \(line.lostPoints)")
            if line.variant != "baseline" { #expect(line.bytes < base.bytes) }
            let runsSmaller = line.variant == "channels50"
            let runsOtherwise = runsSmaller || line.variant == "int8"
            #expect((line.multiplyAdds < base.multiplyAdds) == runsSmaller)
            #expect(
                line.note.contains("only the file is smaller") == !(runsOtherwise || line.variant == "baseline"),
                "\(line.note)")
            #expect(
                line.note.contains("longer than the baseline")
                    == ["prune80", "channels50", "cluster16", "prune80+cluster16"].contains(line.variant))
        }
        let small = try #require(comparison.smallest(losingAtMost: 100))
        #expect(small.bytes == lines.map(\.bytes).min())

        #expect(try comparison.keep().isEmpty)
        #expect(try comparison.keep().isEmpty, "kept twice, there once")
        for line in lines.dropFirst() {
            let kept = try TrainedModel(session: path, variant: line.variant)
            guard case .classes(let report) = try kept.evaluate(data: nil, workers: 1).outcome else {
                throw ComparisonError.diverged(variant: "")
            }
            #expect(report.accuracy.value == line.accuracy)
            #expect(report.macroF1.value == line.macroF1)
        }
        #expect(try TrainedModel(session: path).weights == maker.model.weights)
        let error = #expect(throws: ModelError.self) { try TrainedModel(session: path, variant: "int4") }
        #expect("\(try #require(error))".contains("prune80+cluster16"))
        #expect(throws: VariantError.self) { try TrainedModel(session: path, variant: "tiny") }
    }

    /// What can't be without training gets it, says so, and answers as the network that it learnt from.
    @Test func someLearnWhatTheyLose() throws {
        let folder = try TemporaryFolder()
        let path = try session(folder)
        let maker = try VariantMaker(session: path, workers: 2)
        let comparison = try Comparison(maker, tuning: nil)
        let plain = try comparison.add(VariantRecipe("channels50"))
        let taught = try comparison.add(VariantRecipe("channels50+distill"))
        #expect(taught.epochs == FineTuning.usual.epochs && taught.note.contains("longer than the baseline"))
        #expect(taught.agreement > plain.agreement && taught.agreement > 0.9, "\(taught.agreement)")
        #expect(taught.multiplyAdds == plain.multiplyAdds)
        let rounded = try comparison.add(VariantRecipe("int4+qat"))
        #expect(rounded.epochs == FineTuning.usual.epochs && rounded.lostPoints < 3)
        let both = try comparison.add(VariantRecipe("channels25+int8+qat+distill"))
        #expect(both.agreement > 0.9)
        #expect(try comparison.keep().isEmpty)
        let kept = try TrainedModel(session: path, variant: "channels25+int8+qat+distill")
        #expect(kept.quantized != nil)
        // The model in bytes is explained by asking the bytes.
        let explainer = try Explainer(kept, data: nil, workers: 2)
        let row = Int(explainer.splits.test[0])
        let explanation = try #require(
            try explainer.explain(row: row, settings: explainer.defaultSettings, progress: { _ in true }))
        let wanted = try explainer.predictions(of: .test).probabilities.prefix(10)
        #expect(zip(explanation.probabilities, wanted).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    /// A kept layer is bit for bit what it was, one with a sparsity of its own has as many zeros as that says.
    @Test(arguments: [false, true]) func layersCanBeTreatedByThemselves(isGradual: Bool) throws {
        let folder = try TemporaryFolder()
        let maker = try VariantMaker(session: try session(folder), workers: 2)
        let network = maker.model.network
        let layers = network.layers.filter { $0.parameters.contains(where: \.isWeight) }
        let (first, last) = (try #require(layers.first), try #require(layers.last))
        let recipe = try VariantRecipe("prune80+prune25@\(last.index + 1)+int8+keep\(first.index + 1)")
        let variant = try maker.make(recipe, tuning: isGradual ? FineTuning(epochs: 1, isGradual: true) : nil)
        func array(_ layer: NetworkLayer, _ weights: [ParameterValues]) throws -> [Float] {
            try #require(weights.first { $0.name == layer.parameters.first?.name }).values
        }
        if !isGradual { #expect(try array(first, variant.weights) == array(first, maker.model.weights)) }
        #expect(try array(first, variant.weights).allSatisfy { $0 != 0 })
        let own = try array(last, variant.weights)
        // Rounding to bytes adds some.
        #expect(own.count { $0 == 0 } >= own.count / 4 && own.count { $0 == 0 } < own.count / 2)
        let file = VariantFile.encode(variant, of: network)
        #expect(try VariantFile.read(file, of: network).variant.weights == variant.weights)
        #expect(throws: VariantError.self) { try maker.make(VariantRecipe("int8+keep77")) }
    }

    /// One layer alone, against evaluating the network with that layer's weights changed by hand.
    @Test func sensitivityIsTheLossOfOneLayerAlone() throws {
        let folder = try TemporaryFolder()
        let maker = try VariantMaker(session: try session(folder), workers: 2)
        let comparison = try Comparison(maker, tuning: nil)
        let found = try comparison.sensitivity(["prune95"])
        let weighted = maker.model.network.layers.filter { $0.parameters.contains(where: \.isWeight) }
        #expect(found.layers.map(\.number) == weighted.map { $0.index + 1 })
        for (layer, sensed) in zip(weighted, found.layers) {
            let changed = maker.model.weights.map { array -> ParameterValues in
                guard array.name == layer.parameters.first?.name else { return array }
                var pruned = array
                let order = array.values.indices.sorted { abs(array.values[$0]) < abs(array.values[$1]) }
                for index in order.prefix(Int((Double(order.count) * 0.95).rounded())) { pruned.values[index] = 0 }
                return pruned
            }
            let inference = try maker.infer(maker.model.network, changed, examples: found.examples)
            let accuracy = inference.accuracy
            let whole = try maker.infer(maker.model.network, maker.model.weights, examples: found.examples).accuracy
            #expect(abs(sensed.lostPoints[0] - (whole - accuracy) * 100) < 1e-9)
        }
        #expect(found.layers.contains { $0.lostPoints[0] > 1 })
    }

    /// What a comparison keeps is read back as the events that the screens fold.
    @Test func aComparisonIsRecordedAndFolds() throws {
        let folder = try TemporaryFolder()
        let path = try session(folder)
        let maker = try VariantMaker(session: path, workers: 2)
        let comparison = try Comparison(maker, tuning: nil)
        try comparison.add(VariantRecipe("int8"))
        try comparison.add(VariantRecipe("prune80"))
        try comparison.add(VariantRecipe("int8"))
        try comparison.time(only: "int8")
        #expect(try comparison.keep(recording: true).isEmpty)
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        var state = RunState(try reader.runEvents(after: 0))
        #expect(state.variants.all.map(\.variant) == ["baseline", "prune80", "int8"])
        #expect(state.variants.all[2].imagesPerSecond > 0 && state.variants.all[1].imagesPerSecond == 0)
        let (kept, line) = (state.variants.all[2], comparison.lines[2])
        #expect(kept.bytes == line.bytes && kept.lostPoints == line.lostPoints && kept.weights == line.weights)
        #expect(kept.speedup == line.speedup && abs(kept.median - line.median) < 1e-12)
        let step = maker.model.step
        state.apply(.decided(VariantChoice(step: step, variant: "int8", act: .chosen)))
        state.apply(.decided(VariantChoice(step: step, variant: "prune80", act: .dropped)))
        #expect(state.variants.chosen == "int8" && state.variants.shown.map(\.variant) == ["baseline", "int8"])
        state.apply(.decided(VariantChoice(step: step, variant: "prune80", act: .restored)))
        #expect(state.variants.shown.count == 3)
        var other = comparison.lines[0]
        other.step += 1
        state.apply(.compared(other))
        #expect(state.variants.all == [other] && state.variants.chosen == nil)
    }

    @Test func anyNumberOfWorkersMakesTheSame() throws {
        let folder = try TemporaryFolder()
        let path = try session(folder)
        var found: [[Data]] = []
        for workers in [1, 3] {
            let maker = try VariantMaker(session: path, workers: workers)
            found.append(
                try ["channels50+prune50+cluster8", "prune80"].map { name in
                    let tuning = FineTuning(epochs: 1, isGradual: name == "prune80")
                    return VariantFile.encode(
                        try maker.make(VariantRecipe(name), tuning: tuning), of: maker.model.network)
                })
        }
        #expect(found[0] == found[1])
    }
}
