// EventBlock: many events of one kind as columns of numbers, which are read a hundred times faster than lines of JSON.
//
// A column is `count` little-endian numbers of 64 bits, whole ones or doubles; the columns follow one another. Nothing is
// compressed, so that three lines of Python read a block, and so that a block can't claim more events than it has bytes. At
// the end are two sums that tell a block with a flipped bit.

import Engine
import Foundation

/// Why a block can't be read.
struct BlockFault: Error, Equatable {
    var reason: String
    init(_ reason: String) { self.reason = reason }
}

enum EventBlock {
    /// Kinds of events that are packed: the two of which a run has many.
    static let kinds = ["progressed", "stepped"]
    /// Events, of all kinds, from the first to the last number of a block.
    static let window = 8_192
    /// A reader takes no longer blocks.
    static let maximumWindow = 65_536
    /// Workers of one event that a reader takes.
    private static let maximumWorkers = 65_536

    private static let steppedColumns = 8
    private static let progressedColumns = 8
    private static let sumBytes = 16

    /// The bytes that `count` events of a kind take; for `progressed` without those of the workers.
    static func leastBytes(kind: String, count: Int) -> Int {
        (kind == "stepped" ? steppedColumns : progressedColumns) * 8 * count + sumBytes
    }

    // MARK: Writing

