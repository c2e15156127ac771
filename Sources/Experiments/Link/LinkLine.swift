// LinkLine: what goes over the socket beside events: commands one way, notices the other.

import Engine

/// A line from a client.
enum LinkRequest: Equatable {
    /// Send the events after this number, and all that follow.
    case follow(after: Int)
    case command(EngineCommand)
    case question(AnalystQuestion)

    var line: String {
        var line = JSONText()
        switch self {
        case .follow(let sequence):
            line.add("command", "follow")
            line.add("after", sequence)
        case .command(.pause): line.add("command", "pause")
        case .command(.continue): line.add("command", "continue")
        case .command(.stop): line.add("command", "stop")
        case .command(.setLearningRate(let rate)):
            line.add("command", "learning_rate")
            line.add("value", rate)
        case .command(.tryRates(let least, let most, let steps)):
            line.add("command", "try_rates")
            line.add("from", least)
            line.add("to", most)
            line.add("steps", steps)
        case .question(.cancel): line.add("command", "cancel")
        case .question(.predictions): line.add("command", "predictions")
        case .question(.sensitivity): line.add("command", "sensitivity")
        case .question(.compare(let variants, let epochs)):
            line.add("command", "compare")
            line.add("variants", variants)
            line.add("epochs", epochs)
        case .question(.search(let points, let epochs)):
            line.add("command", "search")
            line.add("points", points)
            line.add("epochs", epochs)
        case .question(.decide(let variant, let act)):
            line.add("command", "decide")
            line.add("variant", variant)
            line.add("act", act.rawValue)
        case .question(.survey(let rows, let settings)):
            line.add("command", "survey")
            line.add("rows", rows)
            EventLine.add(settings, to: &line)
        case .question(.explain(let row, let changes, let settings)):
            line.add("command", "explain")
            line.add("row", row)
            line.add("columns", changes.map(\.column))
            line.add("values", changes.map(\.text))
            EventLine.add(settings, to: &line)
        }
        return line.closed()
    }

    /// Reads a client's line.
    init(_ line: [UInt8]) throws(LinkRequestError) {
        var name: JSONValue?
        var after: JSONValue?
        var value: JSONValue?
        var (least, most, steps): (JSONValue?, JSONValue?, JSONValue?) = (nil, nil, nil)
        let fault: JSONFault? = line.withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes)
            do throws(JSONFault) {
                try cursor.object { (cursor, key) throws(JSONFault) in
                    let found = try cursor.value()
                    switch key {
                    case "command": name = found
                    case "after": after = found
                    case "value": value = found
                    case "from": least = found
                    case "to": most = found
                    case "steps": steps = found
                    default: break
                    }
                }
                return cursor.peek() == nil ? nil : cursor.fault("something follows the object")
            } catch {
                return error
            }
        }
        if let fault { throw LinkRequestError("the line is no JSON object: \(fault.reason) at byte \(fault.offset)") }
        guard case .string(let name) = name else { throw LinkRequestError("the field \"command\" is missing") }
        switch name {
        case "follow":
            guard case .integer(let sequence) = after, sequence >= 0 else {
                throw LinkRequestError("follow needs the field \"after\", a whole number")
            }
            self = .follow(after: sequence)
        case "cancel": self = .question(.cancel)
        case "predictions": self = .question(.predictions)
        case "sensitivity": self = .question(.sensitivity)
        case "explain", "survey": self = .question(try Self.question(line))
        case "compare", "search", "decide": self = .question(try Self.comparison(line))
        case "pause": self = .command(.pause)
        case "continue": self = .command(.continue)
        case "stop": self = .command(.stop)
        case "learning_rate":
            guard let rate = Self.positive(value) else {
                throw LinkRequestError("learning_rate needs the field \"value\", a number above 0")
            }
            self = .command(.setLearningRate(rate))
        case "try_rates":
            guard let least = Self.positive(least), let most = Self.positive(most), least < most,
                case .integer(let steps) = steps, RateTrials.range.contains(steps)
            else {
                throw LinkRequestError(
                    "try_rates needs the fields \"from\" and \"to\", numbers above 0, the second the larger, and \"steps\", a whole number in \(RateTrials.range)"
                )
            }
            self = .command(.tryRates(from: least, to: most, steps: steps))
        default:
            throw LinkRequestError("the command \(JSONText.quoted(String(name.prefix(64)))) is unknown")
        }
    }

    /// A question with settings: its fields are read as those of an event are.
    private static func question(_ line: [UInt8]) throws(LinkRequestError) -> AnalystQuestion {
        do throws(EventLineError) {
            let fields = try LineFields(String(decoding: line, as: UTF8.self), named: "command")
            let settings = try EventLine.settings(from: fields)
            if fields.event == "survey" {
                return .survey(rows: try fields.integer("rows", in: 1...10_000), settings: settings)
            }
            let columns = try fields.integers("columns")
            let texts = try fields.strings("values")
            guard columns.count == texts.count else { throw fields.wrong("values", "a text for each of \"columns\"") }
            return .explain(
                row: try fields.integer("row", in: 0...Int(Int32.max)),
                changes: zip(columns, texts).map { ValueChange(column: $0, text: $1) }, settings: settings)
        } catch {
            throw LinkRequestError("\(error)")
        }
    }

    /// A question about variants.
    private static func comparison(_ line: [UInt8]) throws(LinkRequestError) -> AnalystQuestion {
        do throws(EventLineError) {
            let fields = try LineFields(String(decoding: line, as: UTF8.self), named: "command")
            if fields.event == "decide" {
                return .decide(
                    variant: try EventLine.variantName(from: fields),
                    act: try fields.word("act", as: VariantChoice.Act.self))
            }
            let epochs = try fields.integer("epochs", in: 0...1_000)
            if fields.event == "search" {
                let points = try fields.double("points")
                guard (0...100).contains(points) else { throw fields.wrong("points", "a number from 0 to 100") }
                return .search(points: points, epochs: epochs)
            }
            let names = try fields.strings("variants")
            guard (1...ComparedVariants.most).contains(names.count) else {
                throw fields.wrong("variants", "some names, \(ComparedVariants.most) at most")
            }
            return .compare(variants: names, epochs: epochs)
        } catch {
            throw LinkRequestError("\(error)")
        }
    }

    private static func positive(_ value: JSONValue?) -> Double? {
        let number: Double? =
            switch value {
            case .number(let number): number
            case .integer(let integer): Double(integer)
            default: nil
            }
        return number.flatMap { $0.isFinite && $0 > 0 ? $0 : nil }
    }

    init(_ command: EngineCommand) { self = .command(command) }
    init(_ question: AnalystQuestion) { self = .question(question) }
    init(followAfter sequence: Int) { self = .follow(after: sequence) }
}

