// Tests of the line format of events.

import Engine
import Foundation
import Testing

@testable import Experiments

/// One event of every case and act, with awkward values.
let oneOfEach: [RunEvent] = [
    .started(
        .init(
            name: "digits \u{1B}[31m\"cnn\"\\\n\u{202E}é🙂", dataset: "digits",
            classes: ["0", "ü", "\u{0}\u{7F}\u{9B}"],
            inputShape: .image(channels: 1, height: 8, width: 8), layers: ["conv 32 3x3 relu", "dense 10"],
            parameters: 12345, epochs: 10, stepsPerEpoch: 40, batch: 32, shards: 8, workers: 2, optimizer: "adam",
            learningRate: 0.001, trainExamples: 1293, validationExamples: 144, testExamples: 360,
            watchedSplit: .validation, seed: .max, kernels: "oneDNN 2.6 avx512", estimate: sampleEstimate,
            tariff: Tariff(pricePerCoreHour: 0.04, currency: "EUR\u{1B}", wattsPerCore: 12.5))),
    .started(
        .init(
            name: "", dataset: "iris", classes: [], inputShape: .vector(4), layers: [], parameters: 0, epochs: 1,
            stepsPerEpoch: 1, batch: 1, shards: 1, workers: 1, optimizer: "sgd", learningRate: 0.1, trainExamples: 1,
            validationExamples: 0, testExamples: 0, watchedSplit: .test, seed: 0, kernels: "",
            tariff: Tariff(wattsPerCore: 3))),
    .stepped(
        .init(
            step: 1, epoch: 1, seconds: 0.1, count: 1, loss: 1.0 / 3, accuracy: 0, learningRate: .leastNonzeroMagnitude)
    ),
    .stepped(
        .init(step: 2, epoch: 1, seconds: 1e300, count: 1, loss: .infinity, accuracy: -0.0, learningRate: 1e-5)),
    .progressed(
        .init(
            step: 3, epoch: 1, seconds: 2, imagesPerSecond: 12345.678, busy: [0.97, .infinity, 1],
            remainingSeconds: 12.5)),
    .progressed(
        .init(step: 3, epoch: 1, seconds: 2, imagesPerSecond: -.infinity, busy: [], remainingSeconds: nil)),
    .progressed(
        .init(
            step: 3, epoch: 1, seconds: 2, imagesPerSecond: 1, busy: [0.5, 0.25], remainingSeconds: 1.5,
            work: RunEvent.Work(
                shares: [0.01, 1.0 / 3, 0.5, 0, 0.1, -.infinity], gigaflopPerSecond: 137.5, peakFraction: 0.59,
                residentBytes: 93 << 20))),
    .progressed(
        .init(
            step: 3, epoch: 1, seconds: 2, imagesPerSecond: 1, busy: [0.5], remainingSeconds: nil,
            work: RunEvent.Work(shares: [], gigaflopPerSecond: .infinity))),
    .evaluated(.init(step: 4, epoch: 1, seconds: 3, split: .validation, loss: 0.25, accuracy: 0.9)),
    .evaluated(.init(step: 4, epoch: 1, seconds: 3, split: .test, loss: 0.25, accuracy: 0.9)),
    .evaluated(.init(step: 4, epoch: 1, seconds: 3, split: .train, loss: 0.25, accuracy: 0.9)),
    .evaluated(
        .init(
            step: 4, epoch: 1, seconds: 3, split: .test, loss: 0.25, accuracy: 0.9,
            detail: EvaluationDetail(
                confusion: [[3, 1, 0], [0, 5, 0], [0, 0, 0]],
                roc: [
                    ROCCurve(
                        falsePositiveRates: [0, 0, 0.1429, 1], truePositiveRates: [0, 0.3333, 1, 1],
                        thresholds: [.infinity, 0.999998, 0.5, 0.000001], auc: 0.123456789012345),
                    ROCCurve(
                        falsePositiveRates: [0, 1], truePositiveRates: [0, 1], thresholds: [.infinity, 0.5], auc: 1),
                    .undefined,
                ],
                classes: [
                    .init(
                        averagePrecision: 0.12345, aucLow: 0.01, aucHigh: 0.5,
                        calibration: CalibrationCurve(bins: [
                            .init(count: 7, positives: 0, meanPredicted: 0.0123),
                            .init(count: 2, positives: 2, meanPredicted: 1),
                        ])), .init(averagePrecision: 1, aucLow: 0.9, aucHigh: 1), .init(),
                ],
                summary: .init(
                    logLoss: 1.234567, brier: 0.25, calibrationError: 0.01, topFive: 0.875, macroAUC: 0.5,
                    macroAUCLow: 0.25, macroAUCHigh: 0.75)),
            weights: [
                WeightHistogram(
                    name: "0.conv.weight", low: -0.5, high: 1.0 / 3, counts: Array(0..<32), mean: 1e-9, deviation: 0.25
                ),
                WeightHistogram(
                    name: "0.conv.bias", low: 0, high: 0, counts: Array(repeating: 0, count: 32), mean: 0, deviation: 0
                ),
            ])),
    .started(
        .init(
            name: "f", dataset: "friedman", classes: ["y \u{1B}"], inputShape: .vector(10), layers: [], parameters: 0,
            epochs: 1, stepsPerEpoch: 1, batch: 1, shards: 1, workers: 1, optimizer: "sgd", learningRate: 0.1,
            trainExamples: 1, validationExamples: 0, testExamples: 0, watchedSplit: .test, seed: 0, kernels: "",
            target: "y \u{1B}")),
    .evaluated(
        .init(
            step: 4, epoch: 1, seconds: 3, split: .test, loss: 0.25, accuracy: nil,
            regression: RegressionDetail(
                scores: RegressionScores(count: 3, mae: 1.0 / 3, rmse: 1e-300, r2: -12.5),
                pairs: [.init(truth: 0.1, prediction: -16_777_216), .init(truth: 1e-30, prediction: .infinity)],
                reach: 0.3, residuals: [0, 2, 1], largest: [.init(index: 7, pair: .init(truth: 3.3, prediction: 1e10))])
        )),
    .evaluated(
        .init(
            step: 4, epoch: 1, seconds: 3, split: .validation, loss: 0, accuracy: nil,
            regression: RegressionDetail(
                scores: RegressionScores(count: 1, mae: 0, rmse: 0, r2: nil), pairs: [], reach: 0, residuals: [1],
                largest: []))),
    .checkpointed(.init(step: 4, seconds: 3.5, best: true)),
    .checkpointed(.init(step: 4, seconds: 3.5, best: false)),
    .steered(.init(step: 5, seconds: 4, act: .paused)),
    .steered(.init(step: 5, seconds: 4, act: .continued)),
    .steered(.init(step: 5, seconds: 4, act: .learningRate(3e-4))),
    .ratesTried(
        .init(
            step: 5, seconds: 4,
            trials: [.init(rate: 1e-6, loss: 2.5), .init(rate: 1, loss: .infinity), .init(rate: 2, loss: -0.0)])),
    .ratesTried(.init(step: 5, seconds: 4, trials: [])),
    .folded(
        .init(
            fold: 2, folds: 5, step: 40, epoch: 3, seconds: 1.5, trainLoss: 1.0 / 3,
            measures: ["loss": 0.5, "accuracy": 0.75], isLast: false)),
    .folded(
        .init(
            fold: 5, folds: 5, step: 40, epoch: 3, seconds: 1.5, trainLoss: -.infinity, measures: ["rmse": .infinity],
            isLast: true)),
    .explained(
        Explanation(
            row: 7, label: 1,
            values: [
                .init(column: "mean \u{1B}radius", text: "17.99"), .init(column: "sex", text: "", isChanged: true),
            ], probabilities: [0.1, 0.9], settings: LIMESettings(kernelWidth: 3, seed: .max),
            surrogates: [
                Surrogate(
                    classIndex: 1, intercept: 1.0 / 3, rSquared: -0.5, localPrediction: 1.2, modelPrediction: 0.9,
                    terms: [.init(feature: 0, text: "radius <= 11.70\u{202E}", weight: 0.25, low: 0.2, high: 0.3)],
                    fit: .fair, agreement: 0.8),
                Surrogate(
                    classIndex: 0, intercept: .infinity, rSquared: 0, localPrediction: -.infinity, modelPrediction: 0.1,
                    terms: [], fit: .poor, agreement: 1),
            ], step: 20)),
    .explained(
        Explanation(
            row: nil, label: nil,
            picture: .init(
                channels: 1, height: 2, width: 3, pixels: [0, 1, 2, 3, 4, 255], segments: [0, 0, 1, 0, 0, 1]),
            probabilities: [1], settings: LIMESettings(discretizer: .none, selection: .none),
            surrogates: [
                Surrogate(
                    classIndex: 0, intercept: 0, rSquared: 1, localPrediction: 1, modelPrediction: 1, terms: [],
                    fit: .good, agreement: 0)
            ], step: 0)),
    .surveyed(
        FeatureSurvey(
            rows: 40, examples: 100,
            features: [.init(name: "a", meanWeight: 0.1, importance: -0.01, importanceDeviation: 0)], picked: [3, 1],
            step: 20)),
    .compared(sampleVariant),
    .sensed(
        LayerSensitivity(
            step: 20, examples: 360, treatments: ["int8", "prune80"],
            layers: [
                .init(number: 1, name: "conv 8 3x3", lostPoints: [0, 12.5]),
                .init(number: 4, name: "dense 10", lostPoints: [-0.25, 1.0 / 3]),
            ])),
    .decided(VariantChoice(step: 20, variant: "prune80+int8", act: .chosen)),
    .resumed(.init(step: 4, seconds: 3.5, workers: 3)),
    .warned(.init(step: 6, message: "a message\twith\u{2028}everything\r")),
    .finished(
        .init(
            step: 400, epoch: 10, seconds: 60.25, reason: .completed, weightsSHA256: "ab12", workers: 2,
            metrics: ["train/loss": 0.01, "test/accuracy": .greatestFiniteMagnitude], imagesPerSecond: 1e4,
            bill: Bill(cost: 0.0123, wattHours: 4))),
    .finished(
        .init(
            step: 1, epoch: 1, seconds: 0, reason: .stopped, weightsSHA256: "", workers: 1, metrics: [:],
            imagesPerSecond: 0, bill: Bill(wattHours: 0))),
]

