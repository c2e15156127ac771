// EventRing: the newest events of a run as lines, for clients that come late or read slowly.

/// The last `capacity` lines by number.
struct EventRing {
    private let capacity: Int
    /// The line of event n is at `(n - start) % capacity`.
    private var lines: [String] = []
    /// Number of the first line since the ring last began anew.
    private var start = 0
    /// Lines since then.
    private var added = 0

    init(capacity: Int) {
        precondition(capacity > 0, "a ring of \(capacity) lines")
        self.capacity = capacity
    }

    /// Number of the oldest line that is here; nil when there is none.
    var first: Int? { lines.isEmpty ? nil : start + added - lines.count }

    /// Number after the newest line; nil when there is none.
    var end: Int? { lines.isEmpty ? nil : start + added }

    /// Adds the line of event `sequence`. One that does not follow the newest begins anew: numbers here have no gaps.
    mutating func append(_ sequence: Int, _ line: String) {
        if end != sequence {
            lines.removeAll(keepingCapacity: true)
            start = sequence
            added = 0
        }
        if lines.count < capacity { lines.append(line) } else { lines[added % capacity] = line }
        added += 1
    }

    /// The line of event `sequence`; nil when it is not here.
    subscript(sequence: Int) -> String? {
        guard let first, let end, (first..<end).contains(sequence) else { return nil }
        return lines[(sequence - start) % capacity]
    }
}
