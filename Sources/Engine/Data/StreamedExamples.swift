// StreamedExamples: images that are decoded when they are wanted, because all of them would not fit into memory.
import Foundation

/// Where streamed examples come from.
public protocol ExampleSource: Sendable {
    /// Decodes example `index` to `target`, which takes an example's bytes: the same ones each time. Several threads may call
    /// it at once.
    func decode(_ index: Int, into target: UnsafeMutablePointer<UInt8>) throws(ExampleError)
}

/// Why an example of a run can't be had any more.
public enum ExampleError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)

    public var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path) could be read when the run began but not now (\(reason)): bring the file back, then resume the run."
        }
    }
}

/// Images that stay where they are until they are wanted. A trainer or predictor keeps those in memory that fit into a cache.
///
/// At any time there are in memory: at most `cacheBytes` of decoded images (but four of them at least), the file that each worker
/// and the prefetch thread are decoding (its bytes, and up to 13 bytes a pixel), and 4 bytes an example beside the list of the
/// files.
public struct StreamedExamples: Sendable, Equatable {
    public let source: any ExampleSource
    public let count: Int
    /// Bytes of one example, decoded.
    public let exampleBytes: Int
    public let cacheBytes: Int
    /// SHA-256 of the decoded bytes of all examples, one after the other, hexadecimal.
    public let sha256: String

    public init(source: any ExampleSource, count: Int, exampleBytes: Int, cacheBytes: Int, sha256: String) {
        self.source = source
        self.count = count
        self.exampleBytes = exampleBytes
        self.cacheBytes = cacheBytes
        self.sha256 = sha256
    }

    /// Whether both are the same examples.
    public static func == (a: StreamedExamples, b: StreamedExamples) -> Bool {
        (a.count, a.exampleBytes, a.sha256) == (b.count, b.exampleBytes, b.sha256)
    }
}

extension FeatureStorage {
    /// The `bytes` bytes of image `index`; nil for tables.
    public func image(_ index: Int, bytes: Int) throws(ExampleError) -> [UInt8]? {
        switch self {
        case .floats: return nil
        case .bytes(let pixels): return Array(pixels[index * bytes..<(index + 1) * bytes])
        case .streamed(let examples):
            var pixels = [UInt8](repeating: 0, count: bytes)
            var failure: ExampleError?
            pixels.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                do throws(ExampleError) {
                    try examples.source.decode(index, into: base)
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
            return pixels
        }
    }
}

/// Decoded examples, as many as fit, and a thread that decodes ahead of a training step those that are known to come.
///
/// An epoch takes every example once in a random order, so who was just used comes again last: an example in the cache stays
/// there and the newest ones make room for each other, which finds a fraction of cached examples as large as the cache's.
///
/// `@unchecked Sendable`: everything that changes is guarded by `lock`; a slot's bytes are written by who fills it before it
/// is ready, and read only between `acquire` and `release`.
final class ExampleCache: @unchecked Sendable {
    /// Examples that the cache holds.
    let capacity: Int
    private let source: any ExampleSource
    private let bytes: Int
    private let memory: UnsafeMutablePointer<UInt8>
    private let lock = NSCondition()

    private struct Slot {
        var example: Int32
        /// Users at this moment.
        var pins = 0
        var isReady = false
        /// Where in the epoch's order it is wanted; nil: no step waits for it.
        var awaitedAt: Int?
        /// On the stack of those that may go.
        var mayGo = false
    }
    private var slots: [Slot] = []
    /// Slot of each example; -1: not here.
    private var slotOf: [Int32]
    /// Slots that may go, the first to go last.
    private var used: [Int] = []
    /// Those that steps wait for, in the order of the epoch.
    private var awaited: ArraySlice<(position: Int, slot: Int)> = []
    private var awaitedCount = 0
    private var order: [Int32] = []
    /// Place in `order` that is decoded next.
    private var next = 0
    private var window = 0
    private var batch = 0
    private var hasThread = false
    private var hasEnded = false
    private var firstFailure: ExampleError?

    init(_ examples: StreamedExamples) {
        source = examples.source
        bytes = examples.exampleBytes
        capacity = min(max(4, examples.cacheBytes / bytes), max(4, examples.count))
        // Pages that nobody has written to take no memory yet.
        memory = .allocate(capacity: capacity * bytes)
        slotOf = Array(repeating: -1, count: examples.count)
    }

    deinit { memory.deallocate() }

    /// Ends the thread; it leaves when it has decoded what it is at.
    func end() { locked { hasEnded = true } }

    /// What went wrong first.
    var failure: ExampleError? { locked { firstFailure } }