let sampleVariant: VariantLine = {
    var line = VariantLine(
        variant: "prune80+int8", step: 20, bytes: 4_000, gzipBytes: 3_100, parameters: 12_000, nonzeroWeights: 2_400,
        multiplyAdds: 90_000, accuracy: 0.96, accuracyInterval: Interval(low: 0.93, high: 0.98), agreement: 0.98,
        lostPoints: -1.0 / 3, mcNemarP: 0.25, note: "zeros are multiplied like other weights")
    line.epochs = 2
    (line.macroF1, line.auc) = (0.955, nil)
    line.recalls = [1, 0.5, 0]
    (line.median, line.percentile95) = (12.5e-6, 20e-6)
    (line.imagesPerSecond, line.speedup) = (81_000, 0.97)
    line.weights = [WeightHistogram(name: "0.conv.weight", values: [0, 0, 0.5, -0.25])]
    return line
}()

let sampleEstimate: TrainingEstimate = {
    var memory = MemoryEstimate()
    (memory.parameters, memory.moments, memory.gradients) = (1, 2, 3)
    (memory.activations, memory.data, memory.checkpoint) = (1 << 40, .max, 0)
    return TrainingEstimate(
        operationsPerExample: 8.65e6, peakGigaflopPerSecond: 233.5, secondsPerEpoch: 1.0 / 3, memory: memory)
}()

