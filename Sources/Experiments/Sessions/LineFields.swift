// LineFields: the members of one flat JSON line, each asked for by name and type.

import Engine

/// The fields of an event's line; what is not there or not of the right kind throws.
struct LineFields {
    /// Name of the event, or of what else the line is.
    let event: String
    /// Names of all fields, in the line's order.
    let names: [String]
    private let values: [JSONValue]
    /// Places of the fields by name; empty when they are so few that looking is quicker.
    private let places: [String: Int]

    /// - Parameter head: the field that says what the line is.
    init(_ line: String, named head: String = "event") throws(EventLineError) {
        var line = line
        var values: [JSONValue] = []
        var names: [String] = []
        let fault: JSONFault? = line.withUTF8 { bytes in
            var cursor = JSONCursor(UnsafeRawBufferPointer(bytes))
            do throws(JSONFault) {
                try cursor.object { (cursor, key) throws(JSONFault) in
                    values.append(try cursor.value())
                    names.append(key)
                }
                return cursor.peek() == nil ? nil : cursor.fault("something follows the object")
            } catch {
                return error
            }
        }
        if let fault { throw .notJSON(reason: fault.reason, offset: fault.offset) }
        self.names = names
        self.values = values
        places =
            names.count <= 24
            ? [:] : Dictionary(uniqueKeysWithValues: names.enumerated().map { ($0.element, $0.offset) })
        guard let place = names.firstIndex(of: head) else { throw .missing(field: head, event: "") }
        guard case .string(let event) = values[place] else { throw .wrong(field: head, event: "", expected: "text") }
        self.event = event
    }

    private func find(_ field: String) -> JSONValue? {
        (places.isEmpty ? names.firstIndex(of: field) : places[field]).map { values[$0] }
    }

    func wrong(_ field: String, _ expected: String) -> EventLineError {
        .wrong(field: field, event: event, expected: expected)
    }

    /// The field is there and not null.
    func has(_ field: String) -> Bool { (find(field) ?? .null) != .null }

    private func value(_ field: String) throws(EventLineError) -> JSONValue {
        guard let value = find(field) else { throw .missing(field: field, event: event) }
        return value
    }

    /// An integer; every count, step and number of our lines is at least 0.
    func integer(_ field: String, in range: ClosedRange<Int> = 0...Int.max) throws(EventLineError) -> Int {
        guard case .integer(let integer) = try value(field), range.contains(integer) else {
            throw wrong(field, range.upperBound == .max ? "a whole number, 0 or more" : "a whole number in \(range)")
        }
        return integer
    }

    func unsigned(_ field: String) throws(EventLineError) -> UInt64 {
        switch try value(field) {
        case .integer(let integer) where integer >= 0: return UInt64(integer)
        case .unsigned(let integer): return integer
        default: throw wrong(field, "a whole number from 0 to 2^64 - 1")
        }
    }

    private static func double(_ value: JSONValue) -> Double? {
        switch value {
        case .integer(let integer): Double(integer)
        case .unsigned(let integer): Double(integer)
        case .number(let number): number
        case .string("nan"): .nan
        case .string("inf"): .infinity
        case .string("-inf"): -.infinity
        default: nil
        }
    }

    func double(_ field: String) throws(EventLineError) -> Double {
        guard let double = Self.double(try value(field)) else { throw wrong(field, "a number") }
        return double
    }

    /// Nil where the field is not there.
    func optionalDouble(_ field: String) throws(EventLineError) -> Double? {
        has(field) ? try double(field) : nil
    }

    func bool(_ field: String) throws(EventLineError) -> Bool {
        guard case .bool(let bool) = try value(field) else { throw wrong(field, "true or false") }
        return bool
    }

    func string(_ field: String) throws(EventLineError) -> String {
        guard case .string(let string) = try value(field) else { throw wrong(field, "text") }
        return string
    }

    func word<Word: RawRepresentable<String>>(_ field: String, as type: Word.Type) throws(EventLineError) -> Word {
        guard let word = Word(rawValue: try string(field)) else { throw wrong(field, "a word that is known here") }
        return word
    }

    private func array<Element>(
        _ field: String, of expected: String, _ element: (JSONValue) -> Element?
    ) throws(EventLineError) -> [Element] {
        guard case .array(let values) = try value(field) else { throw wrong(field, "an array of \(expected)") }
        let elements = values.compactMap(element)
        guard elements.count == values.count else { throw wrong(field, "an array of \(expected)") }
        return elements
    }

    func strings(_ field: String) throws(EventLineError) -> [String] {
        try array(field, of: "texts") { if case .string(let string) = $0 { string } else { nil } }
    }

    func integers(_ field: String) throws(EventLineError) -> [Int] {
        try array(field, of: "whole numbers") { if case .integer(let integer) = $0 { integer } else { nil } }
    }

    func doubles(_ field: String) throws(EventLineError) -> [Double] {
        try array(field, of: "numbers", Self.double)
    }

    /// All fields with a "/" in their names.
    func metrics() throws(EventLineError) -> [String: Double] {
        var metrics: [String: Double] = [:]
        for field in names where field.contains("/") { metrics[field] = try double(field) }
        return metrics
    }
}
