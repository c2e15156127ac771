// JSONCursor: a strict, pull-style reader of JSON (RFC 8259) over bytes that may be hostile. Foundation's reader cannot
// see duplicate keys, turns integers above 2^53 into doubles, and builds a tree many times the size of its text.

import Foundation

/// What is wrong with a JSON text, and at which byte.
struct JSONFault: Error, Equatable {
    /// What was found, as the end of a sentence: "a number was expected".
    var reason: String
    /// Offset in bytes from the start of the text.
    var offset: Int
}

/// One value of a flat JSON object.
enum JSONValue: Equatable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits.
    case integer(Int)
    /// An integer above `Int.max` that fits.
    case unsigned(UInt64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// An object, which no line of ours has; it was checked and skipped.
    case object
}

/// Reads JSON from the front to the back, never deeper than `maximumDepth`, and never copies more than it hands out.
struct JSONCursor {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0
    static let maximumDepth = 32
    /// Most members of one object: their keys are kept to find duplicates, and must not take many times their text.
    static let maximumMembers = 65_536

    /// `bytes` must stay valid as long as the cursor is used.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { offset >= bytes.count }

    func fault(_ reason: String) -> JSONFault { JSONFault(reason: reason, offset: offset) }

    mutating func skipSpace() {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D else { return }
            offset += 1
        }
    }

    /// The next byte that is not white space; nil at the end.
    mutating func peek() -> UInt8? {
        skipSpace()
        return offset < bytes.count ? bytes[offset] : nil
    }

    /// Takes `character` when it comes next.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws(JSONFault) {
        guard take(character) else { throw fault("'\(character)' was expected") }
    }

    /// Reads an object, calling `member` with each key; it must read the value. Duplicate keys are refused.
    mutating func object(_ member: (inout JSONCursor, String) throws(JSONFault) -> Void) throws(JSONFault) {
        try expect("{")
        if take("}") { return }
        var seen = SeenKeys()
        repeat {
            _ = peek()
            let start = offset
            let key = try string()
            guard seen.count < Self.maximumMembers else {
                throw fault("an object has more than \(Self.maximumMembers) members")
            }
            guard seen.insert(key) else {
                throw JSONFault(reason: "the key \"\(key.prefix(64))\" appears twice", offset: start)
            }
            try expect(":")
            try member(&self, key)
        } while take(",")
        try expect("}")
    }

    /// Reads an array, calling `element` before each of its values; it must read the value.
    mutating func array(_ element: (inout JSONCursor) throws(JSONFault) -> Void) throws(JSONFault) {
        try expect("[")
        if take("]") { return }
        repeat { try element(&self) } while take(",")
        try expect("]")
    }

    /// Reads any value.
    mutating func value(depth: Int = 0) throws(JSONFault) -> JSONValue {
        guard depth < Self.maximumDepth else { throw fault("it is nested too deeply") }
        switch peek() {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try array { (cursor) throws(JSONFault) in elements.append(try cursor.value(depth: depth + 1)) }
            return .array(elements)
        case UInt8(ascii: "{"):
            try skip(depth: depth)
            return .object
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    /// Reads any value and forgets it.
    mutating func skip(depth: Int = 0) throws(JSONFault) {
        guard depth < Self.maximumDepth else { throw fault("it is nested too deeply") }
        switch peek() {
        case UInt8(ascii: "{"):
            try object { (cursor, _) throws(JSONFault) in try cursor.skip(depth: depth + 1) }
        case UInt8(ascii: "["):
            try array { (cursor) throws(JSONFault) in try cursor.skip(depth: depth + 1) }
        default: _ = try value(depth: depth)
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONFault) -> JSONValue {
        for index in 0..<text.utf8CodeUnitCount {
            guard offset < bytes.count, bytes[offset] == text.utf8Start[index] else {
                throw fault("\(text) was expected")
            }
            offset += 1
        }
        return value
    }

    /// Reads digits and goes on with `value`, a number of the digits before.
    private mutating func digits(_ value: inout UInt64) throws(JSONFault) {
        let start = offset
        while offset < bytes.count, case let digit = bytes[offset] &- 0x30, digit < 10 {
            value = value &* 10 &+ UInt64(digit)
            offset += 1
        }
        if offset == start { throw fault("a value was expected") }
    }

    /// Powers of ten that are doubles without rounding.
    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Reads a number.
    mutating func number() throws(JSONFault) -> JSONValue {
        skipSpace()
        let start = offset
        var isInteger = true
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let firstDigit = offset
        // All digits as one number; only of use while they are few.
        var mantissa: UInt64 = 0
        var fraction = 0
        var hasExponent = false
        try digits(&mantissa)
        if bytes[firstDigit] == UInt8(ascii: "0"), offset > firstDigit + 1 {
            throw JSONFault(reason: "a number starts with a needless zero", offset: firstDigit)
        }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            fraction = -offset
            try digits(&mantissa)
            fraction += offset
        }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "e") || bytes[offset] == UInt8(ascii: "E") {
            isInteger = false
            hasExponent = true
            offset += 1
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") {
                offset += 1
            }
            var exponent: UInt64 = 0
            try digits(&exponent)
        }
        if !hasExponent, offset - firstDigit < 19 {
            let isNegative = firstDigit > start
            if isInteger, !isNegative || mantissa != 0 { return .integer(isNegative ? -Int(mantissa) : Int(mantissa)) }
            // Both are exact, so that one division rounds correctly (Clinger 1990).
            if mantissa < 1 << 53, fraction < Self.powers.count {
                let magnitude = Double(mantissa) / Self.powers[fraction]
                return .number(isNegative ? -magnitude : magnitude)
            }
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, text != "-0" {
            if let integer = Int(text) { return .integer(integer) }
            if let integer = UInt64(text) { return .unsigned(integer) }
        }
        // Double's own reader is correctly rounded; out of range it gives infinity, which no number of JSON means.
        guard let double = Double(text), double.isFinite else {
            throw JSONFault(reason: "the number is too large", offset: start)
        }
        return .number(double)
    }

    /// Reads a string. Unpaired surrogates, raw control characters and bytes that are not UTF-8 are refused.
    mutating func string() throws(JSONFault) -> String {
        try expect("\"")
        var text: [UInt8] = []
        var plainStart = offset
        var hasEscape = false
        var highest: UInt8 = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") {
                if !hasEscape {
                    let plain = UnsafeRawBufferPointer(rebasing: bytes[plainStart..<offset])
                    if highest < 0x80 {
                        offset += 1
                        return String(decoding: plain, as: UTF8.self)
                    }
                    guard let string = String(validating: plain, as: UTF8.self) else {
                        throw fault("text is not UTF-8")
                    }
                    offset += 1
                    return string
                }
                text.append(contentsOf: bytes[plainStart..<offset])
                guard let string = String(validating: text, as: UTF8.self) else { throw fault("text is not UTF-8") }
                offset += 1
                return string
            }
            if byte < 0x20 { throw fault("a control character stands in a string") }
            highest |= byte
            offset += 1
            if byte == UInt8(ascii: "\\") {
                hasEscape = true
                text.append(contentsOf: bytes[plainStart..<offset - 1])
                text.append(contentsOf: String(try escape()).utf8)
                plainStart = offset
            }
        }
        throw fault("a string does not end")
    }

    private mutating func escape() throws(JSONFault) -> Unicode.Scalar {
        guard offset < bytes.count else { throw fault("a string does not end") }
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let high = try hexadecimal()
            if let scalar = Unicode.Scalar(high) { return scalar }
            guard high < 0xDC00, offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
                bytes[offset + 1] == UInt8(ascii: "u")
            else { throw fault("half of a surrogate pair stands alone") }
            offset += 2
            let low = try hexadecimal()
            guard (0xDC00...0xDFFF).contains(low),
                let scalar = Unicode.Scalar(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
            else { throw fault("half of a surrogate pair stands alone") }
            return scalar
        default: throw fault("an unknown escape stands in a string")
        }
    }

    private mutating func hexadecimal() throws(JSONFault) -> UInt32 {
        guard offset + 4 <= bytes.count else { throw fault("a string does not end") }
        var code: UInt32 = 0
        for byte in bytes[offset..<offset + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fault("an escape has four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
        }
        offset += 4
        return code
    }
}

/// The keys of an object so far. Of the few that most have, comparing is quicker than hashing.
private struct SeenKeys {
    private var few: [String] = []
    private var many: Set<String> = []

    var count: Int { few.count + many.count }

    /// - Returns: false when the key was there.
    mutating func insert(_ key: String) -> Bool {
        if few.contains(key) { return false }
        if few.count == 16 { return many.insert(key).inserted }
        few.append(key)
        return true
    }
}
