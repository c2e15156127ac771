// EventLine: the one line format of events, flat JSON, for the session file, the socket and `--json`.

import Engine
import Foundation

/// Why a line is no event.
public enum EventLineError: Error, Equatable, CustomStringConvertible {
    /// The line is not one JSON object.
    case notJSON(reason: String, offset: Int)
    /// The event's name is unknown: the line comes from a newer version.
    case unknownEvent(String)
    /// A field that the event must have is missing.
    case missing(field: String, event: String)
    /// A field holds something else than it should.
    case wrong(field: String, event: String, expected: String)

    public var description: String {
        switch self {
        case .notJSON(let reason, let offset): "The line is no JSON object: \(reason) at byte \(offset)."
        case .unknownEvent(let name):
            "The event \(JSONText.quoted(String(name.prefix(64)))) is unknown here; a newer version may have written it."
        case .missing(let field, let event): "The event \"\(event)\" lacks the field \"\(field)\"."
        case .wrong(let field, let event, let expected):
            "The field \"\(field)\" of the event \"\(event)\" is not \(expected)."
        }
    }
}

/// Events as lines of flat JSON: `{"event":"stepped","seq":7,"step":40,…,"train/loss":0.25,…}`.
///
/// Doubles read back to the same bits; NaN and infinities are the strings "nan", "inf" and "-inf". Unknown fields are
/// ignored, so that a later version may add some. docs/session-format.md lists every field.
public enum EventLine {
    /// The line of `numbered`, without a line break.
    public static func encode(_ numbered: NumberedEvent) -> String {
        var line = JSONText()
        line.add("event", kind(of: numbered.event))
        line.add("seq", numbered.sequence)
        switch numbered.event {
        case .started(let event): add(event, to: &line)
        case .stepped(let event):
            add(step: event.step, epoch: event.epoch, seconds: event.seconds, to: &line)
            line.add("count", event.count)
            line.add("train/loss", event.loss)
            // Numbers have none.
            if !event.accuracy.isNaN { line.add("train/accuracy", event.accuracy) }
            line.add("learning_rate", event.learningRate)
        case .progressed(let event):
            add(step: event.step, epoch: event.epoch, seconds: event.seconds, to: &line)
            line.add("images_per_s", event.imagesPerSecond)
            line.add("busy", event.busy)
            if let remaining = event.remainingSeconds { line.add("remaining_seconds", remaining) }
            if let work = event.work { add(work, to: &line) }
        case .evaluated(let event):
            add(step: event.step, epoch: event.epoch, seconds: event.seconds, to: &line)
            line.add("split", event.split.rawValue)
            for (name, value) in event.measures { line.add("\(event.split.rawValue)/\(name)", value) }
            if let regression = event.regression { add(regression, to: &line) }
            if let detail = event.detail { add(detail, to: &line) }
            add(event.weights, to: &line)
        case .checkpointed(let event):
            add(step: event.step, seconds: event.seconds, to: &line)
            line.add("best", event.best)
        case .steered(let event):
            add(step: event.step, seconds: event.seconds, to: &line)
            switch event.act {
            case .paused: line.add("act", "paused")
            case .continued: line.add("act", "continued")
            case .learningRate(let rate):
                line.add("act", "learning_rate")
                line.add("learning_rate", rate)
            }
        case .ratesTried(let event):
            add(step: event.step, seconds: event.seconds, to: &line)
            line.add("rates", event.trials.map(\.rate))
            line.add("losses", event.trials.map(\.loss))
        case .folded(let event):
            add(step: event.step, epoch: event.epoch, seconds: event.seconds, to: &line)
            line.add("fold", event.fold)
            line.add("folds", event.folds)
            line.add("last", event.isLast)
            line.add("train/loss", event.trainLoss)
            for (name, value) in event.measures.sorted(by: { $0.key < $1.key }) { line.add("test/\(name)", value) }
        case .explained(let event): add(event, to: &line)
        case .surveyed(let event): add(event, to: &line)
        case .compared(let event): add(event, to: &line)
        case .sensed(let event): add(event, to: &line)
        case .decided(let event):
            line.add("step", event.step)
            line.add("variant", event.variant)
            line.add("act", event.act.rawValue)
        case .resumed(let event):
            add(step: event.step, seconds: event.seconds, to: &line)
            line.add("workers", event.workers)
        case .warned(let event):
            line.add("step", event.step)
            line.add("message", event.message)
        case .finished(let event):
            add(step: event.step, epoch: event.epoch, seconds: event.seconds, to: &line)
            line.add("reason", event.reason.rawValue)
            line.add("weights_sha256", event.weightsSHA256)
            line.add("workers", event.workers)
            line.add("images_per_s", event.imagesPerSecond)
            if let cost = event.bill?.cost { line.add("cost", cost) }
            if let energy = event.bill?.wattHours { line.add("energy_wh", energy) }
            for (name, value) in event.metrics.sorted(by: { $0.key < $1.key }) {
                precondition(name.contains("/"), "the metric \(name) has no split; it could not be told from a field")
                line.add(name, value)
            }
        }
        return line.closed()
    }

