// SessionPacking: the writer's side of blocks. Rows stay as they are: a block is a copy that is quick to read.

import Engine
import Foundation
import GRDB

extension SessionWriter {
    /// Events that no block holds yet.
    public var unpackedCount: Int { progress.next - 1 - progress.packed }

    /// Packs the oldest events that no block holds yet into blocks, at most ``EventBlock/window`` of them, in one
    /// transaction. Nothing depends on it: a session without blocks says the same, only more slowly.
    public func pack() throws(SessionError) { try pack(window: EventBlock.window) }

    func pack(window: Int) throws(SessionError) {
        let (next, done) = progress
        let (first, last) = (done + 1, min(next - 1, done + window))
        guard first <= last else { return }
        // What is in the rows, not what was meant to be: read back before it is written a second time.
        let rows = try read { database, run in
            try SessionRow.fetch(
                database, path: self.path,
                """
                SELECT seq, body FROM event
                WHERE run = ? AND seq BETWEEN ? AND ? AND kind IN ('stepped', 'progressed') ORDER BY seq
                """, [run, first, last])
        }
        var events: [NumberedEvent] = []
        events.reserveCapacity(rows.count)
        for row in rows { events.append(try SessionReader.event(row, path: path)) }
        let blocks = EventBlock.kinds.map { kind in (kind: kind, block: EventBlock.encode(events, kind: kind)) }
        try change { database, run in
            for (kind, block) in blocks {
                try database.execute(
                    sql: "INSERT INTO block (run, first_seq, last_seq, kind, count, bytes) VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [run, first, last, kind, block.count, block.bytes])
            }
        }
        packed(through: last)
    }
}
