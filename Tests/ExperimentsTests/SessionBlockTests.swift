// Tests of blocks: the same events either way, files of version 1, and blocks that are damaged or lie.

import Engine
import Foundation
import GRDB
import Synchronization
import Testing

@testable import Experiments

private func bits(_ work: RunEvent.Work?) -> String {
    guard let work else { return "no work" }
    let doubles = (work.shares + [work.gigaflopPerSecond]).map(\.bitPattern)
    return "\(doubles) \(work.peakFraction?.bitPattern ?? 7) \(work.residentBytes ?? -1)"
}

/// The event with every bit of its doubles, so that what is not a number can be compared.
private func bits(_ numbered: NumberedEvent) -> String {
    switch numbered.event {
    case .stepped(let e):
        let doubles = [e.seconds, e.loss, e.accuracy, e.learningRate].map(\.bitPattern)
        return "\(numbered.sequence) stepped \(e.step) \(e.epoch) \(e.count) \(doubles)"
    case .progressed(let e):
        let doubles = ([e.seconds, e.imagesPerSecond] + e.busy).map(\.bitPattern)
        return
            "\(numbered.sequence) progressed \(e.step) \(e.epoch) \(doubles) \(e.remainingSeconds?.bitPattern ?? 7) "
            + bits(e.work)
    default: return EventLine.encode(numbered)
    }
}

/// A made-up run with every kind of event; most are steps.
private func sampleRun(_ count: Int, seed: UInt64 = 1) -> [RunEvent] {
    var random = CounterRandom(seed: seed, purpose: .benchmark)
    let awkward = [.nan, .infinity, -.infinity, -0.0, Double.leastNonzeroMagnitude, .greatestFiniteMagnitude]
    func double() -> Double {
        let any = Double(bitPattern: UInt64(random.next32()) << 32 | UInt64(random.next32()))
        // Lines know one NaN only.
        return any.isNaN || random.below(12) == 0 ? awkward[Int(random.below(6))] : any
    }
    return [oneOfEach[0]]
        + (1..<count).map { index in
            switch random.below(40) {
            case 0: oneOfEach[Int(random.below(UInt32(oneOfEach.count)))]
            case 1, 2:
                .progressed(
                    .init(
                        step: index, epoch: 1, seconds: double(), imagesPerSecond: double(),
                        busy: (0..<random.below(5)).map { _ in double() },
                        remainingSeconds: random.below(3) == 0 ? nil : double(),
                        work: random.below(3) == 0
                            ? nil
                            : RunEvent.Work(
                                shares: (0..<random.below(7)).map { _ in double() }, gigaflopPerSecond: double(),
                                peakFraction: random.below(3) == 0 ? nil : double(),
                                residentBytes: random.below(3) == 0 ? nil : Int(random.next32()))))
            default:
                .stepped(
                    .init(
                        step: index, epoch: index / 100, seconds: double(), count: Int(random.below(9)),
                        loss: double(), accuracy: double(), learningRate: double()))
            }
        }
}

