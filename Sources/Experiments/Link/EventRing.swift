// EventRing: the newest events of a run as lines, for clients that come late or read slowly.

/// The last lines by number: at most `capacity`, and no more than fit into `byteCapacity` (but always the newest).
struct EventRing {
    private let capacity: Int
    private let byteCapacity: Int
    /// The line of event n is at `(n - start) % capacity`.
    private var lines: [String] = []
    /// Number of the first line since the ring last began anew.
    private var start = 0
    /// Lines since then.
    private var added = 0
    /// The oldest of `lines` that were emptied to save room.
    private var emptied = 0
    private var bytes = 0

    init(capacity: Int, byteCapacity: Int = 64 << 20) {
        precondition(capacity > 0, "a ring of \(capacity) lines")
        self.capacity = capacity
        self.byteCapacity = byteCapacity
    }

    /// Number of the oldest line that is here; nil when there is none.
    var first: Int? { lines.isEmpty ? nil : start + added - lines.count + emptied }

    /// Number after the newest line; nil when there is none.
    var end: Int? { lines.isEmpty ? nil : start + added }

    /// Adds the line of event `sequence`. One that does not follow the newest begins anew: numbers here have no gaps.
    mutating func append(_ sequence: Int, _ line: String) {
        if end != sequence {
            lines.removeAll(keepingCapacity: true)
            start = sequence
            (added, emptied, bytes) = (0, 0, 0)
        }
        if lines.count < capacity {
            lines.append(line)
        } else {
            bytes -= lines[added % capacity].utf8.count
            lines[added % capacity] = line
            emptied = max(0, emptied - 1)
        }
        added += 1
        bytes += line.utf8.count
        while bytes > byteCapacity, emptied < lines.count - 1 {
            let oldest = (added - lines.count + emptied) % capacity
            bytes -= lines[oldest].utf8.count
            lines[oldest] = ""
            emptied += 1
        }
    }

    /// The line of event `sequence`; nil when it is not here.
    subscript(sequence: Int) -> String? {
        guard let first, let end, (first..<end).contains(sequence) else { return nil }
        return lines[(sequence - start) % capacity]
    }
}
