// SessionBlocks: the reader's side of blocks: events from blocks where there are some, from rows everywhere else.

import Engine
import Foundation
import GRDB

/// The blocks of one stretch of events, by kind.
struct BlockWindow: Sendable {
    var first: Int
    var last: Int
    /// Row and number of events of each block.
    var blocks: [String: (row: Int, count: Int)] = [:]

    /// What the table `block` says, if it can be true: a file may come from anywhere.
    fileprivate init?(_ row: SessionRow) throws(SessionError) {
        let (first, last, kind) = (try row.integer(1), try row.integer(2), try row.text(3))
        let (count, bytes) = (try row.integer(4), try row.integer(5))
        guard first > 0, last >= first, last < Int.max / 2, last - first < EventBlock.maximumWindow,
            EventBlock.kinds.contains(kind),
            (0...last - first + 1).contains(count), bytes >= EventBlock.leastBytes(kind: kind, count: count),
            // Many workers, and still far from what memory can't hold.
            bytes <= 64 << 20
        else { return nil }
        self.first = first
        self.last = last
        blocks[kind] = (try row.integer(0), count)
    }
}

extension SessionReader {
    /// Events with a number above `sequence`, in order, without a gap.
    ///
    /// A block that is damaged does not count: the rows say the same.
    /// - Complexity: linear in the events returned; about 0.1 µs for one in a block and 4 µs for one in a row.
    public func events(after sequence: Int = 0) throws(SessionError) -> [NumberedEvent] {
        var events: [NumberedEvent] = []
        _ = try walk(
            after: sequence,
            expecting: { events.reserveCapacity($0 + $0 / 8) },
            stepped: { events.append(NumberedEvent(sequence: $0, event: .stepped($1))) },
            other: { events.append($0) })
        return events
    }

    /// Events with a number above `sequence` as ``events(after:)`` has them, without their numbers, which have no gap: the
    /// last is number `sequence` plus their count.
    public func runEvents(after sequence: Int = 0) throws(SessionError) -> [RunEvent] {
        var events: [RunEvent] = []
        _ = try walk(
            after: sequence,
            expecting: { events.reserveCapacity($0 + $0 / 8) },
            stepped: { events.append(.stepped($1)) },
            other: { events.append($0.event) })
        return events
    }

    /// Folds the events with a number above `sequence` into `run`, in half the time of reading them first.
    /// - Returns: the number of the last event; `sequence` when there is none.
    /// - Throws: ``SessionError``; then `run` holds the events before what could not be read.
    @discardableResult
    public func fold(into run: inout RunState, after sequence: Int = 0) throws(SessionError) -> Int {
        try walk(
            after: sequence,
            expecting: { run.reserve(steps: $0) },
            stepped: { run.apply(.stepped($1)) },
            other: { run.apply($0.event) })
    }

    /// Calls `stepped` and `other` with the events above number `sequence` in order. `expecting` hears first how many there
    /// are in blocks.
    /// - Returns: the number of the last event.
    @inline(__always)
    private func walk(
        after sequence: Int, expecting: (Int) -> Void, stepped: (Int, RunEvent.Stepped) -> Void,
        other: (NumberedEvent) -> Void
    ) throws(SessionError) -> Int {
        var last = max(0, sequence)
        var endOfBlocks = 0
        let windows = try windows(after: last)
        // Every event of a block has at least 64 bytes in the file, so this is no more than was written.
        let count = windows.reduce(0) { sum, window in sum + window.blocks.values.reduce(0) { $0 + $1.count } }
        if count > 0 { expecting(count) }
        var buffer: [UInt8] = []
        for window in windows {
            guard window.last > last else { continue }
            if window.first > last + 1 { last = try walkRows(after: last, through: window.first - 1, other) }
            // Windows that overlap are none that we wrote.
            guard window.first > endOfBlocks else { continue }
            do throws(BlockFault) {
                let others = try others(of: window, &buffer)
                try bytes(of: window, "stepped", &buffer)
                try EventBlock.walk(
                    buffer, count: window.blocks["stepped"]?.count ?? 0, with: others, first: window.first,
                    last: window.last, after: last, stepped: stepped, other: other)
                endOfBlocks = window.last
                last = window.last
            } catch {
                last = try walkRows(after: last, through: window.last, other)
            }
        }
        return try walkRows(after: last, through: .max, other)
    }