    /// Reads a line.
    public static func decode(_ line: String) throws(EventLineError) -> NumberedEvent {
        try event(from: LineFields(line))
    }

    /// The names of all events.
    static let kinds = [
        "started", "stepped", "progressed", "evaluated", "checkpointed", "steered", "rates_tried", "folded",
        "explained", "surveyed", "compared", "sensed", "decided", "resumed", "warned", "finished",
    ]

    /// The name of an event in lines and in the session file.
    public static func kind(of event: RunEvent) -> String {
        switch event {
        case .started: "started"
        case .stepped: "stepped"
        case .progressed: "progressed"
        case .evaluated: "evaluated"
        case .checkpointed: "checkpointed"
        case .steered: "steered"
        case .ratesTried: "rates_tried"
        case .folded: "folded"
        case .explained: "explained"
        case .surveyed: "surveyed"
        case .compared: "compared"
        case .sensed: "sensed"
        case .decided: "decided"
        case .resumed: "resumed"
        case .warned: "warned"
        case .finished: "finished"
        }
    }

    /// The step an event belongs to; 0 for the head of a run.
    static func step(of event: RunEvent) -> Int {
        switch event {
        case .started: 0
        case .stepped(let event): event.step
        case .progressed(let event): event.step
        case .evaluated(let event): event.step
        case .checkpointed(let event): event.step
        case .steered(let event): event.step
        case .ratesTried(let event): event.step
        case .folded(let event): event.step
        case .explained(let event): event.step
        case .surveyed(let event): event.step
        case .compared(let event): event.step
        case .sensed(let event): event.step
        case .decided(let event): event.step
        case .resumed(let event): event.step
        case .warned(let event): event.step
        case .finished(let event): event.step
        }
    }

    private static func add(step: Int, epoch: Int? = nil, seconds: Double, to line: inout JSONText) {
        line.add("step", step)
        if let epoch { line.add("epoch", epoch) }
        line.add("seconds", seconds)
    }

    private static func add(_ event: RunEvent.Started, to line: inout JSONText) {
        line.add("name", event.name)
        line.add("dataset", event.dataset)
        line.add("classes", event.classes)
        switch event.inputShape {
        case .image(let channels, let height, let width): line.add("input_shape", [channels, height, width])
        case .vector(let count): line.add("input_shape", [count])
        }
        line.add("layers", event.layers)
        line.add("parameters", event.parameters)
        line.add("epochs", event.epochs)
        line.add("steps_per_epoch", event.stepsPerEpoch)
        line.add("batch", event.batch)
        line.add("shards", event.shards)
        line.add("workers", event.workers)
        line.add("optimizer", event.optimizer)
        line.add("learning_rate", event.learningRate)
        line.add("train_examples", event.trainExamples)
        line.add("validation_examples", event.validationExamples)
        line.add("test_examples", event.testExamples)
        line.add("watched_split", event.watchedSplit.rawValue)
        line.add("seed", event.seed)
        line.add("kernels", event.kernels)
        if let target = event.target { line.add("target", target) }
        if let folds = event.folds { line.add("folds", folds) }
        if let estimate = event.estimate {
            line.add("operations_per_example", estimate.operationsPerExample)
            if let peak = estimate.peakGigaflopPerSecond { line.add("peak_gflop_per_s", peak) }
            if let seconds = estimate.secondsPerEpoch { line.add("estimated_epoch_seconds", seconds) }
            line.add("estimated_bytes", estimate.memory.parts.map(\.bytes))
        }
        if let tariff = event.tariff {
            if let price = tariff.pricePerCoreHour { line.add("price_per_core_hour", price) }
            line.add("currency", tariff.currency)
            if let watts = tariff.wattsPerCore { line.add("watts_per_core", watts) }
        }
    }

