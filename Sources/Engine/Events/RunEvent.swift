// RunEvent: what happened in a run, a value. Everything a screen shows is folded from these (see RunState).

/// One thing that happened in a run. `seconds` are seconds of running since the run began, pauses and interruptions left out.
public enum RunEvent: Sendable, Equatable {
    // The cases that are rare and large live in boxes of their own, so that the many small events of a long run stay small.

    /// The first event of a run.
    indirect case started(Started)
    /// `count` steps ending with step `step` were done; values are means over them. Deterministic but for `seconds`.
    case stepped(Stepped)
    /// How fast it goes, a few times a second; not deterministic.
    indirect case progressed(Progressed)
    /// The model was measured on a split.
    indirect case evaluated(Evaluated)
    /// A checkpoint was stored.
    case checkpointed(Checkpointed)
    /// A person's act: pause, continue, a new learning rate.
    case steered(Steered)
    /// Learning rates were tried between two steps, and everything was put back.
    indirect case ratesTried(RatesTried)
    /// A fold of a cross-validation was measured, at the end of an epoch or at its own end.
    indirect case folded(Folded)
    /// One prediction of the model was explained.
    indirect case explained(Explanation)
    /// What matters to the model over many examples was looked for.
    indirect case surveyed(FeatureSurvey)
    /// A smaller variant of the model was measured, or the model itself as their baseline.
    indirect case compared(VariantLine)
    /// What each layer loses when it alone is made smaller was measured.
    indirect case sensed(LayerSensitivity)
    /// A person chose a variant, dropped one or took it back.
    indirect case decided(VariantChoice)
    /// The run goes on from a checkpoint after an interruption: what was recorded after `step` is void.
    case resumed(Resumed)
    /// Something that a person should know and that does not end the run.
    case warned(Warned)
    /// The last event of a run that ended by itself or by a person's stop.
    indirect case finished(Finished)

    /// The head of a run.
    public struct Started: Sendable, Equatable {
        public var name: String
        public var dataset: String
        /// Where numbers are predicted: the name of that number alone.
        public var classes: [String]
        /// Name of the number that is predicted; nil: classes are.
        public var target: String?
        public var inputShape: TensorShape
        /// Layers as text, first to last: "conv 32 3x3 relu", "max_pool 2".
        public var layers: [String]
        public var parameters: Int
        public var epochs: Int
        public var stepsPerEpoch: Int
        public var batch: Int
        public var shards: Int
        public var workers: Int
        public var optimizer: String
        public var learningRate: Double
        public var trainExamples: Int
        public var validationExamples: Int
        public var testExamples: Int
        /// Split that the per-epoch curve watches: "validation", or "test" when there is no validation split.
        public var watchedSplit: Split
        public var seed: UInt64
        /// What computed: oneDNN version and instruction set.
        public var kernels: String
        /// What the run was expected to ask of the machine; nil in sessions of earlier versions.
        public var estimate: TrainingEstimate?
        /// What a core costs and draws; nil: nobody said.
        public var tariff: Tariff?
        /// Folds of a cross-validation; nil: a single training.
        public var folds: Int?
        public init(
            name: String, dataset: String, classes: [String], inputShape: TensorShape, layers: [String],
            parameters: Int, epochs: Int, stepsPerEpoch: Int, batch: Int, shards: Int, workers: Int, optimizer: String,
            learningRate: Double, trainExamples: Int, validationExamples: Int, testExamples: Int, watchedSplit: Split,
            seed: UInt64, kernels: String, target: String? = nil, estimate: TrainingEstimate? = nil,
            tariff: Tariff? = nil, folds: Int? = nil
        ) {
            self.name = name
            self.folds = folds
            self.target = target
            self.dataset = dataset
            self.classes = classes
            self.inputShape = inputShape
            self.layers = layers
            self.parameters = parameters
            self.epochs = epochs
            self.stepsPerEpoch = stepsPerEpoch
            self.batch = batch
            self.shards = shards
            self.workers = workers
            self.optimizer = optimizer
            self.learningRate = learningRate
            self.trainExamples = trainExamples
            self.validationExamples = validationExamples
            self.testExamples = testExamples
            self.watchedSplit = watchedSplit
            self.seed = seed
            self.kernels = kernels
            self.estimate = estimate
            self.tariff = tariff
        }
        /// Steps of the whole run.
        public var totalSteps: Int { epochs * stepsPerEpoch }
    }

