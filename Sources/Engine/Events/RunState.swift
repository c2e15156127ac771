// RunState: the fold of a run's events. Live, attached and replayed runs go through it alike.

/// Something that happened at one moment and that a chart marks.
public struct Mark: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case paused, continued, learningRate(Double), triedRates, resumed, warned(String), best
    }
    public var step: Int
    public var seconds: Double
    public var kind: Kind
}

/// Where a run stands.
public enum RunPhase: Sendable, Equatable {
    /// No event yet.
    case empty
    case running
    case paused
    case finished(RunEvent.Finished.Reason)
}

/// Everything a screen shows of a run, folded from its events.
public struct RunState: Sendable, Equatable {
    public private(set) var phase: RunPhase = .empty
    public private(set) var head: RunEvent.Started?
    /// Steps done.
    public private(set) var step = 0
    /// Epoch at work, from 1.
    public private(set) var epoch = 0
    /// Seconds of running.
    public private(set) var seconds = 0.0
    /// Seconds that the workers took, all of them together; steps that an interruption has voided count too.
    public private(set) var coreSeconds = 0.0
    private var stepped = StepCurves()
    private var otherCurves: [String: Curve] = [:]
    public private(set) var marks: [Mark] = []
    /// The newest state of the machinery.
    public private(set) var progress: RunEvent.Progressed?
    public private(set) var learningRate: Double?
    /// The newest trials of learning rates.
    public private(set) var ratesTried: RunEvent.RatesTried?
    public private(set) var lastCheckpoint: RunEvent.Checkpointed?
    public private(set) var bestCheckpoint: RunEvent.Checkpointed?
    public private(set) var finished: RunEvent.Finished?
    /// The folds of a cross-validation that were measured so far, by number; empty for a single training.
    public private(set) var folds: [FoldState] = []
    /// The newest explanations of single predictions, oldest first.
    public private(set) var explanations: [Explanation] = []
    /// The newest look for what matters to the model.
    public private(set) var survey: FeatureSurvey?
    /// Smaller variants of the model.
    public private(set) var variants = ComparedVariants()
    /// The newest evaluations of each split, oldest first: a run that goes on from a checkpoint voids the last.
    private var measured: [Split: [RunEvent.Evaluated]] = [:]
    private var weightHistory = WeightHistory()
    /// Events folded in.
    public private(set) var eventCount = 0

    public init() {}

    /// The fold of `events`.
    public init(_ events: some Sequence<RunEvent>) {
        for event in events { apply(event) }
    }

    /// Curves by metric name: `train/loss`, `train/accuracy`, `validation/loss`, `validation/rmse`, …, `learning_rate`, `images_per_s`.
    public var curves: [String: Curve] { stepped.curves.merging(otherCurves) { $0.merging($1) } }

    /// The newest evaluation of each split, with its step and epoch.
    public var evaluations: [Split: RunEvent.Evaluated] { measured.compactMapValues(\.last) }

    /// Histograms of the weights over the run, oldest first: at most 200 moments, evenly thinned, and the newest.
    public var weightHistograms: [WeightMoment] { weightHistory.moments }

    /// Fraction of the run's steps that are done, 0 to 1; of a cross-validation, of those of all folds.
    public var fractionDone: Double {
        guard let head, head.totalSteps > 0 else { return 0 }
        if let count = head.folds {
            let epochs = Double(head.epochs)
            let done = folds.reduce(0.0) { $0 + ($1.isFinished ? 1 : Double($1.epoch) / epochs) } / Double(count)
            // A fold that has not come to the end of an epoch is not heard of, but its steps are counted.
            return min(1, max(done, Double(step) / (Double(head.totalSteps) * Double(count))))
        }
        return min(1, Double(step) / Double(head.totalSteps))
    }

    /// Makes room for `steps` more `stepped` events; worth while before thousands.
    public mutating func reserve(steps: Int) { stepped.reserve(steps) }

    /// How many points the curves have: a place to come back to.
    public struct PointCounts: Sendable, Equatable {
        fileprivate var steps: Int
        fileprivate var others: [String: Int]
    }

    /// How many points the curves have.
    public var pointCounts: PointCounts {
        PointCounts(steps: stepped.count, others: otherCurves.mapValues(\.count))
    }

    /// Everything but the points of the curves: a light copy, to come back to with ``takePoints(of:_:)``.
    public var withoutPoints: RunState {
        var copy = self
        copy.stepped = StepCurves()
        copy.otherCurves = [:]
        return copy
    }

    /// Gives the state the first points of the curves of `whole`, the fold of more of the same events.
    /// - Complexity: O(points), a copy of memory.
    public mutating func takePoints(of whole: RunState, _ counts: PointCounts) {
        stepped = whole.stepped.prefix(counts.steps)
        otherCurves = [:]
        for (metric, count) in counts.others { otherCurves[metric] = whole.otherCurves[metric]?.prefix(count) }
    }