    private static func add(_ work: RunEvent.Work, to line: inout JSONText) {
        line.add("shares", work.shares)
        line.add("gflop_per_s", work.gigaflopPerSecond)
        if let fraction = work.peakFraction { line.add("peak_fraction", fraction) }
        if let bytes = work.residentBytes { line.add("resident_bytes", bytes) }
    }

    private static func event(from fields: LineFields) throws(EventLineError) -> NumberedEvent {
        let sequence = try fields.integer("seq")
        let event: RunEvent
        switch fields.event {
        case "started": event = .started(try started(from: fields))
        case "stepped":
            event = .stepped(
                .init(
                    step: try fields.integer("step"), epoch: try fields.integer("epoch"),
                    seconds: try fields.double("seconds"), count: try fields.integer("count"),
                    loss: try fields.double("train/loss"),
                    accuracy: fields.has("train/accuracy") ? try fields.double("train/accuracy") : .nan,
                    learningRate: try fields.double("learning_rate")))
        case "progressed":
            event = .progressed(
                .init(
                    step: try fields.integer("step"), epoch: try fields.integer("epoch"),
                    seconds: try fields.double("seconds"), imagesPerSecond: try fields.double("images_per_s"),
                    busy: try fields.doubles("busy"),
                    remainingSeconds: try fields.optionalDouble("remaining_seconds"), work: try work(from: fields)))
        case "evaluated":
            let split = try fields.word("split", as: Split.self)
            event = .evaluated(
                .init(
                    step: try fields.integer("step"), epoch: try fields.integer("epoch"),
                    seconds: try fields.double("seconds"), split: split,
                    loss: try fields.double("\(split.rawValue)/loss"),
                    accuracy: fields.has("\(split.rawValue)/rmse")
                        ? nil : try fields.double("\(split.rawValue)/accuracy"),
                    detail: try detail(from: fields), regression: try regression(of: split, from: fields),
                    weights: try weights(from: fields)))
        case "checkpointed":
            event = .checkpointed(
                .init(
                    step: try fields.integer("step"), seconds: try fields.double("seconds"),
                    best: try fields.bool("best")))
        case "steered":
            let act: RunEvent.Steered.Act
            switch try fields.string("act") {
            case "paused": act = .paused
            case "continued": act = .continued
            case "learning_rate": act = .learningRate(try fields.double("learning_rate"))
            default: throw fields.wrong("act", "\"paused\", \"continued\" or \"learning_rate\"")
            }
            event = .steered(.init(step: try fields.integer("step"), seconds: try fields.double("seconds"), act: act))
        case "rates_tried":
            let (rates, losses) = (try fields.doubles("rates"), try fields.doubles("losses"))
            guard rates.count == losses.count else { throw fields.wrong("losses", "as long as \"rates\"") }
            event = .ratesTried(
                .init(
                    step: try fields.integer("step"), seconds: try fields.double("seconds"),
                    trials: zip(rates, losses).map { Trainer.RateTrial(rate: $0, loss: $1) }))
        case "folded":
            let trainLoss = try fields.double("train/loss")
            var measures: [String: Double] = [:]
            for (name, value) in try fields.metrics() where name.hasPrefix("test/") {
                measures[String(name.dropFirst("test/".count))] = value
            }
            let folds = try fields.integer("folds", in: 2...mostFolds)
            event = .folded(
                .init(
                    fold: try fields.integer("fold", in: 1...folds), folds: folds, step: try fields.integer("step"),
                    epoch: try fields.integer("epoch"), seconds: try fields.double("seconds"), trainLoss: trainLoss,
                    measures: measures, isLast: try fields.bool("last")))
        case "explained": event = .explained(try explanation(from: fields))
        case "surveyed": event = .surveyed(try survey(from: fields))
        case "compared": event = .compared(try variant(from: fields))
        case "sensed": event = .sensed(try sensitivity(from: fields))
        case "decided":
            event = .decided(
                VariantChoice(
                    step: try fields.integer("step"), variant: try variantName(from: fields),
                    act: try fields.word("act", as: VariantChoice.Act.self)))
        case "resumed":
            event = .resumed(
                .init(
                    step: try fields.integer("step"), seconds: try fields.double("seconds"),
                    workers: try fields.integer("workers")))
        case "warned":
            event = .warned(.init(step: try fields.integer("step"), message: try fields.string("message")))
        case "finished":
            event = .finished(
                .init(
                    step: try fields.integer("step"), epoch: try fields.integer("epoch"),
                    seconds: try fields.double("seconds"),
                    reason: try fields.word("reason", as: RunEvent.Finished.Reason.self),
                    weightsSHA256: try fields.string("weights_sha256"), workers: try fields.integer("workers"),
                    metrics: try fields.metrics(), imagesPerSecond: try fields.double("images_per_s"),
                    bill: try bill(from: fields)))
        default: throw .unknownEvent(fields.event)
        }
        return NumberedEvent(sequence: sequence, event: event)
    }