    /// Means over `count` steps.
    public struct Stepped: Sendable, Equatable {
        /// Steps done so far; the first step is 1.
        public var step: Int
        /// Epoch that `step` belongs to; the first is 1.
        public var epoch: Int
        public var seconds: Double
        public var count: Int
        /// Mean loss over the steps' examples.
        public var loss: Double
        /// Fraction of the steps' examples whose largest logit was the label's; NaN where numbers are predicted.
        public var accuracy: Double
        public var learningRate: Double
        public init(
            step: Int, epoch: Int, seconds: Double, count: Int, loss: Double, accuracy: Double, learningRate: Double
        ) {
            self.step = step
            self.epoch = epoch
            self.seconds = seconds
            self.count = count
            self.loss = loss
            self.accuracy = accuracy
            self.learningRate = learningRate
        }
    }

    /// The state of the machinery since the last such event.
    public struct Progressed: Sendable, Equatable {
        public var step: Int
        public var epoch: Int
        public var seconds: Double
        public var imagesPerSecond: Double
        /// For each worker the fraction of the time that it computed, 0 to 1; the rest it waited.
        public var busy: [Double]
        /// Seconds that the run still needs; nil until it can be told.
        public var remainingSeconds: Double?
        /// Nil in sessions of earlier versions.
        public var work: Work?
        public init(
            step: Int, epoch: Int, seconds: Double, imagesPerSecond: Double, busy: [Double], remainingSeconds: Double?,
            work: Work? = nil
        ) {
            self.step = step
            self.epoch = epoch
            self.seconds = seconds
            self.imagesPerSecond = imagesPerSecond
            self.busy = busy
            self.remainingSeconds = remainingSeconds
            self.work = work
        }
    }

    /// What the machine gave since the last such event, and where its time went.
    public struct Work: Sendable, Equatable {
        /// Fractions of the workers' time: one for each ``StepPart``, in their order, and last what they waited, for each
        /// other or for what is no step. They sum to 1. Empty until a step was timed (one in eight is).
        public var shares: [Double]
        /// Operations of convolutions and dense layers (see ``Network/trainingOperations``).
        public var gigaflopPerSecond: Double
        /// Those as a fraction of what all workers together could do, measured when the run began; nil: not measured.
        public var peakFraction: Double?
        /// Memory of this process that is really there.
        public var residentBytes: Int?
        public init(shares: [Double], gigaflopPerSecond: Double, peakFraction: Double? = nil, residentBytes: Int? = nil)
        {
            self.shares = shares
            self.gigaflopPerSecond = gigaflopPerSecond
            self.peakFraction = peakFraction
            self.residentBytes = residentBytes
        }
    }

    /// Learning rates that were tried, and the loss of the step with each.
    public struct RatesTried: Sendable, Equatable {
        /// Step after which they were tried.
        public var step: Int
        public var seconds: Double
        public var trials: [Trainer.RateTrial]
        public init(step: Int, seconds: Double, trials: [Trainer.RateTrial]) {
            self.step = step
            self.seconds = seconds
            self.trials = trials
        }
    }

    /// How a fold of a cross-validation does on the examples that were kept from it.
    public struct Folded: Sendable, Equatable {
        /// From 1.
        public var fold: Int
        /// Folds in all.
        public var folds: Int
        /// Steps and epochs of this fold's own training.
        public var step: Int
        public var epoch: Int
        /// Seconds since the cross-validation began.
        public var seconds: Double
        /// Mean loss over the training examples of the epoch.
        public var trainLoss: Double
        /// On the fold's own examples, which it was not trained on: `loss`, and `accuracy` or `mae`, `rmse`, `r2`; at the
        /// fold's end more. Without the split before the name.
        public var measures: [String: Double]
        /// The fold has ended: these are its measures for good.
        public var isLast: Bool
        public init(
            fold: Int, folds: Int, step: Int, epoch: Int, seconds: Double, trainLoss: Double,
            measures: [String: Double], isLast: Bool
        ) {
            self.fold = fold
            self.folds = folds
            self.step = step
            self.epoch = epoch
            self.seconds = seconds
            self.trainLoss = trainLoss
            self.measures = measures
            self.isLast = isLast
        }
    }

    /// Loss and measures over a whole split, dropout off.
    public struct Evaluated: Sendable, Equatable {
        public var step: Int
        public var epoch: Int
        public var seconds: Double
        public var split: Split
        public var loss: Double
        /// Fraction of right classes; nil where numbers are predicted.
        public var accuracy: Double?
        /// Confusion matrix and ROC curves; nil in sessions of earlier versions, with more than 100 classes, and where numbers
        /// are predicted.
        public var detail: EvaluationDetail?
        /// Errors of predicted numbers; nil where classes are predicted.
        public var regression: RegressionDetail?
        /// The weights that were measured, a histogram a parameter; empty where they were not looked at. They are here and
        /// not with a checkpoint because every evaluation of the watched split is recorded, while a checkpoint is dropped
        /// when a newer one overtakes it.
        public var weights: [WeightHistogram]
        public init(
            step: Int, epoch: Int, seconds: Double, split: Split, loss: Double, accuracy: Double?,
            detail: EvaluationDetail? = nil, regression: RegressionDetail? = nil, weights: [WeightHistogram] = []
        ) {
            self.step = step
            self.epoch = epoch
            self.seconds = seconds
            self.split = split
            self.loss = loss
            self.accuracy = accuracy
            self.detail = detail
            self.regression = regression
            self.weights = weights
        }
        /// What was measured, by the names of metrics without their split: `loss`, and `accuracy` or `mae`, `rmse`, `r2`.
        public var measures: [(name: String, value: Double)] {
            [("loss", loss)] + (accuracy.map { [("accuracy", $0)] } ?? []) + (regression?.scores.named ?? [])
        }
    }

