// SessionCSV: all curves of a run as one table.
import Engine
import Foundation

/// The curves of a session as comma-separated values (RFC 4180): a row a step at which something was measured, with the seconds of
/// running, and a column a metric, in alphabetical order; empty where nothing was measured.
public enum SessionCSV {
    /// - Throws: ``SessionError``.
    public static func encode(session path: String) throws -> Data {
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        let curves = RunState(try reader.runEvents()).curves.sorted { $0.key < $1.key }
        var seconds: [Int: Double] = [:]
        var values: [[Int: Double]] = []
        for (_, curve) in curves {
            var column: [Int: Double] = [:]
            for place in curve.steps.indices {
                column[curve.steps[place]] = curve.values[place]
                seconds[curve.steps[place]] = max(seconds[curve.steps[place]] ?? 0, curve.seconds[place])
            }
            values.append(column)
        }
        var text = (["step", "seconds"] + curves.map(\.key)).joined(separator: ",") + "\r\n"
        for (step, time) in seconds.sorted(by: { $0.key < $1.key }) {
            let row = values.map { $0[step].map { "\($0)" } ?? "" }
            text += (["\(step)", "\(time)"] + row).joined(separator: ",") + "\r\n"
        }
        return Data(text.utf8)
    }
}