    private func locked<T>(_ body: () -> T) -> T {
        lock.lock()
        defer {
            lock.broadcast()
            lock.unlock()
        }
        return body()
    }

    // MARK: Use

    /// The bytes of `example`, which stay until ``release(_:)``. One that can't be decoded is black and becomes the
    /// ``failure``. A thread holds one example at a time.
    func acquire(_ example: Int32) -> UnsafePointer<UInt8> {
        lock.lock()
        defer { lock.unlock() }
        while true {
            let slot = Int(slotOf[Int(example)])
            if slot >= 0, slots[slot].isReady {
                slots[slot].pins += 1
                forget(slot)
                return UnsafePointer(memory + slot * bytes)
            }
            if slot < 0, let empty = take(example) {
                fill(empty)
            } else {
                lock.wait()
            }
        }
    }

    func release(_ example: Int32) {
        locked {
            let slot = Int(slotOf[Int(example)])
            slots[slot].pins -= 1
            letGo(slot)
        }
    }

    /// The examples of an epoch in their order, `batch` a step.
    func expect(_ examples: [Int32], batch: Int) {
        locked {
            drop { _ in true }
            order = examples
            next = 0
            self.batch = batch
            window = min(capacity / 2, max(64, 4 * batch))
            if !hasThread {
                hasThread = true
                let thread = Thread { [self] in prefetch() }
                thread.name = "prefetch"
                thread.start()
            }
        }
    }

    /// A step begins that takes the examples from `position` on. Its workers decode what they miss, the thread goes on behind
    /// them.
    func begin(_ position: Int) {
        locked {
            drop { $0 < position }
            next = max(next, position + batch)
        }
    }

    // MARK: Under the lock

    /// Steps no longer wait for those at these positions.
    private func drop(_ isPast: (Int) -> Bool) {
        while let first = awaited.first, isPast(first.position) {
            awaited.removeFirst()
            guard slots[first.slot].awaitedAt == first.position else { continue }
            forget(first.slot)
            letGo(first.slot)
        }
        if awaited.isEmpty { awaited = [] }  // Gives the memory of what was removed back.
    }

    /// The step that waited for it has it.
    private func forget(_ slot: Int) {
        guard slots[slot].awaitedAt != nil else { return }
        slots[slot].awaitedAt = nil
        awaitedCount -= 1
        lock.broadcast()
    }

    private func promise(_ slot: Int, at position: Int) {
        guard slots[slot].awaitedAt == nil else { return }
        slots[slot].awaitedAt = position
        awaitedCount += 1
        awaited.append((position, slot))
    }

    private func letGo(_ slot: Int) {
        guard isIdle(slot), !slots[slot].mayGo else { return }
        slots[slot].mayGo = true
        used.append(slot)
    }

    private func isIdle(_ slot: Int) -> Bool {
        slots[slot].isReady && slots[slot].pins == 0 && slots[slot].awaitedAt == nil
    }

    /// A slot for `example`, still to be filled; nil: all are in use.
    private func take(_ example: Int32) -> Int? {
        if slots.count < capacity {
            slots.append(Slot(example: example))
            slotOf[Int(example)] = Int32(slots.count - 1)
            return slots.count - 1
        }
        while let slot = used.popLast() {
            slots[slot].mayGo = false
            guard isIdle(slot) else { continue }  // It comes back when it is let go.
            slotOf[Int(slots[slot].example)] = -1
            slots[slot] = Slot(example: example)
            slotOf[Int(example)] = Int32(slot)
            return slot
        }
        return nil
    }

    /// Decodes into a slot, without the lock meanwhile.
    private func fill(_ slot: Int) {
        let (example, target) = (Int(slots[slot].example), memory + slot * bytes)
        lock.unlock()
        var failure: ExampleError?
        do throws(ExampleError) {
            try source.decode(example, into: target)
        } catch {
            failure = error
            target.update(repeating: 0, count: bytes)
        }
        lock.lock()
        if firstFailure == nil { firstFailure = failure }
        slots[slot].isReady = true
        lock.broadcast()
    }

    // MARK: Ahead

    private func prefetch() {
        lock.lock()
        defer { lock.unlock() }
        while !hasEnded {
            guard next < order.count, awaitedCount < window else {
                lock.wait()
                continue
            }
            let (position, example) = (next, order[next])
            let slot = Int(slotOf[Int(example)])
            if slot >= 0 {
                promise(slot, at: position)
                next += 1
            } else if let empty = take(example) {
                promise(empty, at: position)
                next += 1
                fill(empty)
            } else {
                lock.wait()
            }
        }
    }
}
