// EngineLog: what an engine that a screen started says before it can be heard otherwise, and when it dies.

import Foundation

enum EngineLog {
    /// A new empty file.
    static func make() throws -> String {
        let folder = FileManager.default.temporaryDirectory
        var name = Array(folder.appendingPathComponent("workbench-engine-XXXXXX").path.utf8CString)
        let file = mkstemp(&name)
        guard file >= 0 else { throw ScreenError.noLog(folder: folder.path, reason: String(cString: strerror(errno))) }
        Glibc.close(file)
        return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The log's last lines.
    static func reason(_ path: String) -> String? {
        guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
        let lines = String(decoding: bytes.suffix(4096), as: UTF8.self).split(separator: "\n")
        guard !lines.isEmpty else { return nil }
        // Who said it is known here.
        let text = lines.suffix(6).joined(separator: " ")
        return text.hasPrefix("workbench: ") ? String(text.dropFirst("workbench: ".count)) : text
    }
}