    /// Folds in one more event.
    public mutating func apply(_ event: RunEvent) {
        eventCount += 1
        switch event {
        case .started(let started):
            head = started
            phase = .running
            epoch = 1
            learningRate = started.learningRate
        case .stepped(let stepped):
            advance(step: stepped.step, epoch: stepped.epoch, seconds: stepped.seconds)
            learningRate = stepped.learningRate
            self.stepped.append(stepped)
        case .progressed(let progressed):
            advance(step: progressed.step, epoch: progressed.epoch, seconds: progressed.seconds)
            progress = progressed
            add("images_per_s", progressed.imagesPerSecond, at: progressed.step, progressed.seconds)
        case .evaluated(let evaluated):
            advance(step: evaluated.step, epoch: evaluated.epoch, seconds: evaluated.seconds)
            for (name, value) in evaluated.measures {
                add("\(evaluated.split.rawValue)/\(name)", value, at: evaluated.step, evaluated.seconds)
            }
            measured[evaluated.split, default: []].append(evaluated)
            if measured[evaluated.split, default: []].count > Self.keptEvaluations {
                measured[evaluated.split]?.removeFirst()
            }
            if !evaluated.weights.isEmpty {
                weightHistory.append(step: evaluated.step, epoch: evaluated.epoch, evaluated.weights)
            }
        case .checkpointed(let checkpointed):
            lastCheckpoint = checkpointed
            if checkpointed.best {
                bestCheckpoint = checkpointed
                marks.removeAll { $0.kind == .best }
                marks.append(Mark(step: checkpointed.step, seconds: checkpointed.seconds, kind: .best))
            }
        case .steered(let steered):
            advance(seconds: steered.seconds)
            switch steered.act {
            case .paused:
                phase = .paused
                marks.append(Mark(step: steered.step, seconds: steered.seconds, kind: .paused))
            case .continued:
                phase = .running
                marks.append(Mark(step: steered.step, seconds: steered.seconds, kind: .continued))
            case .learningRate(let rate):
                learningRate = rate
                marks.append(Mark(step: steered.step, seconds: steered.seconds, kind: .learningRate(rate)))
            }
        case .ratesTried(let tried):
            advance(seconds: tried.seconds)
            ratesTried = tried
            marks.append(Mark(step: tried.step, seconds: tried.seconds, kind: .triedRates))
        case .folded(let folded):
            advance(seconds: folded.seconds)
            take(folded)
        case .explained(let explanation):
            explanations.append(explanation)
            if explanations.count > Self.keptExplanations { explanations.removeFirst() }
        case .surveyed(let survey): self.survey = survey
        case .compared(let line): variants.take(line)
        case .sensed(let sensitivity): variants.take(sensitivity)
        case .decided(let choice): variants.take(choice)
        case .resumed(let resumed):
            rewind(to: resumed)
        case .warned(let warned):
            marks.append(Mark(step: warned.step, seconds: seconds, kind: .warned(warned.message)))
        case .finished(let finished):
            advance(step: finished.step, epoch: finished.epoch, seconds: finished.seconds)
            self.finished = finished
            phase = .finished(finished.reason)
        }
    }

    /// A checkpoint follows each epoch's evaluation, so a kill voids one evaluation, or a few where the disk was slow.
    private static let keptEvaluations = 4
    /// An explanation takes a few kilobytes.
    private static let keptExplanations = 500

    private mutating func take(_ folded: RunEvent.Folded) {
        let index: Int
        if let found = folds.firstIndex(where: { $0.fold >= folded.fold }) {
            index = found
            if folds[found].fold != folded.fold { folds.insert(FoldState(fold: folded.fold), at: found) }
        } else {
            index = folds.count
            folds.append(FoldState(fold: folded.fold))
        }
        folds[index].take(folded)
    }

    private mutating func advance(step: Int, epoch: Int, seconds: Double) {
        self.step = max(self.step, step)
        self.epoch = max(self.epoch, epoch)
        advance(seconds: seconds)
    }

    private mutating func advance(seconds: Double) {
        guard seconds > self.seconds else { return }
        coreSeconds += (seconds - self.seconds) * Double(head?.workers ?? 0)
        self.seconds = seconds
    }

    private mutating func add(_ metric: String, _ value: Double, at step: Int, _ seconds: Double) {
        otherCurves[metric, default: Curve()].append(step: step, seconds: seconds, value: value)
    }

    private mutating func rewind(to resumed: RunEvent.Resumed) {
        stepped.truncate(after: resumed.step)
        for metric in otherCurves.keys { otherCurves[metric]?.truncate(after: resumed.step) }
        for split in measured.keys { measured[split]?.removeAll { $0.step > resumed.step } }
        weightHistory.truncate(after: resumed.step)
        marks.removeAll { $0.step > resumed.step }
        if let best = bestCheckpoint, best.step > resumed.step { bestCheckpoint = nil }
        explanations.removeAll { $0.step > resumed.step }
        if let found = survey, found.step > resumed.step { survey = nil }
        variants.rewind(to: resumed.step)
        if let tried = ratesTried, tried.step > resumed.step { ratesTried = nil }
        step = resumed.step
        if let head { epoch = min(head.epochs, resumed.step / max(1, head.stepsPerEpoch) + 1) }
        seconds = resumed.seconds
        progress = nil
        finished = nil
        phase = .running
        head?.workers = resumed.workers
        marks.append(Mark(step: resumed.step, seconds: resumed.seconds, kind: .resumed))
    }
}
