// Team: long-lived worker threads that run the phases of a plan, tile by tile.
import CPrimitives
import Foundation

/// What a worker knows while it runs a tile.
struct Worker {
    /// 0..<team.workers; worker 0 is the thread that calls `run`.
    let index: Int
    /// Memory of its own for the tile at hand.
    let scratch: UnsafeMutableRawPointer
    /// Memory for what lives between two layers of one tile.
    let transient: UnsafeMutableRawPointer
    /// Nanoseconds of each ``StepPart``, to be added to; nil when nobody takes the time.
    var times: UnsafeMutablePointer<UInt64>?
}

/// What a step spends its time on.
public enum StepPart: Int, Sendable, CaseIterable {
    case data, forward, backward, sum, update
}

/// A piece of work that one worker does alone. It writes only what no other tile of its phase touches.
typealias Tile = (Worker) -> Void

/// Tiles that may run at the same time; all are done before the next phase begins.
struct Phase {
    var tiles: [Tile]
    init(_ tiles: [Tile]) { self.tiles = tiles }
}

/// Worker threads. Which worker takes which tile does not matter to any result: tiles and their sums are fixed by the plan.
///
/// `@unchecked Sendable`: `current` and `takesTime` are written by worker 0 before `wb_team_open` and read by the others after
/// `wb_team_await`, which order the two; `busy` and `times` have one slot a worker.
final class Team: @unchecked Sendable {
    let workers: Int
    private let handle: OpaquePointer
    private let scratch: [UnsafeMutableRawPointer]
    private let transient: [UnsafeMutableRawPointer]
    private let memory = Arena()
    private let busy: UnsafeMutablePointer<UInt64>
    private var current: [Phase] = []
    /// Nanoseconds by worker and part; a cache line a worker.
    private let times: UnsafeMutablePointer<UInt64>
    /// Of the run at hand.
    private var takesTime = false

    /// Bytes of scratch that each worker has.
    let scratchBytes: Int
    /// Bytes of transient memory that each worker has.
    let transientBytes: Int

    /// Starts `workers` - 1 threads; the caller is worker 0.
    init(workers: Int, scratchBytes: Int, transientBytes: Int = 0) {
        precondition(workers >= 1, "a team of \(workers) workers")
        self.workers = workers
        self.scratchBytes = scratchBytes
        self.transientBytes = transientBytes
        handle = wb_team_create(Int32(workers), Int32(ProcessInfo.processInfo.activeProcessorCount))
        scratch = (0..<workers).map { [memory] _ in
            UnsafeMutableRawPointer(memory.allocate(scratchBytes, of: UInt8.self))
        }
        transient = (0..<workers).map { [memory] _ in
            UnsafeMutableRawPointer(memory.allocate(transientBytes, of: UInt8.self))
        }
        busy = memory.allocate(workers * 8)
        times = memory.allocate(workers * 8)
        for index in 1..<max(1, workers) {
            let thread = Thread { [self] in
                wb_thread_prepare()
                while wb_team_await(handle, Int32(index)) != 0 { work(index) }
                left.signal()
            }
            thread.name = "worker \(index)"
            thread.start()
        }
    }

    private let left = DispatchSemaphore(value: 0)

    /// Ends the threads and waits for them. The team can't run afterwards.
    func end() {
        wb_team_end(handle)
        for _ in 1..<max(1, workers) { left.wait() }
    }

    /// Runs `phases` in order; returns when all tiles are done. Call it from one thread only.
    /// - Parameter takesTime: the parts' times are added up for ``takeTimes()``.
    func run(_ phases: [Phase], takesTime: Bool = false) {
        wb_thread_prepare()
        current = phases
        self.takesTime = takesTime
        if workers > 1 { wb_team_open(handle) }
        work(0)
    }

    private func work(_ index: Int) {
        let worker = Worker(
            index: index, scratch: scratch[index], transient: transient[index],
            times: takesTime ? times + index * 8 : nil)
        var spent: UInt64 = 0
        for phase in current {
            let start = wb_clock_ns()
            while case let tile = wb_team_next(handle, Int32(index), Int32(phase.tiles.count)), tile >= 0 {
                phase.tiles[Int(tile)](worker)
            }
            spent += wb_clock_ns() - start
            wb_team_meet(handle, Int32(index))
        }
        busy[index * 8] += spent
    }

    /// Nanoseconds that each worker computed since the last call.
    func takeBusy() -> [UInt64] {
        (0..<workers).map { index in
            defer { busy[index * 8] = 0 }
            return busy[index * 8]
        }
    }

    /// Nanoseconds of all workers in each part, in the order of ``StepPart``, since the last call.
    func takeTimes() -> [UInt64] {
        StepPart.allCases.map { part in
            (0..<workers).reduce(0) { sum, index in
                defer { times[index * 8 + part.rawValue] = 0 }
                return sum + times[index * 8 + part.rawValue]
            }
        }
    }

    deinit { wb_team_destroy(handle) }
}
