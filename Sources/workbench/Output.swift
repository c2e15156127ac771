// What goes to stdout and stderr: data and messages, with nothing in them that could steer a terminal.
import Charts
import Foundation

/// Writing to the standard streams. A stream that can't be written to any more is left alone.
enum Output {
    /// A line of data on stdout, at once.
    static func line(_ text: String) { write(text + "\n", to: 1) }

    /// A message on stderr, behind the program's name.
    static func error(_ text: String) { write("workbench: \(safe(text))\n", to: 2) }

    /// A remark on stderr.
    static func note(_ text: String) { write(safe(text) + "\n", to: 2) }

    /// Text on stderr as it is: for what this program itself has put together.
    static func raw(_ text: String) { write(text, to: 2) }

    static var errorIsTerminal: Bool { isatty(2) == 1 }

    /// Lines stay lines; what else could steer a terminal is replaced.
    private static func safe(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { sanitised(String($0)) }
            .joined(separator: "\n")
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = Foundation.write(
                    descriptor, UnsafeBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written <= 0 { return }
                rest = rest.dropFirst(written)
            }
        }
    }

    /// Names and values of a JSON object within another one.
    struct Fields {
        var fields: [(String, Any?)]
        init(_ fields: [(String, Any?)]) { self.fields = fields }
    }

    /// One JSON object of `fields`, in their order. Numbers that are not finite become null.
    static func json(_ fields: [(String, Any?)]) -> String {
        "{" + fields.map { "\(quoted($0.0)):\($0.1.map(value) ?? "null")" }.joined(separator: ",") + "}"
    }

    private static func value(_ any: Any) -> String {
        switch any {
        case let text as String: quoted(text)
        case let flag as Bool: flag ? "true" : "false"
        case let number as Int: "\(number)"
        case let number as Double: number.isFinite ? "\(number)" : "null"
        case let number as Float: number.isFinite ? "\(number)" : "null"
        case let object as Fields: json(object.fields)
        case let list as [Any]: "[" + list.map(value).joined(separator: ",") + "]"
        default: preconditionFailure("\(type(of: any)) has no JSON here")
        }
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value):
                out += "\\u" + String(format: "%04x", scalar.value)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
