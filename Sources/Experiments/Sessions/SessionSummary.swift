// SessionSummary: what a list of sessions shows of one, read without folding its events.

import Engine
import Foundation

/// How a session stands.
public enum SessionStatus: Sendable, Equatable {
    /// An engine answers at its socket.
    case live
    case finished(RunEvent.Finished.Reason)
    /// Nobody runs it and it did not finish.
    case interrupted
    /// It cannot be read; one sentence says why.
    case unreadable(String)
}

/// One row of a list of sessions.
public struct SessionSummary: Sendable, Equatable, Identifiable {
    /// Absolute path of the file.
    public var path: String
    public var fileName: String
    /// Name of the run; of the file where that cannot be read.
    public var name: String
    public var status: SessionStatus
    /// When it was made; of a file that cannot be read, when it was changed last.
    public var createdAt: Date
    /// The head of the run; nil before its first event, and while a busy file could not be read.
    public var head: RunEvent.Started?
    /// Steps done.
    public var step: Int
    /// Epoch at work, from 1; 0 before the first.
    public var epoch: Int
    /// Seconds of running.
    public var seconds: Double
    /// The newest value of each metric: `train/loss`, `validation/accuracy`, …
    public var metrics: [String: Double]
    /// Size of the file.
    public var bytes: Int
    /// Folds of a cross-validation that have ended.
    public var foldsDone = 0

    public var id: String { path }

    public init(
        path: String, fileName: String, name: String, status: SessionStatus, createdAt: Date,
        head: RunEvent.Started? = nil, step: Int = 0, epoch: Int = 0, seconds: Double = 0,
        metrics: [String: Double] = [:], bytes: Int = 0
    ) {
        self.path = path
        self.fileName = fileName
        self.name = name
        self.status = status
        self.createdAt = createdAt
        self.head = head
        self.step = step
        self.epoch = epoch
        self.seconds = seconds
        self.metrics = metrics
        self.bytes = bytes
    }

    /// Fraction of the run's steps that are done, 0 to 1.
    public var fractionDone: Double {
        guard let head, head.totalSteps > 0 else { return 0 }
        if let folds = head.folds { return min(1, Double(foldsDone) / Double(folds)) }
        return min(1, Double(step) / Double(head.totalSteps))
    }

    /// Reads the session at `path`; what cannot be read is a row too.
    public init(path: String) {
        self = Self.read(path).summary
        if LinkClient.isLive(sessionPath: path) { self.status = .live }
    }

    /// Reads the session at `path`, whose status is then `interrupted` also when it is live.
    /// - Parameter patience: Seconds to wait while a writer commits.
    static func read(_ path: String, patience: Double = 0.2) -> (summary: SessionSummary, wasBusy: Bool) {
        var status = stat()
        let found = stat(path, &status) == 0
        let fileName = (path as NSString).lastPathComponent
        var summary = SessionSummary(
            path: path, fileName: fileName, name: (fileName as NSString).deletingPathExtension, status: .interrupted,
            createdAt: Date(timeIntervalSince1970: found ? Double(status.st_mtim.tv_sec) : 0),
            bytes: found ? Int(status.st_size) : 0)
        do throws(SessionError) {
            let reader = try SessionReader(path: path, patience: patience)
            defer { reader.close() }
            try summary.fill(from: reader)
        } catch .busy {
            // Somebody is writing it: listed with what is known, and read the next time.
            return (summary, true)
        } catch {
            summary.status = .unreadable("\(error)")
        }
        return (summary, false)
    }

    private mutating func fill(from reader: SessionReader) throws(SessionError) {
        name = reader.info.name
        createdAt = reader.info.createdAt
        if case .started(let started)? = try reader.newest("started").first?.event {
            head = started
            epoch = 1
            if let folds = started.folds { foldsDone = min(folds, try reader.count("folded", where: "last")) }
        }
        // Oldest first, so that the newest value of a metric stands.
        for kind in ["stepped", "evaluated", "progressed"] {
            // An evaluation is of one split; the newest of each are among the last few.
            for event in try reader.newest(kind, count: kind == "evaluated" ? 4 : 1).reversed() { add(event.event) }
        }
        if let last = try reader.last() {
            add(last.event)
            if case .finished(let finished) = last.event { status = .finished(finished.reason) }
        }
    }

    private mutating func add(_ event: RunEvent) {
        switch event {
        case .stepped(let event):
            advance(event.step, event.epoch, event.seconds)
            metrics["train/loss"] = event.loss
            if !event.accuracy.isNaN { metrics["train/accuracy"] = event.accuracy }
        case .progressed(let event):
            advance(event.step, event.epoch, event.seconds)
            metrics["images_per_s"] = event.imagesPerSecond
        case .evaluated(let event):
            advance(event.step, event.epoch, event.seconds)
            // A measure that the newest evaluation leaves undefined is not that of an older one.
            metrics["\(event.split.rawValue)/r2"] = nil
            for (name, value) in event.measures { metrics["\(event.split.rawValue)/\(name)"] = value }
        case .finished(let event):
            advance(event.step, event.epoch, event.seconds)
            metrics.merge(event.metrics) { _, last in last }
            metrics["images_per_s"] = event.imagesPerSecond
        case .resumed(let event):
            step = event.step
            seconds = event.seconds
            if let head { epoch = min(head.epochs, event.step / max(1, head.stepsPerEpoch) + 1) }
        case .steered(let event): seconds = max(seconds, event.seconds)
        case .ratesTried(let event): seconds = max(seconds, event.seconds)
        case .folded(let event): seconds = max(seconds, event.seconds)
        case .started, .checkpointed, .explained, .surveyed, .compared, .sensed, .decided, .warned: break
        }
    }

    private mutating func advance(_ step: Int, _ epoch: Int, _ seconds: Double) {
        self.step = max(self.step, step)
        self.epoch = max(self.epoch, epoch)
        self.seconds = max(self.seconds, seconds)
    }
}
