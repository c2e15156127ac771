// SpecReader: reads typed fields out of YAML nodes and collects what is wrong with them.
import Yams

/// Collects the problems of one spec while it is read.
final class SpecProblems {
    private(set) var all: [SpecProblem] = []

    func add(_ node: Node?, _ message: String) {
        all.append(SpecProblem(line: node?.mark?.line, message: message))
    }
}

/// The fields of one mapping, read by name. What is not read by the end is unknown.
struct SpecFields {
    let path: String
    private let node: Node?
    private let problems: SpecProblems
    private var values: [String: Node] = [:]
    private var known: [String] = []

    /// The mapping `node`; nil or empty reads as no fields. `path` is "training." or the like, for messages.
    init(_ node: Node?, path: String, _ problems: SpecProblems) {
        self.path = path
        self.node = node
        self.problems = problems
        guard let node, !node.isNull else { return }
        guard case .mapping(let mapping) = node else {
            problems.add(
                node, "\(path.isEmpty ? "the spec" : String(path.dropLast())) must be a mapping such as {key: value}.")
            return
        }
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                problems.add(key, "a key in \(path.isEmpty ? "the spec" : String(path.dropLast())) is no plain word.")
                continue
            }
            values[scalar.string] = value
        }
    }

    /// The node of `key`; nil when it is not there.
    mutating func node(_ key: String) -> Node? {
        known.append(key)
        return values[key]
    }

    func has(_ key: String) -> Bool { values[key] != nil }

    /// A whole number within `range`.
    mutating func int(_ key: String, in range: ClosedRange<Int>, default standard: Int? = nil) -> Int? {
        guard let node = node(key) else {
            if standard == nil { problems.add(self.node, "\(path)\(key) is missing.") }
            return standard
        }
        guard case .scalar(let scalar) = node, let value = Int(scalar.string) else {
            problems.add(node, "\(path)\(key) must be a whole number, but is \(node.shown).")
            return standard
        }
        guard range.contains(value) else {
            problems.add(
                node, "\(path)\(key) must be from \(range.lowerBound) to \(range.upperBound), but is \(value).")
            return standard
        }
        return value
    }

    /// A number for which `isGood` holds; `rule` says so in words.
    mutating func double(
        _ key: String, default standard: Double? = nil, _ rule: String, _ isGood: (Double) -> Bool
    ) -> Double? {
        guard let node = node(key) else {
            if standard == nil { problems.add(self.node, "\(path)\(key) is missing.") }
            return standard
        }
        guard case .scalar(let scalar) = node, let value = Double(scalar.string), value.isFinite else {
            problems.add(node, "\(path)\(key) must be a number, but is \(node.shown).")
            return standard
        }
        guard isGood(value) else {
            problems.add(node, "\(path)\(key) must be \(rule), but is \(scalar.string).")
            return standard
        }
        return value
    }

    /// A number as ``double(_:default:_:_:)``, as the engine holds it.
    mutating func float(_ key: String, default standard: Float? = nil, _ rule: String, _ isGood: (Double) -> Bool)
        -> Float?
    {
        // Through text, so that the default stays the float that it is.
        guard has(key) || standard == nil else {
            known.append(key)
            return standard
        }
        return double(key, rule, isGood).map(Float.init) ?? standard
    }

    mutating func bool(_ key: String, default standard: Bool) -> Bool {
        guard let node = node(key) else { return standard }
        guard case .scalar(let scalar) = node, let value = ["true": true, "false": false][scalar.string] else {
            problems.add(node, "\(path)\(key) must be true or false, but is \(node.shown).")
            return standard
        }
        return value
    }

    mutating func string(_ key: String) -> String? {
        guard let node = node(key), !node.isNull else { return nil }
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
            problems.add(node, "\(path)\(key) must be a text, but is \(node.shown).")
            return nil
        }
        return scalar.string
    }

    mutating func seed(_ key: String, default standard: UInt64) -> UInt64 {
        guard let node = node(key) else { return standard }
        guard case .scalar(let scalar) = node, let value = UInt64(scalar.string) else {
            problems.add(node, "\(path)\(key) must be a whole number of at least 0, but is \(node.shown).")
            return standard
        }
        return value
    }

    /// One of a few words.
    mutating func choice<T: RawRepresentable & CaseIterable>(_ key: String, default standard: T) -> T
    where T.RawValue == String {
        guard let node = node(key) else { return standard }
        let words = T.allCases.map(\.rawValue)
        guard case .scalar(let scalar) = node, let value = T(rawValue: scalar.string) else {
            problems.add(node, "\(path)\(key) must be one of \(words.joined(separator: ", ")), but is \(node.shown).")
            return standard
        }
        return value
    }

    /// Complains of every key that was not asked for; `later` are those that a later version will know.
    func end(later: [String] = []) {
        for (key, value) in values where !known.contains(key) {
            if later.contains(key) {
                problems.add(value, "\(path)\(key) is not in this version.")
            } else if let meant = nearest(key, among: known) {
                problems.add(value, "\(path)\(key) is unknown; did you mean \(meant)?")
            } else {
                problems.add(value, "\(path)\(key) is unknown; known are \(known.joined(separator: ", ")).")
            }
        }
    }
}

extension Node {
    /// Nothing, or the word null.
    var isNull: Bool {
        if case .scalar(let scalar) = self {
            return ["", "~", "null"].contains(scalar.string) && scalar.style != .doubleQuoted
        }
        return false
    }

    /// The node in a message: short.
    var shown: String {
        switch self {
        case .scalar(let scalar): scalar.string.count > 40 ? "\"\(scalar.string.prefix(40))…\"" : "\"\(scalar.string)\""
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
