// Recorder: the thread that writes a run's events and checkpoints to its session and then tells them on.
import Engine
import Foundation
import Synchronization

/// Takes events from the trainer at once and stores them from a thread of its own. Clients hear of an event only when it is
/// stored, so nothing that somebody saw can be lost.
///
/// Storing may fail, on a full disk say: training goes on, the events wait here, and the recorder tries again each second.
///
/// `@unchecked Sendable`: `waiting` and what goes with it is guarded by `condition`; `writer` and `server` are used by the
/// recorder's thread alone until `finish` has seen it end.
final class Recorder: @unchecked Sendable {
    private enum Item {
        /// Of a run beside the first one; nil: of that one.
        case event(RunEvent, run: Int?)
        case checkpoint(Snapshot, RunEvent.Checkpointed, run: Int?)
        case artifact(SessionArtifact)
    }

    private let writer: SessionWriter
    private let tell: @Sendable ([NumberedEvent]) -> Void
    private let complain: @Sendable (String) -> Void
    private let condition = NSCondition()
    private var waiting: [Item] = []
    private var ends = false
    private var ended = false
    private var failure: SessionError?
    /// Used by the recorder's thread alone.
    private var packs = true

    /// - Parameters:
    ///   - tell: gets stored events, on the recorder's thread.
    ///   - complain: gets one sentence when storing starts to fail and one when it works again.
    init(
        _ writer: SessionWriter, tell: @escaping @Sendable ([NumberedEvent]) -> Void,
        complain: @escaping @Sendable (String) -> Void
    ) {
        self.writer = writer
        self.tell = tell
        self.complain = complain
        let thread = Thread { [self] in run() }
        thread.name = "recorder"
        thread.start()
    }

    /// Takes an event; returns at once.
    /// - Parameter run: a run beside the first one, of whose events nobody is told; nil: the first.
    func record(_ event: RunEvent, run: Int? = nil) { add(.event(event, run: run)) }

    /// Takes a checkpoint; returns at once. One that a newer one overtakes before it is stored is dropped with its event.
    func record(_ snapshot: Snapshot, _ event: RunEvent.Checkpointed) {
        add(.checkpoint(snapshot, event, run: nil))
    }

    /// Takes the one checkpoint of a run beside the first one; returns at once.
    func record(_ snapshot: Snapshot, _ event: RunEvent.Checkpointed, run: Int) {
        add(.checkpoint(snapshot, event, run: run))
    }

    /// Takes something to keep with the run; returns at once.
    func record(_ artifact: SessionArtifact) { add(.artifact(artifact)) }

    private func add(_ item: Item) {
        condition.lock()
        waiting.append(item)
        condition.signal()
        condition.unlock()
    }

    /// Stores what is left and ends the thread.
    /// - Throws: the last ``SessionError`` when even repeated tries could not store everything.
    func finish() throws {
        condition.lock()
        ends = true
        condition.signal()
        while !ended { condition.wait() }
        let failure = failure
        condition.unlock()
        if let failure { throw failure }
    }

    /// Seconds between two transactions: a commit waits for the disk, and a screen needs no more.
    private static let pace = 0.1
    /// Tries, a second apart, to store the rest when the run is over.
    private static let lastTries = 10

    private func run() {
        var fails = false
        var lastTries = 0
        while true {
            condition.lock()
            while waiting.isEmpty, !ends { condition.wait() }
            let items = waiting
            waiting = []
            let isLast = ends
            condition.unlock()
            let (stored, error) = store(items)
            if let error {
                if !fails { complain("\(error) Training goes on; recording is tried again each second.") }
                fails = true
                lastTries += isLast ? 1 : 0
                condition.lock()
                waiting.insert(contentsOf: items[stored...], at: 0)
                failure = error
                condition.unlock()
                if lastTries < Self.lastTries {
                    Thread.sleep(forTimeInterval: 1)
                    continue
                }
            } else if fails {
                complain("Recording works again; nothing was lost.")
                fails = false
                condition.lock()
                failure = nil
                condition.unlock()
            }
            if error == nil { pack(isLast: isLast) }
            condition.lock()
            let isDone = (isLast && waiting.isEmpty) || lastTries >= Self.lastTries
            if isDone {
                ended = true
                condition.broadcast()
            }
            condition.unlock()
            if isDone { return }
            if !isLast { Thread.sleep(forTimeInterval: Self.pace) }
        }
    }

    /// Fewer events at a run's end are as quickly read from rows.
    private static let leastPacked = 1_024

    /// Packs events that are stored into blocks, a block at a time while the run goes on. It is no loss when that fails.
    private func pack(isLast: Bool) {
        do throws(SessionError) {
            while packs, writer.unpackedCount >= (isLast ? Self.leastPacked : EventBlock.window) {
                try writer.pack()
                if !isLast { return }
            }
        } catch {
            packs = false
            complain("\(error) The session will open more slowly; nothing is lost.")
        }
    }

    /// Stores `items` in their order: events between two checkpoints in one transaction.
    /// - Returns: how many were stored, and why no more.
    private func store(_ items: [Item]) -> (stored: Int, error: SessionError?) {
        let checkpoints = items.indices.filter { if case .checkpoint(_, _, nil) = items[$0] { true } else { false } }
        let best = checkpoints.last { if case .checkpoint(_, let event, _) = items[$0] { event.best } else { false } }
        var stored = 0
        var events = RunBatches()
        do throws(SessionError) {
            for (index, item) in items.enumerated() {
                switch item {
                case .event(let event, let run): events.add(event, run)
                case .checkpoint(let snapshot, let event, let run):
                    // That of step 0 is what a run from another one's weights began with.
                    guard run != nil || index == checkpoints.last || index == best || snapshot.step == 0 else {
                        continue
                    }
                    tell(try writer.append(batches: events.take()))
                    stored = index
                    let told = try writer.storeCheckpoint(
                        step: snapshot.step, best: event.best, bytes: snapshot.encoded, of: run,
                        and: .checkpointed(event))
                    if run == nil { tell([told]) }
                    stored = index + 1
                case .artifact(let artifact):
                    tell(try writer.append(batches: events.take()))
                    stored = index
                    try writer.storeArtifact(artifact)
                    stored = index + 1
                }
            }
            tell(try writer.append(batches: events.take()))
            return (items.count, nil)
        } catch {
            return (stored, error)
        }
    }
}

/// Events that wait for one transaction, by run: between those of different runs no order matters.
private struct RunBatches {
    private var batches: [(run: Int?, events: [RunEvent])] = []

    mutating func add(_ event: RunEvent, _ run: Int?) {
        if let place = batches.firstIndex(where: { $0.run == run }) {
            batches[place].events.append(event)
        } else {
            batches.append((run, [event]))
        }
    }

    mutating func take() -> [(run: Int?, events: [RunEvent])] {
        defer { batches = [] }
        return batches
    }
}

/// Commands from clients on their way to the trainer.
public final class CommandQueue: @unchecked Sendable {
    // `@unchecked Sendable`: `commands` is guarded by `condition`.
    private let condition = NSCondition()
    private var commands: [EngineCommand] = []

    public init() {}

    /// Adds a command.
    public func push(_ command: EngineCommand) {
        condition.lock()
        commands.append(command)
        condition.signal()
        condition.unlock()
    }

    /// Takes all commands; with `wait` it returns when there is one.
    func take(wait: Bool) -> [EngineCommand] {
        condition.lock()
        while wait, commands.isEmpty { condition.wait() }
        defer {
            commands = []
            condition.unlock()
        }
        return commands
    }
}
