// Work on many files or images at once. Results never depend on how the threads take turns.
import Dispatch

/// `body` of each index below `count`, on all processors; the values are in the order of the indices.
func concurrentMap<Value: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Value) -> [Value] {
    [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
        if let base = buffer.baseAddress {
            // Each index initialises its own place.
            nonisolated(unsafe) let places = base
            DispatchQueue.concurrentPerform(iterations: count) { index in
                (places + index).initialize(to: body(index))
            }
        }
        initialized = count
    }
}