    /// The stretches that blocks cover and that go past event `sequence`, in order; none in files of version 1.
    private func windows(after sequence: Int) throws(SessionError) -> [BlockWindow] {
        guard version > 1 else { return [] }
        var windows: [BlockWindow] = []
        do throws(SessionError) {
            let rows = try read { database, run in
                try SessionRow.fetch(
                    database, path: self.path,
                    """
                    SELECT rowid, first_seq, last_seq, kind, count, length(bytes) FROM block
                    WHERE run = ? AND last_seq > ? ORDER BY first_seq, last_seq
                    """, [run, sequence])
            }
            for row in rows {
                guard let window = try BlockWindow(row) else { continue }
                if let previous = windows.last, previous.first == window.first, previous.last == window.last {
                    windows[windows.count - 1].blocks.merge(window.blocks) { first, _ in first }
                } else {
                    windows.append(window)
                }
            }
        } catch .damaged {
            return []  // The rows are still there, and say for themselves if they are damaged too.
        }
        // A stretch without the block that the others are sorted into is read from rows.
        return windows.filter { $0.blocks["stepped"] != nil }
    }

    /// All events of a window but those of `stepped`, in order.
    private func others(of window: BlockWindow, _ buffer: inout [UInt8]) throws(BlockFault) -> [NumberedEvent] {
        let rowKinds = EventLine.kinds.filter { window.blocks[$0] == nil }.map { "'\($0)'" }.joined(separator: ", ")
        var events: [NumberedEvent] = []
        do throws(SessionError) {
            let rows = try read { database, run in
                try SessionRow.fetch(
                    database, path: self.path,
                    """
                    SELECT seq, body FROM event INDEXED BY event_kind
                    WHERE run = ? AND kind IN (\(rowKinds)) AND seq BETWEEN ? AND ? ORDER BY seq
                    """, [run, window.first, window.last])
            }
            for row in rows { events.append(try Self.event(row, path: path)) }
        } catch {
            // What is wrong with the file itself is found again, and told, where the rows are read instead.
            throw BlockFault("\(error)")
        }
        if let block = window.blocks["progressed"] {
            try bytes(of: window, "progressed", &buffer)
            events += try EventBlock.progressed(buffer, count: block.count)
            events.sort { $0.sequence < $1.sequence }
        }
        return events
    }

    /// The bytes of a block, in memory that serves one after the other: half a megabyte anew for each would cost as much as
    /// all the rest.
    private func bytes(of window: BlockWindow, _ kind: String, _ buffer: inout [UInt8]) throws(BlockFault) {
        buffer.removeAll(keepingCapacity: true)
        do throws(SessionError) {
            try read { database, _ in
                let statement = try database.cachedStatement(
                    sql: "SELECT bytes FROM block WHERE rowid = ? AND typeof(bytes) = 'blob'")
                let rows = try Row.fetchCursor(statement, arguments: [window.blocks[kind]?.row])
                try rows.next()?.withUnsafeData(atIndex: 0) { data in if let data { buffer.append(contentsOf: data) } }
            }
        } catch {
            throw BlockFault("\(error)")
        }
    }

    /// Calls `body` with the events above number `sequence` from rows, up to number `end` or as many as there are.
    /// - Returns: the number of the last event.
    private func walkRows(
        after sequence: Int, through end: Int, _ body: (NumberedEvent) -> Void
    ) throws(SessionError) -> Int {
        var last = sequence
        while last < end {
            let start = last
            // Decoded outside the transaction: the writer waits for the reading only.
            let page = try read { database, run in
                try SessionRow.fetch(
                    database, path: self.path,
                    "SELECT seq, body FROM event WHERE run = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                    [run, start, end, Self.pageLength])
            }
            for row in page {
                let event = try Self.event(row, path: path)
                guard event.sequence == last + 1 else {
                    throw .damaged(path: path, detail: "event \(last + 1) is missing")
                }
                body(event)
                last = event.sequence
            }
            if page.count < Self.pageLength { break }
        }
        guard last >= end || end == .max else { throw .damaged(path: path, detail: "event \(last + 1) is missing") }
        return last
    }
}