struct EventLineTests {
    @Test(arguments: oneOfEach)
    func roundTrip(_ event: RunEvent) throws {
        let numbered = NumberedEvent(sequence: 7, event: event)
        let line = EventLine.encode(numbered)
        #expect(try EventLine.decode(line) == numbered)
        // One line, and nothing in it steers a terminal.
        #expect(
            line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "\u{202E}" }, "\(line)")
        // Foundation, an independent reader, agrees that it is JSON and what its name is.
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["event"] as? String == EventLine.kind(of: event))
        #expect(object["seq"] as? Int == 7)
    }

    @Test func oneCaseEach() {
        #expect(Set(oneOfEach.map(EventLine.kind)).count == EventLine.kinds.count)
    }

    @Test func notANumberSurvives() throws {
        let line = EventLine.encode(
            .init(
                sequence: 1,
                event: .stepped(
                    .init(step: 1, epoch: 1, seconds: 0, count: 1, loss: .nan, accuracy: 0, learningRate: 1))))
        #expect(line.contains("\"train/loss\":\"nan\""))
        guard case .stepped(let stepped) = try EventLine.decode(line).event else {
            Issue.record("not stepped")
            return
        }
        #expect(stepped.loss.isNaN)
    }

    @Test func fieldsAsAgreed() {
        let event = RunEvent.stepped(
            .init(step: 40, epoch: 2, seconds: 1.5, count: 20, loss: 0.25, accuracy: 0.875, learningRate: 0.001))
        #expect(
            EventLine.encode(.init(sequence: 9, event: event))
                == #"{"event":"stepped","seq":9,"step":40,"epoch":2,"seconds":1.5,"count":20,"train/loss":0.25,"#
                + #""train/accuracy":0.875,"learning_rate":0.001}"#)
    }

    @Test func doublesKeepTheirBits() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let value = Double(bitPattern: generator.next())
            if value.isNaN { continue }
            let event = RunEvent.checkpointed(.init(step: 1, seconds: value, best: false))
            guard
                case .checkpointed(let back) = try EventLine.decode(EventLine.encode(.init(sequence: 1, event: event)))
                    .event
            else { continue }
            #expect(back.seconds.bitPattern == value.bitPattern)
        }
    }

    @Test func unknownFieldsAreIgnored() throws {
        let line = #"{"later":{"a":[1,{}]}, "seq":3,"event":"resumed","step":1,"seconds":2,"workers":1,"x":null}"#
        #expect(
            try EventLine.decode(line) == .init(sequence: 3, event: .resumed(.init(step: 1, seconds: 2, workers: 1))))
    }

    @Test(arguments: [
        (#"{"event":"melted","seq":1}"#, EventLineError.unknownEvent("melted")),
        (#"{"event":"resumed","seq":1,"seconds":2,"workers":1}"#, .missing(field: "step", event: "resumed")),
        (#"{"seq":1}"#, .missing(field: "event", event: "")),
        (
            #"{"event":"resumed","seq":1,"step":-1,"seconds":2,"workers":1}"#,
            .wrong(field: "step", event: "resumed", expected: "a whole number, 0 or more")
        ),
        (
            #"{"event":"resumed","seq":1.5}"#,
            .wrong(field: "seq", event: "resumed", expected: "a whole number, 0 or more")
        ),
        (
            #"{"event":"resumed","seq":1,"step":1,"seconds":"soon","workers":1}"#,
            .wrong(field: "seconds", event: "resumed", expected: "a number")
        ),
        (#"[1]"#, .notJSON(reason: "'{' was expected", offset: 0)),
        (#"{"a":1,"a":2}"#, .notJSON(reason: #"the key "a" appears twice"#, offset: 7)),
        (#"{"a":1} x"#, .notJSON(reason: "something follows the object", offset: 8)),
        (#"{"a":"\ud800"}"#, .notJSON(reason: "half of a surrogate pair stands alone", offset: 12)),
        (#"{"a":01}"#, .notJSON(reason: "a number starts with a needless zero", offset: 5)),
        (#"{"a":1e999}"#, .notJSON(reason: "the number is too large", offset: 5)),
        ("", .notJSON(reason: "'{' was expected", offset: 0)),
    ])
    func badLines(_ line: String, _ expected: EventLineError) {
        #expect(throws: expected) { try EventLine.decode(line) }
        #expect("\(expected)".hasSuffix("."))
    }

    @Test func everyCutAndManyFlipsAreErrorsOrEvents() {
        var generator = SystemRandomNumberGenerator()
        for event in oneOfEach {
            let line = Array(EventLine.encode(.init(sequence: 1, event: event)).utf8)
            for length in 0..<line.count {
                #expect(throws: EventLineError.self) {
                    try EventLine.decode(String(decoding: line[..<length], as: UTF8.self))
                }
            }
            for _ in 0..<200 {
                var flipped = line
                flipped[Int.random(in: 0..<line.count, using: &generator)] = .random(in: 0...255, using: &generator)
                do throws(EventLineError) {
                    _ = try EventLine.decode(String(decoding: flipped, as: UTF8.self))
                } catch {
                    #expect("\(error)".hasSuffix("."))
                }
            }
        }
    }

    @Test func detailsAsAgreed() {
        let event = RunEvent.evaluated(
            .init(
                step: 4, epoch: 1, seconds: 3, split: .test, loss: 0.25, accuracy: 0.9,
                detail: EvaluationDetail(
                    confusion: [[9]],
                    roc: [
                        ROCCurve(
                            falsePositiveRates: [0, 1], truePositiveRates: [0, 1], thresholds: [.infinity, 0.5],
                            auc: nil)
                    ]),
                weights: [WeightHistogram(name: "0.w", low: -1, high: 1, counts: [1, 2], mean: 0, deviation: 0.5)]))
        #expect(
            EventLine.encode(.init(sequence: 9, event: event)).hasSuffix(
                #""confusion":[9],"auc":["nan"],"roc/0":[0.0,0.0,1.0,1.0],"thresholds/0":["inf",0.5],"#
                    + #""weights/0.w":[-1.0,1.0,0.0,0.5,1,2]}"#))
    }

    @Test func measuresOfProbabilitiesAsAgreed() throws {
        let curve = ROCCurve(
            falsePositiveRates: [0, 1], truePositiveRates: [0, 1], thresholds: [.infinity, 0.5], auc: 0.5)
        let event = RunEvent.evaluated(
            .init(
                step: 4, epoch: 1, seconds: 3, split: .test, loss: 0.25, accuracy: 0.9,
                detail: EvaluationDetail(
                    confusion: [[9, 0], [0, 1]], roc: [curve, curve],
                    classes: [
                        .init(
                            averagePrecision: 0.5, aucLow: 0.1, aucHigh: 0.9,
                            calibration: CalibrationCurve(bins: [.init(count: 9, positives: 1, meanPredicted: 0.05)])),
                        .init(),
                    ],
                    summary: .init(logLoss: 0.5, brier: 0.125, calibrationError: 0.25))))
        let line = EventLine.encode(.init(sequence: 9, event: event))
        #expect(
            line.hasSuffix(
                #""average_precision":[0.5,"nan"],"auc_low":[0.1,"nan"],"auc_high":[0.9,"nan"],"#
                    + #""calibration/0":[9,1,0.05],"log_loss":0.5,"brier":0.125,"calibration_error":0.25}"#))
        #expect(try EventLine.decode(line) == .init(sequence: 9, event: event))
    }

    @Test(arguments: [
        (#""average_precision":[0.5,0.5]"#, "average_precision"), (#""average_precision":[2]"#, "average_precision"),
        (#""average_precision":[0.5]"#, "auc_low"), (#""average_precision":[0.5],"auc_low":[0.5]"#, "auc_high"),
        (#""average_precision":[0.5],"auc_low":[0.5],"auc_high":[0.4]"#, "auc_high"),
        (#""average_precision":[0.5],"auc_low":["nan"],"auc_high":[0.4]"#, "auc_high"),
        (#""average_precision":[0.5],"auc_low":["inf"],"auc_high":[0.4]"#, "auc_low"),
        (#""average_precision":[1],"auc_low":[0],"auc_high":[1],"calibration/0":[1,1]"#, "calibration/0"),
        (#""average_precision":[1],"auc_low":[0],"auc_high":[1],"calibration/0":[0,0,0.5]"#, "calibration/0"),
        (#""average_precision":[1],"auc_low":[0],"auc_high":[1],"calibration/0":[1,2,0.5]"#, "calibration/0"),
        (#""average_precision":[1],"auc_low":[0],"auc_high":[1],"calibration/0":[1.5,1,0.5]"#, "calibration/0"),
        (#""average_precision":[1],"auc_low":[0],"auc_high":[1],"calibration/0":[1e18,1,0.5]"#, "calibration/0"),
        (#""average_precision":[1],"auc_low":[0],"auc_high":[1],"calibration/0":["nan",1,0.5]"#, "calibration/0"),
        (#""average_precision":[1],"auc_low":[0],"auc_high":[1],"calibration/0":[1,1,"nan"]"#, "calibration/0"),
        (#""average_precision":[1],"auc_low":[0],"auc_high":[1],"calibration/0":[1,1,0.5,1,1,0.4]"#, "calibration/0"),
        (#""log_loss":-1"#, "log_loss"), (#""log_loss":0.1"#, "brier"), (#""log_loss":0.1,"brier":3"#, "brier"),
        (#""log_loss":0.1,"brier":1,"calibration_error":1.5"#, "calibration_error"),
        (#""log_loss":0.1,"brier":1,"calibration_error":0,"top_5_accuracy":"nan""#, "top_5_accuracy"),
        (#""log_loss":0.1,"brier":1,"calibration_error":0,"macro_auc":"x""#, "macro_auc"),
        (
            #""log_loss":0.1,"brier":1,"calibration_error":0,"macro_auc":0.5,"macro_auc_low":0.6,"macro_auc_high":0.5"#,
            "macro_auc_high"
        ),
    ])
    func hostileMeasuresAreErrors(_ fields: String, _ field: String) {
        let line =
            #"{"event":"evaluated","seq":7,"step":4,"epoch":1,"seconds":3.0,"split":"test","test/accuracy":0.9,"#
            + #""test/loss":0.25,"confusion":[1],"auc":[0.5],"roc/0":[],"thresholds/0":[],\#(fields)}"#
        do throws(EventLineError) {
            _ = try EventLine.decode(line)
            Issue.record("\(fields) was read")
        } catch {
            #expect("\(error)".contains("\"\(field)\"") && "\(error)".hasSuffix("."), "\(error)")
        }
    }

    @Test func numbersAsAgreed() throws {
        let event = RunEvent.evaluated(
            .init(
                step: 4, epoch: 1, seconds: 3, split: .test, loss: 0.25, accuracy: nil,
                regression: RegressionDetail(
                    scores: RegressionScores(count: 2, mae: 1.5, rmse: 2, r2: 0.5),
                    pairs: [.init(truth: 0.1, prediction: 2), .init(truth: 1, prediction: .nan)], reach: 1.9,
                    residuals: [1, 0, 0], largest: [.init(index: 5, pair: .init(truth: 0.1, prediction: 2))])))
        #expect(
            EventLine.encode(.init(sequence: 9, event: event)).hasSuffix(
                #""test/loss":0.25,"test/mae":1.5,"test/rmse":2.0,"test/r2":0.5,"examples":2,"#
                    + #""pairs":[0.1,2.0,1.0,"nan"],"residuals":[1.9,1,0,0],"largest":[5,0.1,2.0]}"#))
        let step = RunEvent.stepped(
            .init(step: 1, epoch: 1, seconds: 0.5, count: 1, loss: 0.25, accuracy: .nan, learningRate: 0.1))
        let line = EventLine.encode(.init(sequence: 2, event: step))
        #expect(!line.contains("accuracy"))
        guard case .stepped(let read) = try EventLine.decode(line).event else { throw Surprise() }
        #expect(read.accuracy.isNaN && read.loss == 0.25)
    }

    @Test(arguments: [
        (#""test/mae":1,"test/rmse":1"#, "examples"), (#""test/rmse":1,"examples":2"#, "test/mae"),
        (#""test/mae":1,"test/rmse":1,"examples":0"#, "examples"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[1]"#, "pairs"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":["x","y"]"#, "pairs"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[],"residuals":[]"#, "residuals"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[],"residuals":[1]"#, "residuals"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[],"residuals":["inf",1]"#, "residuals"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[],"residuals":[1,-1]"#, "residuals"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[],"residuals":[1,1e18]"#, "residuals"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[],"residuals":[1,1],"largest":[1,2]"#, "largest"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[],"residuals":[1,1],"largest":[-1,2,3]"#, "largest"),
        (#""test/mae":1,"test/rmse":1,"examples":2,"pairs":[],"residuals":[1,1],"largest":["nan",2,3]"#, "largest"),
        (#""confusion":[]"#, "test/accuracy"),
    ])
    func hostileNumbersAreErrors(_ fields: String, _ field: String) {
        let line =
            #"{"event":"evaluated","seq":7,"step":4,"epoch":1,"seconds":3.0,"split":"test","#
            + #""test/loss":0.25,\#(fields)}"#
        do throws(EventLineError) {
            _ = try EventLine.decode(line)
            Issue.record("\(fields) was read")
        } catch {
            #expect("\(error)".contains("\"\(field)\"") && "\(error)".hasSuffix("."), "\(error)")
        }
    }

    /// A line of an earlier version, byte for byte.
    @Test func linesWithoutDetailsAreRead() throws {
        let line =
            #"{"event":"evaluated","seq":7,"step":4,"epoch":1,"seconds":3.0,"split":"test","#
            + #""test/loss":0.25,"test/accuracy":0.9}"#
        let event = RunEvent.evaluated(.init(step: 4, epoch: 1, seconds: 3, split: .test, loss: 0.25, accuracy: 0.9))
        #expect(try EventLine.decode(line) == .init(sequence: 7, event: event))
        #expect(EventLine.encode(.init(sequence: 7, event: event)) == line)
    }

    @Test(arguments: [
        (#""confusion":[1]"#, "auc"), (#""confusion":[1,2],"auc":[0.5],"roc/0":[],"thresholds/0":[]"#, "confusion"),
        (#""confusion":[-1],"auc":[0.5],"roc/0":[],"thresholds/0":[]"#, "confusion"),
        (#""confusion":[9223372036854775807],"auc":[0.5],"roc/0":[],"thresholds/0":[]"#, "confusion"),
        (#""confusion":[1.5],"auc":[0.5],"roc/0":[],"thresholds/0":[]"#, "confusion"),
        (#""confusion":[1],"auc":[2],"roc/0":[],"thresholds/0":[]"#, "auc"),
        (#""confusion":[1],"auc":["inf"],"roc/0":[],"thresholds/0":[]"#, "auc"),
        (#""confusion":[1],"auc":[0.5],"thresholds/0":[]"#, "roc/0"),
        (#""confusion":[1],"auc":[0.5],"roc/0":[0.5],"thresholds/0":[]"#, "roc/0"),
        (#""confusion":[1],"auc":[0.5],"roc/0":[0.5,"nan"],"thresholds/0":[1]"#, "roc/0"),
        (#""confusion":[1],"auc":[0.5],"roc/0":[0.5,1e300],"thresholds/0":[1]"#, "roc/0"),
        (#""confusion":[1],"auc":[0.5],"roc/0":[0,1],"thresholds/0":["nan"]"#, "thresholds/0"),
        (#""confusion":[1],"auc":[0.5],"roc/0":[0,1],"thresholds/0":[1,2]"#, "thresholds/0"),
        (#""weights/a":[1,2,3,4]"#, "weights/a"), (#""weights/a":[1,2,3,4,0.5]"#, "weights/a"),
        (#""weights/a":[2,1,3,4,5]"#, "weights/a"), (#""weights/a":["nan",1,3,4,5]"#, "weights/a"),
        (#""weights/a":[1,1,3,4,-5]"#, "weights/a"), (#""weights/a":[1,1,3,4,1e18]"#, "weights/a"),
        (#""weights/a":7"#, "weights/a"),
    ])
    func hostileDetailsAreErrors(_ fields: String, _ field: String) {
        let line =
            #"{"event":"evaluated","seq":7,"step":4,"epoch":1,"seconds":3.0,"split":"test","#
            + #""test/loss":0.25,"test/accuracy":0.9,\#(fields)}"#
        do throws(EventLineError) {
            _ = try EventLine.decode(line)
            Issue.record("\(fields) was read")
        } catch {
            #expect("\(error)".contains("\"\(field)\"") && "\(error)".hasSuffix("."), "\(error)")
        }
    }

    @Test func deepNestingIsRefused() {
        let line = #"{"event":"resumed","x":"# + String(repeating: "[", count: 100_000)
        #expect(throws: EventLineError.self) { try EventLine.decode(line) }
    }
}