/// Why a client's line was refused.
struct LinkRequestError: Error, Equatable {
    var reason: String
    init(_ reason: String) { self.reason = reason }
}

/// Lines of the server that are no events.
enum LinkNotice {
    /// The event that the client needs next is no longer kept here; it reads the session file and follows again.
    static let gap = "{\"link\":\"gap\"}"

    /// What an analyst tells beside events.
    static func line(of news: AnalystNews) -> String {
        var line = JSONText()
        switch news {
        case .working(let fraction, let subject):
            line.add("link", "working")
            line.add("fraction", fraction)
            if !subject.isEmpty { line.add("on", subject) }
        case .idle: line.add("link", "idle")
        case .facts: line.add("link", "facts")
        case .failed(let reason):
            line.add("link", "failed")
            line.add("message", reason)
        }
        return line.closed()
    }

    /// Reads such a line, or an answer to a line that was refused; nil: it is neither.
    static func news(_ line: String) -> AnalystNews? {
        do throws(EventLineError) {
            let fields = try LineFields(line, named: "link")
            switch fields.event {
            case "working":
                return .working(
                    fraction: min(1, max(0, try fields.double("fraction"))),
                    on: fields.has("on") ? String(try fields.string("on").prefix(400)) : "")
            case "idle": return .idle
            case "facts": return .facts
            case "failed", "error": return .failed(try fields.string("message"))
            default: return nil
            }
        } catch {
            return nil
        }
    }

    static func refused(_ reason: String) -> String {
        var line = JSONText()
        line.add("link", "error")
        line.add("message", reason)
        return line.closed()
    }
}

/// Cuts a stream of bytes into lines that are not longer than `limit` bytes.
struct LineCutter {
    let limit: Int
    private var rest: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    /// Adds bytes that came and calls `line` with each line that is whole, without its line break.
    /// - Returns: false when a line is longer than the limit.
    mutating func add(_ bytes: some Sequence<UInt8>, _ line: ([UInt8]) -> Void) -> Bool {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if !rest.isEmpty { line(rest) }
                rest.removeAll(keepingCapacity: true)
            } else {
                if rest.count == limit { return false }
                rest.append(byte)
            }
        }
        return true
    }
}
