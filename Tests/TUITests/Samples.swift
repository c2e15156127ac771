// Made-up runs that look like real ones, always the same, put through the real fold.

import Engine
import Experiments
import Foundation

enum Sample {
    /// The moment that the tests call now.
    static let now = Date(timeIntervalSince1970: 1_795_500_000)

    static func head(
        name: String = "digits-cnn", epochs: Int = 10, stepsPerEpoch: Int = 41, workers: Int = 2,
        watched: Split = .validation, tariff: Tariff? = nil
    ) -> RunEvent.Started {
        RunEvent.Started(
            name: name, dataset: "digits", classes: (0..<10).map(String.init),
            inputShape: .image(channels: 1, height: 8, width: 8),
            layers: ["conv 16 3x3 relu", "conv 32 3x3 relu", "max_pool 2", "flatten", "dense 64 relu", "dense 10"],
            parameters: 13_706, epochs: epochs, stepsPerEpoch: stepsPerEpoch, batch: 32, shards: 8, workers: workers,
            optimizer: "adam", learningRate: 0.001, trainExamples: 1_294, validationExamples: 143,
            testExamples: 360, watchedSplit: watched, seed: 1, kernels: "oneDNN 2.6 avx512",
            estimate: estimate, tariff: tariff)
    }

    private static let estimate: TrainingEstimate = {
        var memory = MemoryEstimate()
        (memory.parameters, memory.moments, memory.gradients) = (54_824, 109_648, 493_416)
        (memory.activations, memory.data, memory.checkpoint) = (2_461_696, 230_016, 328_944)
        memory.program = 36 << 20
        return TrainingEstimate(
            operationsPerExample: 2.1e6, peakGigaflopPerSecond: 228, secondsPerEpoch: 0.14, memory: memory)
    }()

    static let tariff = Tariff(pricePerCoreHour: 0.045, currency: "EUR", wattsPerCore: 12)

    /// The same head as the first version of the program wrote it.
    static func oldHead() -> RunEvent.Started {
        var old = head()
        old.estimate = nil
        return old
    }

    /// How good the model of the samples is on the test split.
    static let testSkill = 6.0

    /// Trials as they come of a network that has just begun.
    static let trials: [Trainer.RateTrial] = (0..<100).map { index in
        let power = -6 + 6 * Double(index) / 99
        let fall = 2.3 - 1.5 / (1 + exp(-(power + 2.4) * 3))
        return Trainer.RateTrial(
            rate: pow(10, power), loss: fall + exp((power + 0.6) * 6) + 0.12 * noise(index + 4444))
    }

    /// A little noise that is the same everywhere, -1 to 1.
    static func noise(_ index: Int) -> Double {
        var bits = UInt64(index) &* 0x9E37_79B9_7F4A_7C15
        bits ^= bits >> 29
        bits = bits &* 0xBF58_476D_1CE4_E5B9
        bits ^= bits >> 32
        return Double(bits % 2001) / 1000 - 1
    }

