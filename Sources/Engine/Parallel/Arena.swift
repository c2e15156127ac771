// Arena: the buffers of a plan, taken once and freed together.
import Glibc

/// Memory that lives as long as the arena. Every buffer starts zeroed, on a cache line of its own.
final class Arena {
    private var chunks: [UnsafeMutableRawPointer] = []
    private(set) var bytes = 0
    /// Tests set it: buffers lie between guard bytes, which must be whole when the arena is freed.
    @TaskLocal static var isGuarded = false
    private var guards: [UnsafeMutableRawBufferPointer] = []
    private static let guardBytes = 128

    /// A zeroed buffer of `count` values, aligned to 64 bytes.
    func allocate<T>(_ count: Int, of type: T.Type = T.self) -> UnsafeMutablePointer<T> {
        if Self.isGuarded { return allocateGuarded(count, of: type) }
        // Whole pages for large buffers, so that the kernel can back them with huge ones.
        let wanted = max(1, count) * MemoryLayout<T>.stride
        let alignment = wanted >= 1 << 21 ? 1 << 21 : 64
        let size = (wanted + alignment - 1) / alignment * alignment
        var pointer: UnsafeMutableRawPointer?
        let status = posix_memalign(&pointer, alignment, size)
        guard status == 0, let pointer else {
            preconditionFailure("no memory for \(size) bytes more than the \(bytes) of this plan")
        }
        if alignment > 64 { madvise(pointer, size, MADV_HUGEPAGE) }
        memset(pointer, 0, size)
        chunks.append(pointer)
        bytes += size
        return pointer.bindMemory(to: type, capacity: max(1, count))
    }

    func floats(_ count: Int) -> UnsafeMutablePointer<Float> { allocate(count) }

    private func allocateGuarded<T>(_ count: Int, of type: T.Type) -> UnsafeMutablePointer<T> {
        let wanted = max(1, count) * MemoryLayout<T>.stride
        let around = Self.guardBytes
        var pointer: UnsafeMutableRawPointer?
        let status = posix_memalign(&pointer, 64, wanted + 2 * around)
        guard status == 0, let chunk = pointer else { preconditionFailure("no memory for \(wanted) bytes") }
        memset(chunk, 0xA5, wanted + 2 * around)
        memset(chunk + around, 0, wanted)
        guards.append(UnsafeMutableRawBufferPointer(start: chunk, count: around))
        guards.append(UnsafeMutableRawBufferPointer(start: chunk + around + wanted, count: around))
        chunks.append(chunk)
        return (chunk + around).bindMemory(to: type, capacity: max(1, count))
    }

    deinit {
        for (index, place) in guards.enumerated() {
            precondition(place.allSatisfy { $0 == 0xA5 }, "something wrote past buffer \(index / 2) of the arena")
        }
        for chunk in chunks { free(chunk) }
    }
}
