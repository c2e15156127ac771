// Tests of the JSON reader's quick ways: numbers of few digits, plain strings, objects of few keys.

import Foundation
import Testing

@testable import Experiments

struct JSONCursorTests {
    private func value(_ text: String) throws -> JSONValue {
        try Array(text.utf8).withUnsafeBytes {
            var cursor = JSONCursor($0)
            let value = try cursor.value()
            #expect(cursor.isAtEnd, "\(text)")
            return value
        }
    }

    @Test func numbersAreCorrectlyRounded() throws {
        var random = SystemRandomNumberGenerator()
        func digits(_ count: Int) -> String { String((0..<count).map { _ in Character("\(Int.random(in: 0...9))") }) }
        for _ in 0..<20_000 {
            let sign = Bool.random(using: &random) ? "-" : ""
            let whole = String(
                Int.random(in: 0..<1_000_000_000, using: &random) >> Int.random(in: 0..<30, using: &random))
            let exponent =
                Int.random(in: 0..<6, using: &random) == 0 ? "e\(Int.random(in: -30...30, using: &random))" : ""
            let text = "\(sign)\(whole).\(digits(Int.random(in: 1...18, using: &random)))\(exponent)"
            guard case .number(let number) = try value(text) else {
                Issue.record("\(text) is no number")
                continue
            }
            #expect(number.bitPattern == Double(text)?.bitPattern, "\(text)")
        }
        for text in [
            "0.0", "-0.0", "-0", "9007199254740992.0", "9007199254740993.0", "90071992547409.93", "0.1", "1e22", "1e23",
            "123456789012345678.5", "0.000000000000000001", "0.00000000000000000000000000001", "1.7976931348623157e308",
            "5e-324", "18446744073709551616",
        ] {
            guard case .number(let number) = try value(text) else {
                Issue.record("\(text) is no number")
                continue
            }
            #expect(number.bitPattern == Double(text)?.bitPattern, "\(text)")
        }
    }

    @Test func wholeNumbersStayWhole() throws {
        for number in [0, 1, -1, 999_999_999_999_999_999, 1_000_000_000_000_000_000, .max, .min, 123] {
            #expect(try value("\(number)") == .integer(number))
        }
        #expect(try value("18446744073709551615") == .unsigned(.max))
        #expect(throws: JSONFault.self) { try value("-") }
        #expect(throws: JSONFault.self) { try value("1.") }
        #expect(throws: JSONFault.self) { try value("1e") }
        #expect(throws: JSONFault.self) { try value("01.5") }
        #expect(throws: JSONFault.self) { try value("1e400") }
    }

    @Test func stringsWithAndWithoutEscapes() throws {
        #expect(try value(#""""#) == .string(""))
        #expect(try value(#""plain""#) == .string("plain"))
        #expect(try value(#""größe 🙂""#) == .string("größe 🙂"))
        #expect(try value(#""a\"b\\ü\u00e9""#) == .string("a\"b\\üé"))
        for bytes in [[0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0x5C, 0x6E, 0xC3, 0x22]] as [[UInt8]] {
            #expect(throws: JSONFault.self) {
                try bytes.withUnsafeBytes {
                    var cursor = JSONCursor($0)
                    return try cursor.value()
                }
            }
        }
    }

    @Test(arguments: [2, 16, 17, 18, 60])
    func aKeyThatComesTwiceIsAFault(_ count: Int) {
        for twin in 0..<count - 1 {
            let keys = (0..<count).map { $0 == count - 1 ? "k\(twin)" : "k\($0)" }
            let line = "{" + keys.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
            #expect(throws: EventLineError.self) { try LineFields(line) }
        }
    }

    @Test(arguments: [5, 24, 25, 200])
    func fieldsAreFoundByName(_ count: Int) throws {
        let line = "{\"event\":\"x\"," + (0..<count).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        let fields = try LineFields(line)
        #expect(fields.names.count == count + 1)
        for index in 0..<count { #expect(try fields.integer("k\(index)") == index) }
        #expect(!fields.has("k\(count)"))
    }
}