    /// The events of a run's first `steps` steps (nil: all of it, and the end).
    static func events(
        _ head: RunEvent.Started = head(), steps: Int? = nil, reason: RunEvent.Finished.Reason = .completed
    ) -> [RunEvent] {
        var events: [RunEvent] = [.started(head)]
        let last = min(steps ?? head.totalSteps, head.totalSteps)
        let scale = Double(head.stepsPerEpoch)
        var best = 0.0
        for step in stride(from: 1, through: last, by: 1) {
            let progress = Double(step) / scale
            let seconds = Double(step) * 0.031
            let epoch = (step - 1) / head.stepsPerEpoch + 1
            let loss = 2.2 * exp(-progress * 1.1) + 0.06 + 0.25 * exp(-progress * 0.7) * noise(step)
            let accuracy = min(
                1, max(0, 1 - 0.88 * exp(-progress * 1.2) + 0.04 * exp(-progress * 0.2) * noise(step + 7777)))
            events.append(
                .stepped(
                    RunEvent.Stepped(
                        step: step, epoch: epoch, seconds: seconds, count: 1, loss: max(0.01, loss),
                        accuracy: accuracy, learningRate: head.learningRate)))
            if step % 8 == 0 {
                events.append(
                    .progressed(
                        RunEvent.Progressed(
                            step: step, epoch: epoch, seconds: seconds, imagesPerSecond: 9_800 + 900 * noise(step + 99),
                            busy: (0..<head.workers).map { 0.9 + 0.08 * noise(step + $0 * 31) },
                            remainingSeconds: Double(head.totalSteps - step) * 0.031,
                            work: head.estimate == nil ? nil : work(step))))
            }
            if step % head.stepsPerEpoch == 0 {
                let validation = min(0.993, 1 - 0.7 * exp(-progress * 1.0) + 0.004 * noise(epoch))
                events.append(
                    .evaluated(
                        RunEvent.Evaluated(
                            step: step, epoch: epoch, seconds: seconds, split: head.watchedSplit,
                            loss: 1.9 * exp(-progress * 1.05) + 0.09, accuracy: validation,
                            detail: detail(head.classes.count, skill: progress), weights: weights(progress))))
                events.append(
                    .checkpointed(RunEvent.Checkpointed(step: step, seconds: seconds, best: validation > best)))
                best = max(best, validation)
            }
        }
        guard steps == nil else { return events }
        let test = detail(head.classes.count, skill: testSkill)
        events.append(
            .evaluated(
                RunEvent.Evaluated(
                    step: last, epoch: head.epochs, seconds: Double(last) * 0.031, split: .test, loss: 0.081,
                    accuracy: ConfusionMatrix(rows: test.confusion).accuracy, detail: test)))
        events.append(
            .finished(
                RunEvent.Finished(
                    step: last, epoch: head.epochs, seconds: Double(last) * 0.031, reason: reason,
                    weightsSHA256: String(repeating: "0a", count: 32), workers: head.workers,
                    metrics: ["train/loss": 0.0612, "validation/accuracy": 0.9914, "test/accuracy": 0.9778],
                    imagesPerSecond: 9_655,
                    bill: head.tariff?.bill(coreSeconds: Double(last) * 0.031 * Double(head.workers)))))
        return events
    }

    /// The events of a run that predicts numbers, `examples` of them on each evaluation.
    static func numbers(_ head: RunEvent.Started, examples: Int = 160, epochs: Int? = nil) -> [RunEvent] {
        var events: [RunEvent] = [.started(head)]
        let last = epochs ?? head.epochs
        for step in stride(from: 1, through: last * head.stepsPerEpoch, by: 1) {
            let progress = Double(step) / Double(head.stepsPerEpoch)
            let seconds = Double(step) * 0.031
            let loss = 0.95 * exp(-progress * 0.9) + 0.05 + 0.1 * exp(-progress * 0.7) * noise(step)
            let epoch = (step - 1) / head.stepsPerEpoch + 1
            events.append(
                .stepped(
                    RunEvent.Stepped(
                        step: step, epoch: epoch, seconds: seconds, count: 1, loss: max(0.01, loss), accuracy: .nan,
                        learningRate: head.learningRate)))
            guard step % head.stepsPerEpoch == 0 else { continue }
            events.append(
                .progressed(
                    RunEvent.Progressed(
                        step: step, epoch: epoch, seconds: seconds, imagesPerSecond: 69_800 + 900 * noise(step + 99),
                        busy: [0.93, 0.88], remainingSeconds: Double(head.totalSteps - step) * 0.031)))
            events.append(
                .evaluated(
                    RunEvent.Evaluated(
                        step: step, epoch: epoch, seconds: seconds, split: .validation,
                        loss: 0.9 * exp(-progress) + 0.06, accuracy: nil,
                        regression: regression(examples, skill: progress), weights: weights(progress))))
            events.append(.checkpointed(RunEvent.Checkpointed(step: step, seconds: seconds, best: true)))
        }
        guard epochs == nil else { return events }
        let test = regression(examples * 2, skill: Double(head.epochs))
        events.append(
            .evaluated(
                RunEvent.Evaluated(
                    step: head.totalSteps, epoch: head.epochs, seconds: Double(head.totalSteps) * 0.031, split: .test,
                    loss: 0.061, accuracy: nil, regression: test)))
        events.append(
            .finished(
                RunEvent.Finished(
                    step: head.totalSteps, epoch: head.epochs, seconds: Double(head.totalSteps) * 0.031,
                    reason: .completed, weightsSHA256: String(repeating: "0a", count: 32), workers: head.workers,
                    metrics: ["train/loss": 0.0512, "test/rmse": test.scores.rmse], imagesPerSecond: 69_655)))
        return events
    }

