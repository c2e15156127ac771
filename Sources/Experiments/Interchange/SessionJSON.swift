// SessionJSON: a whole session but its weights as one JSON object, for other programs.
import Engine
import Foundation

/// A session as JSON: head, spec, preprocessing, data, checkpoints without their bytes, the newest value of each metric, and every
/// event as its line has it. Keys always come in the same order; NaN and infinities are the strings "nan", "inf", "-inf".
public enum SessionJSON {
    /// The object, followed by a line break.
    /// - Throws: ``SessionError``.
    public static func encode(session path: String) throws -> Data {
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        var json = JSONText()
        json.add("format", "workbench session")
        json.add("version", 1)
        try add(reader, to: &json)
        let others = try reader.runs().dropFirst()
        if !others.isEmpty {
            var folds: [String] = []
            for other in others {
                let fold = try SessionReader(path: path, run: other.run)
                defer { fold.close() }
                var text = JSONText()
                text.add("run", other.run)
                try add(fold, to: &text)
                folds.append(text.closed())
            }
            json.add("folds", raw: "[\(folds.joined(separator: ",\n"))]")
        }
        return Data((json.closed() + "\n").utf8)
    }

    private static func add(_ reader: SessionReader, to json: inout JSONText) throws {
        let info = reader.info
        json.add("run_id", info.runID)
        json.add("name", info.name)
        json.add("created_at", info.createdAt.timeIntervalSince1970)
        json.add("host", info.host)
        json.add("processor", info.processor)
        json.add("kernels", info.kernels)
        json.add("program_version", info.programVersion)
        json.add("command", info.command)
        if let commit = info.gitCommit { json.add("git_commit", commit) }
        json.add("spec_yaml", info.specYAML)
        add("preprocessing", info.preprocessingJSON, to: &json)
        if let dataset = info.datasetJSON { add("dataset", dataset, to: &json) }
        let checkpoints = try reader.checkpoints().map { row in
            var text = JSONText()
            text.add("step", row.step)
            text.add("best", row.best)
            text.add("bytes", row.byteCount)
            return text.closed()
        }
        json.add("checkpoints", raw: "[\(checkpoints.joined(separator: ","))]")
        let events = try reader.events()
        var metrics = JSONText()
        let run = RunState(events.lazy.map(\.event))
        for (name, curve) in run.curves.sorted(by: { $0.key < $1.key }) {
            if let last = curve.last { metrics.add(name, last) }
        }
        var summary = JSONText()
        summary.add("step", run.step)
        summary.add("epoch", run.epoch)
        summary.add("seconds", run.seconds)
        if let finished = run.finished {
            summary.add("reason", finished.reason.rawValue)
            summary.add("weights_sha256", finished.weightsSHA256)
        }
        summary.add("metrics", raw: metrics.closed())
        json.add("summary", raw: summary.closed())
        json.add("events", raw: "[\n\(events.map(EventLine.encode).joined(separator: ",\n"))\n]")
    }

    /// JSON from the file stays JSON; what turns out to be none is kept as text.
    private static func add(_ key: String, _ text: String, to json: inout JSONText) {
        var text = text
        let isJSON = text.withUTF8 { bytes in
            var cursor = JSONCursor(UnsafeRawBufferPointer(bytes))
            do throws(JSONFault) {
                try cursor.skip()
                return cursor.peek() == nil
            } catch {
                return false
            }
        }
        if isJSON { json.add(key, raw: text) } else { json.add(key, text) }
    }
}