    private static func started(from fields: LineFields) throws(EventLineError) -> RunEvent.Started {
        let shape: TensorShape
        let lengths = try fields.integers("input_shape")
        switch lengths.count {
        case 1: shape = .vector(lengths[0])
        case 3: shape = .image(channels: lengths[0], height: lengths[1], width: lengths[2])
        default: throw fields.wrong("input_shape", "one length or three")
        }
        // `totalSteps` and `count` multiply these; a line from outside must not make them overflow.
        let epochs = try fields.integer("epochs", in: 0...Int(Int32.max))
        let stepsPerEpoch = try fields.integer("steps_per_epoch", in: 0...Int(Int32.max))
        guard lengths.allSatisfy({ (0...1_000_000).contains($0) }) else {
            throw fields.wrong("input_shape", "lengths from 0 to 1,000,000")
        }
        return RunEvent.Started(
            name: try fields.string("name"), dataset: try fields.string("dataset"),
            classes: try fields.strings("classes"), inputShape: shape, layers: try fields.strings("layers"),
            parameters: try fields.integer("parameters"), epochs: epochs, stepsPerEpoch: stepsPerEpoch,
            batch: try fields.integer("batch"), shards: try fields.integer("shards"),
            workers: try fields.integer("workers"), optimizer: try fields.string("optimizer"),
            learningRate: try fields.double("learning_rate"), trainExamples: try fields.integer("train_examples"),
            validationExamples: try fields.integer("validation_examples"),
            testExamples: try fields.integer("test_examples"),
            watchedSplit: try fields.word("watched_split", as: Split.self), seed: try fields.unsigned("seed"),
            kernels: try fields.string("kernels"),
            target: fields.has("target") ? try fields.string("target") : nil, estimate: try estimate(from: fields),
            tariff: try tariff(from: fields),
            folds: fields.has("folds") ? try fields.integer("folds", in: 2...mostFolds) : nil)
    }

    /// Folds of a line that is read; more are not made either.
    static let mostFolds = 1_000

    private static func estimate(from fields: LineFields) throws(EventLineError) -> TrainingEstimate? {
        guard fields.has("operations_per_example") else { return nil }
        let bytes = try fields.integers("estimated_bytes")
        guard bytes.count == MemoryEstimate().parts.count, bytes.allSatisfy({ $0 >= 0 }) else {
            throw fields.wrong("estimated_bytes", "\(MemoryEstimate().parts.count) whole numbers, 0 or more")
        }
        var memory = MemoryEstimate()
        (memory.parameters, memory.moments, memory.gradients) = (bytes[0], bytes[1], bytes[2])
        (memory.activations, memory.data, memory.checkpoint, memory.program) = (bytes[3], bytes[4], bytes[5], bytes[6])
        return TrainingEstimate(
            operationsPerExample: try fields.double("operations_per_example"),
            peakGigaflopPerSecond: try fields.optionalDouble("peak_gflop_per_s"),
            secondsPerEpoch: try fields.optionalDouble("estimated_epoch_seconds"), memory: memory)
    }

    private static func tariff(from fields: LineFields) throws(EventLineError) -> Tariff? {
        guard fields.has("price_per_core_hour") || fields.has("watts_per_core") else { return nil }
        return Tariff(
            pricePerCoreHour: try fields.optionalDouble("price_per_core_hour"),
            currency: fields.has("currency") ? try fields.string("currency") : "",
            wattsPerCore: try fields.optionalDouble("watts_per_core"))
    }

    private static func work(from fields: LineFields) throws(EventLineError) -> RunEvent.Work? {
        guard fields.has("gflop_per_s") else { return nil }
        return RunEvent.Work(
            shares: try fields.doubles("shares"), gigaflopPerSecond: try fields.double("gflop_per_s"),
            peakFraction: try fields.optionalDouble("peak_fraction"),
            residentBytes: fields.has("resident_bytes") ? try fields.integer("resident_bytes") : nil)
    }

    private static func bill(from fields: LineFields) throws(EventLineError) -> Bill? {
        guard fields.has("cost") || fields.has("energy_wh") else { return nil }
        return Bill(
            cost: try fields.optionalDouble("cost"), wattHours: try fields.optionalDouble("energy_wh"))
    }
}