    /// Errors of a model that gets better with `skill`.
    static func regression(_ examples: Int, skill: Double) -> RegressionDetail {
        let truth = (0..<examples).map { Float(14 + 5 * (noise($0) + noise($0 + 5000))) }
        let spread = 1 + 5 * exp(-skill * 0.6)
        let predictions = truth.enumerated().map { index, value in
            let shrunk = 14 + (Double(value) - 14) * (1 - exp(-skill * 0.8))
            return Float(shrunk + spread * (noise(index + 9000) + noise(index + 7000)))
        }
        let inference = Inference(
            probabilities: predictions, losses: truth.map { _ in 0 }, hits: [], labels: truth.map { _ in 0 },
            targets: truth)
        guard let detail = RegressionDetail(inference, examples: (0..<Int32(examples)).map { $0 * 3 }) else {
            preconditionFailure("\(examples) examples")
        }
        return detail
    }

    /// What a machine gave.
    private static func work(_ step: Int) -> RunEvent.Work {
        let waited = 0.09 + 0.03 * noise(step + 5)
        let shares = [0.02, 0.31, 0.46, 0.01, 0.06].map { $0 / 0.86 * (1 - waited) }
        return RunEvent.Work(
            shares: shares + [waited], gigaflopPerSecond: 20.6 + 2 * noise(step + 99), peakFraction: 0.09,
            residentBytes: 97_517_568)
    }

    /// The evaluation of a model that gets better with `skill`, of 36 examples of each class.
    static func detail(_ classes: Int, skill: Double) -> EvaluationDetail {
        EvaluationDetail(inference(classes, skill: skill), classes: classes)
            ?? EvaluationDetail(confusion: [], roc: [])
    }

    /// A split whose examples are all of one class: no curve is defined.
    static let oneClassOnly: EvaluationDetail = {
        var probabilities: [Float] = []
        for row in 0..<40 {
            let distance = Float(row) / 100
            probabilities += [0.5 + distance, 0.5 - distance]
        }
        let inference = Inference(
            probabilities: probabilities, losses: [], hits: [], labels: Array(repeating: 0, count: 40))
        return EvaluationDetail(inference, classes: 2) ?? EvaluationDetail(confusion: [], roc: [])
    }()

    /// An evaluation as earlier versions kept it.
    static let oldDetail: EvaluationDetail = {
        let whole = detail(3, skill: 3)
        return EvaluationDetail(confusion: whole.confusion, roc: whole.roc)
    }()

    /// What such a model says.
    static func inference(_ classes: Int, skill: Double) -> Inference {
        let labels = (0..<classes * 36).map { Int32($0 % max(1, classes)) }
        var probabilities: [Float] = []
        for (row, label) in labels.enumerated() {
            let powers = (0..<classes).map { k -> Double in
                let chance = noise(row * 31 + k * 7 + 1) + noise(row * 17 + k * 3 + 5) + noise(row + k * 41)
                return exp(2.2 * chance + (k == Int(label) ? 0.9 * skill : 0))
            }
            let sum = powers.reduce(0, +)
            probabilities += powers.map { Float($0 / sum) }
        }
        return Inference(probabilities: probabilities, losses: [], hits: [], labels: labels)
    }