    /// The events of `kind` among `events` as a block, and how many they are.
    static func encode(_ events: [NumberedEvent], kind: String) -> (bytes: Data, count: Int) {
        var words: [UInt64]
        let count: Int
        if kind == "stepped" {
            let stepped = events.compactMap { numbered -> (sequence: Int, event: RunEvent.Stepped)? in
                if case .stepped(let event) = numbered.event { (numbered.sequence, event) } else { nil }
            }
            count = stepped.count
            words = stepped.map { word($0.sequence) } + stepped.map { word($0.event.step) }
            words += stepped.map { word($0.event.epoch) } + stepped.map { word($0.event.count) }
            words += stepped.map(\.event.seconds.bitPattern) + stepped.map(\.event.loss.bitPattern)
            words += stepped.map(\.event.accuracy.bitPattern) + stepped.map(\.event.learningRate.bitPattern)
        } else {
            let progressed = events.compactMap { numbered -> (sequence: Int, event: RunEvent.Progressed)? in
                if case .progressed(let event) = numbered.event { (numbered.sequence, event) } else { nil }
            }
            count = progressed.count
            words = progressed.map { word($0.sequence) } + progressed.map { word($0.event.step) }
            words += progressed.map { word($0.event.epoch) } + progressed.map { word($0.event.busy.count) }
            words += progressed.map { ($0.event.remainingSeconds == nil ? 0 : 1) + ($0.event.work == nil ? 0 : 2) }
            words += progressed.map(\.event.seconds.bitPattern) + progressed.map(\.event.imagesPerSecond.bitPattern)
            words += progressed.map { ($0.event.remainingSeconds ?? 0).bitPattern }
            words += progressed.flatMap { $0.event.busy.map(\.bitPattern) }
            words += progressed.flatMap { $0.event.work.map(Self.words) ?? [] }
        }
        let (sum, sumOfSums) = words.map(\.littleEndian).withUnsafeBytes { Self.sums($0) }
        words += [sum, sumOfSums]
        var bytes = Data(capacity: words.count * 8)
        for value in words { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
        return (bytes, count)
    }

    /// What the machine gave, as words: how many shares, 1 for a fraction of the peak and 2 for bytes, these bytes; speed,
    /// fraction of the peak; the shares.
    private static func words(_ work: RunEvent.Work) -> [UInt64] {
        [
            word(work.shares.count), (work.peakFraction == nil ? 0 : 1) + (work.residentBytes == nil ? 0 : 2),
            word(work.residentBytes ?? 0), work.gigaflopPerSecond.bitPattern, (work.peakFraction ?? 0).bitPattern,
        ] + work.shares.map(\.bitPattern)
    }

    /// Reads what ``words(_:)-swift.type.method`` wrote and moves `place` behind it.
    private static func work(
        _ words: BlockWords, at place: inout Int, end: Int
    ) throws(BlockFault) -> RunEvent.Work {
        guard end - place >= 5 else { throw BlockFault("its work does not fit its length") }
        let (count, flags, bytes) = (words.whole(place), words.whole(place + 1), words.whole(place + 2))
        guard (0...end - place - 5).contains(count), (0...3).contains(flags), bytes >= 0 else {
            throw BlockFault("its work makes no sense")
        }
        defer { place += 5 + count }
        return RunEvent.Work(
            shares: (place + 5..<place + 5 + count).map { words.double($0) },
            gigaflopPerSecond: words.double(place + 3), peakFraction: flags & 1 != 0 ? words.double(place + 4) : nil,
            residentBytes: flags & 2 != 0 ? bytes : nil)
    }

    private static func word(_ value: Int) -> UInt64 { UInt64(bitPattern: Int64(value)) }

    /// The sum of all words, and the sum of these sums after each word, both modulo 2^64 (after Fletcher 1982): any one
    /// flipped bit, and words in another order, change them.
    private static func sums(_ words: UnsafeRawBufferPointer) -> (UInt64, UInt64) {
        var sum: UInt64 = 0
        var sumOfSums: UInt64 = 0
        for offset in stride(from: 0, to: words.count & ~7, by: 8) {
            sum &+= UInt64(littleEndian: words.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            sumOfSums &+= sum
        }
        return (sum, sumOfSums)
    }

    // MARK: Reading

    /// Checks the length and the sums of a block of `count` events.
    private static func check(_ bytes: UnsafeRawBufferPointer, kind: String, count: Int) throws(BlockFault) {
        guard (0...maximumWindow).contains(count), bytes.count % 8 == 0,
            kind == "stepped"
                ? bytes.count == leastBytes(kind: kind, count: count)
                : bytes.count >= leastBytes(kind: kind, count: count)
        else { throw BlockFault("\(bytes.count) bytes are no \(count) events") }
        let body = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - sumBytes)])
        let found = sums(body)
        let words = BlockWords(bytes: bytes)
        guard found.0 == words[body.count / 8], found.1 == words[body.count / 8 + 1] else {
            throw BlockFault("its sums do not agree")
        }
    }

    /// Reads a block of `progressed` events.
    static func progressed(_ data: [UInt8], count: Int) throws(BlockFault) -> [NumberedEvent] {
        try read(data) { (bytes) throws(BlockFault) in
            try check(bytes, kind: "progressed", count: count)
            let words = BlockWords(bytes: bytes)
            var place = progressedColumns * count
            let end = (bytes.count - sumBytes) / 8
            var events: [NumberedEvent] = []
            events.reserveCapacity(count)
            // What machines gave lies behind the workers of all events.
            var workPlace = place
            for index in 0..<count {
                let busy = words.whole(3 * count + index)
                guard (0...min(maximumWorkers, end - workPlace)).contains(busy) else {
                    throw BlockFault("its workers do not fit its length")
                }
                workPlace += busy
            }
            for index in 0..<count {
                let whole = (0..<5).map { words.whole($0 * count + index) }
                guard whole.allSatisfy({ $0 >= 0 }), whole[3] <= min(maximumWorkers, end - place), whole[4] <= 3 else {
                    throw BlockFault("event \(index) makes no sense")
                }
                let busy = (place..<place + whole[3]).map { words.double($0) }
                place += busy.count
                let work = whole[4] & 2 != 0 ? try work(words, at: &workPlace, end: end) : nil
                events.append(
                    NumberedEvent(
                        sequence: whole[0],
                        event: .progressed(
                            RunEvent.Progressed(
                                step: whole[1], epoch: whole[2], seconds: words.double(5 * count + index),
                                imagesPerSecond: words.double(6 * count + index), busy: busy,
                                remainingSeconds: whole[4] & 1 != 0 ? words.double(7 * count + index) : nil,
                                work: work))))
            }
            guard workPlace == end else { throw BlockFault("its workers do not fit its length") }
            return events
        }
    }

    /// Calls `stepped` with each event of a block of `stepped` events and `other` with each of `others`, in the order of
    /// their numbers, but for those up to `after`. Together they must be numbered from `first` to `last` without a gap; that
    /// and all else is checked before the first call.
    @inline(__always)
    static func walk(
        _ data: [UInt8], count: Int, with others: [NumberedEvent], first: Int, last: Int, after: Int,
        stepped: (Int, RunEvent.Stepped) -> Void, other: (NumberedEvent) -> Void
    ) throws(BlockFault) {
        try read(data) { (bytes) throws(BlockFault) in
            try check(bytes, kind: "stepped", count: count)
            let words = BlockWords(bytes: bytes)
            guard count + others.count == last - first + 1 else { throw BlockFault("events are missing") }
            try checkNumbers(words, count: count, with: others, first: first)
            var waiting = others[...].drop { $0.sequence <= after }
            for index in 0..<count {
                let sequence = words.whole(index)
                guard sequence > after else { continue }
                while let event = waiting.first, event.sequence < sequence {
                    other(event)
                    waiting.removeFirst()
                }
                stepped(
                    sequence,
                    RunEvent.Stepped(
                        step: words.whole(count + index), epoch: words.whole(2 * count + index),
                        seconds: words.double(4 * count + index), count: words.whole(3 * count + index),
                        loss: words.double(5 * count + index), accuracy: words.double(6 * count + index),
                        learningRate: words.double(7 * count + index)))
            }
            for event in waiting { other(event) }
        }
    }

    /// The numbers of a block and of others, merged, must count from `first` on; no whole number may be negative.
    private static func checkNumbers(
        _ words: BlockWords, count: Int, with others: [NumberedEvent], first: Int
    ) throws(BlockFault) {
        var next = first
        var place = 0
        for index in 0..<count {
            let sequence = words.whole(index)
            while next < sequence, place < others.count, others[place].sequence == next {
                place += 1
                next += 1
            }
            guard sequence == next else { throw BlockFault("event \(next) is missing") }
            next += 1
        }
        for event in others[place...] {
            guard event.sequence == next else { throw BlockFault("event \(next) is missing") }
            next += 1
        }
        var signs = 0
        for index in count..<4 * count { signs |= words.whole(index) }
        if count > 0, signs < 0 { throw BlockFault("a count is negative") }
    }

    /// Typed throws past `withUnsafeBytes`, which has none.
    @inline(__always)
    private static func read<Value>(
        _ data: [UInt8], _ body: (UnsafeRawBufferPointer) throws(BlockFault) -> Value
    ) throws(BlockFault) -> Value {
        let result: Result<Value, BlockFault> = data.withUnsafeBytes { bytes in
            do throws(BlockFault) {
                return .success(try body(bytes))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

/// The numbers of a block.
private struct BlockWords {
    let bytes: UnsafeRawBufferPointer

    @inline(__always)
    subscript(index: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    }
    @inline(__always)
    func whole(_ index: Int) -> Int { Int(truncatingIfNeeded: self[index]) }
    @inline(__always)
    func double(_ index: Int) -> Double { Double(bitPattern: self[index]) }
}