struct SessionBlockTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func change(_ path: String, _ sql: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    private func count(_ path: String, _ sql: String) throws -> Int? {
        let queue = try DatabaseQueue(path: path)
        defer { #expect(throws: Never.self) { try queue.close() } }
        return try queue.read { try Int.fetchOne($0, sql: sql) }
    }

    private func copy(_ path: String) throws -> String {
        let copy = folder["\(UUID().uuidString).session"]
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        return copy
    }

    /// Packs all that is there.
    private func pack(_ path: String, window: Int = EventBlock.window) throws {
        let writer = try SessionWriter.open(path: path)
        while writer.unpackedCount > 0 { try writer.pack(window: window) }
        writer.close()
    }

    private func read(_ path: String, after sequence: Int = 0) throws -> [String] {
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        let events = try reader.events(after: sequence)
        var folded = RunState()
        #expect(try reader.fold(into: &folded, after: sequence) == events.last?.sequence ?? sequence)
        // Equality knows no NaN, and a dictionary no order.
        let curves = RunState(events.map(\.event)).curves
        #expect(Set(folded.curves.keys) == Set(curves.keys) && folded.eventCount == events.count)
        for (name, curve) in curves {
            #expect(folded.curves[name]?.steps == curve.steps)
            #expect(folded.curves[name]?.values.map(\.bitPattern) == curve.values.map(\.bitPattern))
        }
        return events.map(bits)
    }

    @Test(arguments: [1, 2, 8_193, 17_000])
    func theSameEventsEitherWay(_ length: Int) throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let stored = try writer.append(sampleRun(length)).map(bits)
        writer.close()
        #expect(try read(path) == stored)
        try pack(path)
        #expect(try count(path, "SELECT count(*) FROM block") == 2 * ((length + 8_191) / 8_192))
        #expect(try count(path, "SELECT count(*) FROM event") == length)
        #expect(try read(path) == stored)
        for after in [1, length / 3, 8_191, 8_192, 8_193, length - 1, length, length + 5] where after >= 0 {
            #expect(try read(path, after: after) == Array(stored.dropFirst(after)))
            // Without their numbers they are the same.
            let reader = try SessionReader(path: path)
            let numbered = try reader.runEvents(after: after).enumerated().map {
                bits(NumberedEvent(sequence: after + $0.offset + 1, event: $0.element))
            }
            #expect(numbered == Array(stored.dropFirst(after)))
        }
        // What is packed needs no rows.
        try change(path, "DELETE FROM event WHERE kind IN ('stepped', 'progressed')")
        #expect(try read(path) == stored)
        #expect(try integrity(path) == "ok")
    }

    @Test func packedBitByBit() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let reader = try SessionReader(path: path)
        var stored: [String] = []
        for round in 0..<30 {
            stored += try writer.append(Array(sampleRun(90, seed: UInt64(round)).dropFirst())).map(bits)
            if round % 3 == 1 { try writer.pack() }
            // Nothing new: nothing is done.
            if round % 9 == 1 { try writer.pack() }
            #expect(try reader.events().map(bits) == stored)
        }
        #expect(writer.unpackedCount == 89)
        writer.close()
        // A writer that goes on knows where packing stands.
        let again = try SessionWriter.open(path: path)
        #expect(again.unpackedCount == 89)
        try again.pack()
        #expect(again.unpackedCount == 0)
        #expect(try reader.events().map(bits) == stored)
        #expect(try reader.newest("stepped").count == 1)
    }

    // MARK: - Version 1

    private func version1(_ events: [RunEvent]) throws -> String {
        let path = folder["\(UUID().uuidString).session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        try writer.append(events)
        writer.close()
        try change(path, "DROP TABLE block; PRAGMA user_version = 1")
        return path
    }

    @Test func version1IsReadAndMigrated() throws {
        let run = sampleRun(9_000)
        let path = try version1(run)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let stored = try read(path)
        #expect(stored.count == 9_000)
        #expect(SessionSummary(path: path).status != .unreadable(""))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes, "reading changes nothing")
        let reader = try SessionReader(path: path)
        let writer = try SessionWriter.open(path: path)
        #expect(try writer.append([sampleStep(1)]).first?.sequence == 9_001)
        try writer.pack()
        // Who opened it before the migration reads on.
        #expect(try reader.events().count == 9_001)
        writer.close()
        #expect(try count(path, "PRAGMA user_version") == 5)
        #expect(try read(path).dropLast() == stored[...])
        // The layout is that of a new file.
        let fresh = folder["fresh.session"]
        try SessionWriter.create(path: fresh, info: sampleInfo()).close()
        func schema(_ path: String) throws -> [String] {
            let queue = try DatabaseQueue(path: path)
            defer { #expect(throws: Never.self) { try queue.close() } }
            return try queue.read {
                try String.fetchAll($0, sql: "SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name")
            }
        }
        #expect(try schema(path) == schema(fresh))
    }

    /// A file of version 2 is read as it is, and becomes one of the newest version when somebody writes to it.
    @Test func version2IsRead() throws {
        let path = folder["old.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let stored = try writer.append((1...50).map { sampleStep($0) }).map(bits)
        writer.close()
        try change(path, "PRAGMA user_version = 2")
        #expect(try read(path) == stored)
        #expect(try count(path, "PRAGMA user_version") == 2)
        let again = try SessionWriter.open(path: path)
        try again.append([.ratesTried(.init(step: 50, seconds: 1, trials: [.init(rate: 1, loss: 2)]))])
        again.close()
        #expect(try count(path, "PRAGMA user_version") == 5)
        #expect(try read(path).count == 51)
    }

    @Test func version2NeedsItsTable() throws {
        let path = try version1([sampleStep(1)])
        try change(path, "PRAGMA user_version = 2")
        let canonical = try SessionDatabase.canonical(path)
        #expect(throws: SessionError.lacksTable(path: canonical, table: "block")) { try SessionReader(path: path) }
    }

    // MARK: - Damage

    /// Changes of the table `block` that make it false.
    private static let lies = [
        "bytes = substr(bytes, 1, length(bytes) - 8)", "bytes = substr(bytes, 9)", "bytes = x''", "bytes = 'text'",
        "bytes = zeroblob(length(bytes))", "bytes = zeroblob(100000000)", "count = count + 1", "count = count - 1",
        "count = -1", "count = 65536", "count = 9223372036854775807", "count = 'many'", "first_seq = first_seq + 1",
        "first_seq = first_seq - 1", "first_seq = -9223372036854775807", "last_seq = last_seq + 1",
        "last_seq = last_seq - 1", "last_seq = 9223372036854775807", "last_seq = first_seq", "last_seq = 'x'",
        "first_seq = 9223372036854775800, last_seq = 9223372036854775807", "kind = kind || 'x'", "kind = x'00'",
        "kind = CASE kind WHEN 'stepped' THEN 'progressed' ELSE 'stepped' END", "run = 7",
        "first_seq = 1, last_seq = 700",
    ]

    @Test(arguments: lies)
    func liesAreSeenThrough(_ lie: String) throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let stored = try writer.append(sampleRun(700)).map(bits)
        writer.close()
        try pack(path, window: 300)
        for place in ["first_seq = 301", "first_seq = 301 AND kind = 'stepped'", "kind = 'progressed'"] {
            let copy = try copy(path)
            // OR IGNORE: two rows may not say the same.
            try change(copy, "PRAGMA foreign_keys = OFF; UPDATE OR IGNORE block SET \(lie) WHERE \(place)")
            #expect(try read(copy) == stored, "\(lie) where \(place)")
            _ = SessionSummary(path: copy)
            // Without the rows there is one sentence.
            try change(copy, "DELETE FROM event WHERE kind IN ('stepped', 'progressed')")
            let reader = try SessionReader(path: copy)
            do throws(SessionError) {
                // Harmless lies there are: a number that nobody needs.
                #expect(try reader.events().map(bits) == stored, "\(lie) where \(place)")
            } catch {
                #expect("\(error)".hasSuffix(".") && "\(error)".contains("is damaged"), "\(error)")
            }
        }
    }

    @Test func everyFlippedBitIsSeen() throws {
        let events = sampleRun(600).enumerated().map { NumberedEvent(sequence: $0 + 1, event: $1) }
        let others = events.filter { !["stepped", "progressed"].contains(EventLine.kind(of: $0.event)) }
        let progressed = EventBlock.encode(events, kind: "progressed")
        let stepped = EventBlock.encode(events, kind: "stepped")
        func decode(_ progressedBytes: [UInt8], _ steppedBytes: [UInt8]) throws(BlockFault) -> [String] {
            var all: [String] = []
            let rest = (others + (try EventBlock.progressed(progressedBytes, count: progressed.count)))
                .sorted { $0.sequence < $1.sequence }
            try EventBlock.walk(
                steppedBytes, count: stepped.count, with: rest, first: 1, last: 600, after: 0,
                stepped: { all.append(bits(NumberedEvent(sequence: $0, event: .stepped($1)))) },
                other: { all.append(bits($0)) })
            return all
        }
        let (first, second) = (Array(progressed.bytes), Array(stepped.bytes))
        #expect(try decode(first, second) == events.map(bits))
        var random = SystemRandomNumberGenerator()
        for _ in 0..<1_000 {
            var (one, two) = (first, second)
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            if Bool.random(using: &random) {
                one[Int.random(in: 0..<one.count, using: &random)] ^= bit
            } else {
                two[Int.random(in: 0..<two.count, using: &random)] ^= bit
            }
            #expect(throws: BlockFault.self) { try decode(one, two) }
        }
        for _ in 0..<200 {
            let length = Int.random(in: 0..<second.count, using: &random)
            #expect(throws: BlockFault.self) { try decode(first, Array(second[..<length])) }
            let other = Int.random(in: 0..<first.count, using: &random)
            #expect(throws: BlockFault.self) { try decode(Array(first[..<other]), second) }
        }
        #expect(throws: BlockFault.self) { try decode(first, second + Array(repeating: 0, count: 8)) }
    }

    /// Blocks whose sums agree and that make no sense all the same.
    @Test func blocksOfNonsenseAreFaults() throws {
        func block(_ words: [UInt64]) -> [UInt8] {
            var sum: UInt64 = 0
            var sumOfSums: UInt64 = 0
            for word in words {
                sum &+= word
                sumOfSums &+= sum
            }
            return (words + [sum, sumOfSums]).flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }
        }
        func walk(_ words: [UInt64], first: Int = 1, others: [NumberedEvent] = []) throws(BlockFault) {
            try EventBlock.walk(
                block(words), count: words.count / 8, with: others, first: first,
                last: first + words.count / 8 + others.count - 1, after: 0, stepped: { _, _ in }, other: { _ in })
        }
        #expect(throws: Never.self) { try walk([1, 1, 1, 1, 0, 0, 0, 0]) }
        #expect(throws: BlockFault.self) { try walk([2, 1, 1, 1, 0, 0, 0, 0]) }
        #expect(throws: BlockFault.self) { try walk([UInt64.max, 1, 1, 1, 0, 0, 0, 0]) }
        for place in 1...3 {
            var words: [UInt64] = [1, 1, 1, 1, 0, 0, 0, 0]
            words[place] = 1 << 63
            #expect(throws: BlockFault.self) { try walk(words) }
        }
        #expect(throws: BlockFault.self) {
            try walk([1, 1, 1, 1, 0, 0, 0, 0], others: [.init(sequence: 1, event: sampleStep(1))])
        }
        #expect(throws: Never.self) {
            try walk([1, 1, 1, 1, 0, 0, 0, 0], others: [.init(sequence: 2, event: sampleStep(1))])
        }
        // sequence, step, epoch, workers, has remaining, seconds, images a second, remaining, busy …
        #expect(try EventBlock.progressed(block([1, 1, 1, 1, 0, 0, 0, 0, 0]), count: 1).count == 1)
        for words: [UInt64] in [
            [1, 1, 1, 2, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1 << 40, 0, 0, 0, 0, 0],
            [1, 1, 1, 1 << 63, 0, 0, 0, 0, 0], [1, 1, 1, 1, 2, 0, 0, 0, 0], [1 << 63, 1, 1, 1, 0, 0, 0, 0, 0],
            [1, 1 << 63, 1, 1, 0, 0, 0, 0, 0],
        ] {
            #expect(throws: BlockFault.self) { try EventBlock.progressed(block(words), count: 1) }
        }
        #expect(throws: BlockFault.self) { try EventBlock.progressed(block([]), count: 1) }
        #expect(throws: BlockFault.self) { try EventBlock.progressed([], count: 0) }
        #expect(throws: BlockFault.self) { try EventBlock.progressed(block([]), count: -1) }
    }

    // MARK: - The recorder

    @Test func theRecorderPacks() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let recorder = Recorder(writer, tell: { _ in }, complain: { Issue.record("\($0)") })
        let run = sampleRun(20_000)
        for event in run { recorder.record(event) }
        try recorder.finish()
        #expect(writer.unpackedCount == 0)
        writer.close()
        #expect(try read(path) == run.enumerated().map { bits(.init(sequence: $0 + 1, event: $1)) })
        #expect(try count(path, "SELECT count(DISTINCT first_seq) FROM block") == 3)
        // A short run stays as it is.
        let short = folder["b.session"]
        let other = try SessionWriter.create(path: short, info: sampleInfo())
        let second = Recorder(other, tell: { _ in }, complain: { Issue.record("\($0)") })
        for event in run.prefix(1_000) { second.record(event) }
        try second.finish()
        other.close()
        #expect(try count(short, "SELECT count(*) FROM block") == 0)
    }

    @Test func packingThatFailsIsNoLoss() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let complaints = Mutex<[String]>([])
        try change(path, "DROP TABLE block")
        let recorder = Recorder(writer, tell: { _ in }, complain: { said in complaints.withLock { $0.append(said) } })
        for event in sampleRun(20_000) { recorder.record(event) }
        try recorder.finish()
        writer.close()
        let said = complaints.withLock { $0 }
        #expect(said.count == 1 && said[0].contains("nothing is lost"), "\(said)")
        try change(path, "PRAGMA user_version = 1")
        #expect(try read(path).count == 20_000)
    }
}
