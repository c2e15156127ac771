// Replay: a moment of a run, reached by folding its events anew.

import Engine

/// Places along a long run from which its fold can go on, so that going back does not begin at the start.
struct Landmarks: Sendable, Equatable {
    private struct Landmark: Sendable, Equatable {
        var position: Int
        var run: RunState
        var points: RunState.PointCounts
    }
    private var landmarks: [Landmark] = []
    /// The fold of all events, whose curves the places share.
    private var whole = RunState()
    /// A resumed run goes back over its own steps: the curves of its end are not those of its start.
    private var isBroken = false

    static let spacing = 16_384

    /// Takes note of `run`, the fold of the first `position` events, of which `event` was the last.
    @inline(__always)
    mutating func pass(_ run: RunState, position: Int, _ event: RunEvent) {
        if case .resumed = event {
            isBroken = true
            landmarks = []
        }
        guard !isBroken, position % Self.spacing == 0 else { return }
        landmarks.append(
            Landmark(position: position, run: run.withoutPoints, points: run.pointCounts))
    }

    /// The same places for a run whose fold is `whole` by now.
    func along(_ whole: RunState) -> Landmarks {
        var copy = self
        copy.whole = landmarks.isEmpty ? RunState() : whole
        return copy
    }

    /// The last place that is not past `target`, as a fold with its curves.
    func before(_ target: Int) -> (position: Int, run: RunState)? {
        guard let found = landmarks.last(where: { $0.position <= target }) else { return nil }
        var run = found.run
        run.takePoints(of: whole, found.points)
        return (found.position, run)
    }
}

/// A moment within recorded events. The same fold as live: only the number of events differs.
struct Replay: Sendable, Equatable {
    /// Events folded in.
    private(set) var position = 0
    private(set) var run = RunState()
    var isPlaying = false
    /// Seconds of the run a second of watching.
    var speed: Double
    /// The moment, in seconds of running.
    private(set) var clock = 0.0
    private let landmarks: Landmarks

    static let speeds: ClosedRange<Double> = 0.25...4096

    /// At the start of `events`, at a speed that shows them in about half a minute.
    init(of events: [RunEvent], landmarks: Landmarks = Landmarks()) {
        self.landmarks = landmarks
        let seconds = events.last { $0.moment != nil }?.moment?.seconds ?? 0
        speed = 1
        while speed < seconds / 30, speed < Replay.speeds.upperBound { speed *= 2 }
        move(to: 1, in: events)
    }

    /// Folds the first `count` events.
    mutating func move(to count: Int, in events: [RunEvent]) {
        let target = min(max(count, min(1, events.count)), events.count)
        if target < position || target - position > 2 * Landmarks.spacing {
            if let near = landmarks.before(target), target < position || near.position > position {
                (position, run) = near
            } else if target < position {
                (position, run) = (0, RunState())
            }
        }
        while position < target {
            run.apply(events[position])
            position += 1
        }
        clock = run.seconds
    }

    /// Goes on by `elapsed` seconds of watching; holds at the end.
    mutating func play(_ elapsed: Double, in events: [RunEvent]) {
        guard isPlaying else { return }
        let until = clock + elapsed * speed
        while position < events.count {
            if let moment = events[position].moment, moment.seconds > until { break }
            run.apply(events[position])
            position += 1
        }
        clock = until
        if position == events.count {
            isPlaying = false
            clock = run.seconds
        }
    }

    /// One recorded step on (`by` 1) or back (-1).
    mutating func step(by direction: Int, in events: [RunEvent]) {
        var index = position + (direction > 0 ? 1 : -1)
        while index > 1, index < events.count, !events[index - 1].isStep { index += direction }
        move(to: index, in: events)
    }

    /// To the end of the epoch that goes on here (`by` 1) or of the one before (-1).
    mutating func epoch(by direction: Int, in events: [RunEvent]) {
        if run.head?.folds != nil { return fold(by: direction, in: events) }
        let start = run.epoch
        var index = position
        if direction > 0 {
            let target = events[index...].lazy.compactMap { $0.moment?.epoch }.first ?? start
            while index < events.count, (events[index].moment?.epoch ?? target) <= target { index += 1 }
        } else {
            index -= 1
            while index > 1, (events[index - 1].moment?.epoch ?? start) >= start { index -= 1 }
        }
        move(to: index, in: events)
    }

    /// To the end of the next fold of a cross-validation, or of the one before.
    private mutating func fold(by direction: Int, in events: [RunEvent]) {
        var index = position + direction
        while index > 1, index < events.count {
            if case .folded(let folded) = events[index - 1], folded.isLast { break }
            index += direction
        }
        move(to: index, in: events)
    }

    /// To the last event that is not past `step`.
    mutating func seek(step: Int, in events: [RunEvent]) {
        // What was asked about the finished run stands behind its end.
        move(
            to: events.lastIndex { event in event.moment.map { $0.step <= step } ?? false }.map { $0 + 1 } ?? 1,
            in: events)
    }
}

extension RunEvent {
    /// When it happened; nil for events that carry no time.
    var moment: (step: Int, epoch: Int?, seconds: Double)? {
        switch self {
        case .started, .explained, .surveyed, .compared, .sensed, .decided, .warned: nil
        case .folded(let event): (event.step, event.epoch, event.seconds)
        case .stepped(let event): (event.step, event.epoch, event.seconds)
        case .progressed(let event): (event.step, event.epoch, event.seconds)
        case .evaluated(let event): (event.step, event.epoch, event.seconds)
        case .checkpointed(let event): (event.step, nil, event.seconds)
        case .steered(let event): (event.step, nil, event.seconds)
        case .ratesTried(let event): (event.step, nil, event.seconds)
        case .resumed(let event): (event.step, nil, event.seconds)
        case .finished(let event): (event.step, event.epoch, event.seconds)
        }
    }

    /// Something that a person steps through: steps, and in a cross-validation the epochs of its folds.
    var isStep: Bool {
        switch self {
        case .stepped, .folded: true
        default: false
        }
    }
}
