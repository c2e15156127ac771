// Crew: threads that help with jobs of some microseconds, if they are there in time.
import CPrimitives
import Foundation

/// Helpers that take tiles of small jobs. A ``Team`` meets after each phase and so waits for all of its workers; a crew waits
/// only for tiles that somebody has begun, so a processor that others keep busy costs nothing.
///
/// `@unchecked Sendable`: `body` is written by the one thread that calls `run` while no tile is to be had, and read by those
/// who took one.
final class Crew: @unchecked Sendable {
    private let handle: OpaquePointer
    private let helpers: Int
    private var body: (Int) -> Void = { _ in }
    private let left = DispatchSemaphore(value: 0)

    /// Starts `helpers` threads.
    init(helpers: Int) {
        self.helpers = helpers
        handle = wb_crew_create(helpers < ProcessInfo.processInfo.activeProcessorCount ? 1 : 0)
        for index in 0..<helpers {
            let thread = Thread { [self] in
                wb_thread_prepare()
                while case let tile = wb_crew_await(handle), tile >= 0 {
                    body(Int(tile))
                    wb_crew_did(handle)
                }
                left.signal()
            }
            thread.name = "helper \(index)"
            thread.start()
        }
    }

    /// Ends the threads and waits for them. The crew can't run afterwards.
    func end() {
        wb_crew_end(handle)
        for _ in 0..<helpers { left.wait() }
    }

    /// Runs `body` for each of `tiles` (65,535 at most) tiles; returns when all are done. Call it from one thread only.
    func run(_ tiles: Int, _ body: @escaping (Int) -> Void) {
        precondition(tiles < 1 << 16, "\(tiles) tiles")
        self.body = body
        wb_crew_post(handle, Int32(tiles))
        while case let tile = wb_crew_take(handle), tile >= 0 {
            body(Int(tile))
            wb_crew_did(handle)
        }
        wb_crew_finish(handle, Int32(tiles))
    }

    deinit { wb_crew_destroy(handle) }
}