    /// Histograms of two parameters that spread while the run goes on.
    static func weights(_ progress: Double) -> [WeightHistogram] {
        ["0.conv.weight", "1.conv.weight"].map { name in
            let spread = 0.3 + 0.05 * progress
            let counts = (0..<32).map { bin -> Int in
                let distance = (Double(bin) - 15.5) / 6
                let height: Double = 120 * exp(-distance * distance)
                return Int(height * (1 + 0.1 * noise(bin)))
            }
            return WeightHistogram(
                name: name, low: -spread, high: spread, counts: counts, mean: 0.01, deviation: spread / 3)
        }
    }

    /// What stands in a session of a preset beside its events.
    static let digitsFacts = Result { try facts(preset: "digits-cnn") }
    static let augmentedFacts = Result {
        try facts(
            preset: "shapes-cnn",
            more: "augment: [{flip: horizontal}, {rotate: 20}, {brightness: 0.3}, {cutout: 10}, {mixup: 0.4}]\n",
            change: { $0.data.examples = 400 })
    }
    static let cancerFacts = Result { try facts(preset: "breast-cancer-mlp") }
    static let friedmanFacts = Result { try facts(preset: "friedman-mlp") }

    /// Made by a real file.
    private static func facts(
        preset name: String, more: String = "", change: (inout Spec) -> Void = { _ in }
    ) throws -> SessionFacts {
        let preset = Presets.named(name)
        let yaml = (preset?.yaml ?? "") + more
        var spec = try SpecFile.parse(yaml: yaml, file: name).spec
        change(&spec)
        let experiment = try Experiment(spec: spec, yaml: yaml)
        let path = NSTemporaryDirectory() + "facts-\(UUID().uuidString).session"
        defer { unlink(path) }
        let writer = try SessionWriter.create(
            path: path,
            info: SessionInfo(
                runID: "0", name: name, createdAt: now, specYAML: yaml,
                preprocessingJSON: String(
                    decoding: try JSONEncoder().encode(experiment.preprocessing), as: UTF8.self),
                datasetJSON: experiment.describedFacts.json, host: "host", processor: "processor", kernels: "kernels",
                programVersion: "0", command: [], gitCommit: nil))
        writer.close()
        var facts = SessionFacts(reader: try SessionReader(path: path))
        for index in 0..<8 {
            guard let data = facts.data, let thumbnails = data.summary?.thumbnails else { break }
            facts.mistakes.append(
                Mistake(
                    index: index * 17, label: index % data.classes.count, predicted: (index + 3) % data.classes.count,
                    probability: 0.9 - 0.05 * Double(index),
                    thumbnail: thumbnails.isEmpty ? nil : thumbnails[index % thumbnails.count].image,
                    values: thumbnails.isEmpty ? [Mistake.Value(column: "mean radius", number: 14.5)] : []))
        }
        facts.cellExamples = cellExamples(facts)
        return facts
    }

    /// Two examples of each cell of the matrix, three of each on its diagonal.
    private static func cellExamples(_ facts: SessionFacts) -> [Mistake] {
        guard let data = facts.data, let summary = data.summary else { return [] }
        let classes = data.classes.count
        return (0..<classes * classes).flatMap { cell -> [Mistake] in
            let (label, predicted) = (cell / classes, cell % classes)
            return (0..<(label == predicted ? 3 : 2)).map { number in
                let probability = label == predicted ? 0.4 + 0.1 * Double(number) : 0.93 - 0.2 * Double(number)
                let rest = Float((1 - probability) / Double(max(1, classes - 1)))
                let pictures = summary.thumbnails.filter { $0.label == label }
                let values = summary.columns.enumerated().map { place, column in
                    guard case .numeric(let numbers) = column.content else { return Mistake.Value(column: column.name) }
                    let away = 1.6 * (noise(cell * 97 + place * 13 + number) + noise(place + number * 11))
                    return Mistake.Value(column: column.name, number: numbers.mean + away * numbers.deviation)
                }
                return Mistake(
                    index: cell * 10 + number, label: label, predicted: predicted, probability: probability,
                    probabilities: (0..<classes).map { $0 == predicted ? Float(probability) : rest },
                    thumbnail: pictures.isEmpty ? nil : pictures[number % pictures.count].image, values: values)
            }
        }
    }
}