    /// A stored checkpoint.
    public struct Checkpointed: Sendable, Equatable {
        public var step: Int
        public var seconds: Double
        /// It is the best one so far by what decides on the watched split (see ``TrainingSpec/monitor``).
        public var best: Bool
        public init(step: Int, seconds: Double, best: Bool) {
            self.step = step
            self.seconds = seconds
            self.best = best
        }
    }

    /// What a person did to a running run.
    public struct Steered: Sendable, Equatable {
        public var step: Int
        public var seconds: Double
        public var act: Act
        public init(step: Int, seconds: Double, act: Act) {
            self.step = step
            self.seconds = seconds
            self.act = act
        }
        /// The act.
        public enum Act: Sendable, Equatable {
            case paused
            case continued
            case learningRate(Double)
        }
    }

    /// Going on after an interruption.
    public struct Resumed: Sendable, Equatable {
        public var step: Int
        public var seconds: Double
        public var workers: Int
        public init(step: Int, seconds: Double, workers: Int) {
            self.step = step
            self.seconds = seconds
            self.workers = workers
        }
    }

    /// A warning.
    public struct Warned: Sendable, Equatable {
        public var step: Int
        public var message: String
        public init(step: Int, message: String) {
            self.step = step
            self.message = message
        }
    }

    /// How a run ended, and with what.
    public struct Finished: Sendable, Equatable {
        public var step: Int
        public var epoch: Int
        public var seconds: Double
        public var reason: Reason
        /// SHA-256 of the parameters, little-endian float32 in the network's order, as hexadecimal.
        public var weightsSHA256: String
        /// Workers that really computed.
        public var workers: Int
        /// `train/loss`, `validation/accuracy`, `test/rmse`, … at the end.
        public var metrics: [String: Double]
        /// Training examples a second over the whole run.
        public var imagesPerSecond: Double
        /// What the run came to, all its parts together; nil where nobody named a price or a power.
        public var bill: Bill?
        public init(
            step: Int, epoch: Int, seconds: Double, reason: Reason, weightsSHA256: String, workers: Int,
            metrics: [String: Double], imagesPerSecond: Double, bill: Bill? = nil
        ) {
            self.step = step
            self.epoch = epoch
            self.seconds = seconds
            self.reason = reason
            self.weightsSHA256 = weightsSHA256
            self.workers = workers
            self.metrics = metrics
            self.imagesPerSecond = imagesPerSecond
            self.bill = bill
        }
        /// Why it ended.
        public enum Reason: String, Sendable {
            /// All epochs were done.
            case completed
            /// A person stopped it; it can be resumed.
            case stopped
            /// Loss or gradients were not finite; the last finite checkpoint stands.
            case diverged
        }
    }
}

/// A part of a data set.
public enum Split: String, Sendable, Codable, CaseIterable {
    case train, validation, test
}

/// An event with its place in the run: 1, 2, 3, … without gaps.
public struct NumberedEvent: Sendable, Equatable {
    public var sequence: Int
    public var event: RunEvent
    public init(sequence: Int, event: RunEvent) {
        self.sequence = sequence
        self.event = event
    }
}

/// What a client may ask of a running engine.
public enum EngineCommand: Sendable, Equatable {
    case pause
    case `continue`
    case setLearningRate(Double)
    /// Try this many learning rates, growing from the one to the other, and put everything back.
    case tryRates(from: Double, to: Double, steps: Int)
    /// Stop after the current step, store a checkpoint, finish.
    case stop
}

extension EngineCommand {
    /// Trials as they are made where nobody says otherwise.
    public static let tryRates = EngineCommand.tryRates(
        from: RateTrials.least, to: RateTrials.most, steps: RateTrials.steps)
}

/// Trials of learning rates as they are made where nobody says otherwise.
public enum RateTrials {
    public static let least = 1e-6
    public static let most = 1.0
    public static let steps = 100
    /// How many may be asked for.
    public static let range = 10...10_000
}
