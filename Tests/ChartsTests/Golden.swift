// Golden screens: text that a reviewer can read. UPDATE_GOLDEN=1 rewrites them and fails; a missing one fails.
import Foundation
import Testing

/// Compares `text` with Golden/`name`.txt.
func expectGolden(_ text: String, _ name: String, source: SourceLocation = #_sourceLocation) {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
    let file = folder.appendingPathComponent(name + ".txt")
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
        do {
            try Data((text + "\n").utf8).write(to: file)
        } catch {
            Issue.record("\(file.path) can't be written: \(error)", sourceLocation: source)
        }
        Issue.record("\(name) was rewritten; look at it and run again", sourceLocation: source)
        return
    }
    guard let stored = FileManager.default.contents(atPath: file.path) else {
        Issue.record("no golden screen \(name); UPDATE_GOLDEN=1 makes it", sourceLocation: source)
        return
    }
    let wanted = String(decoding: stored, as: UTF8.self)
    #expect(text + "\n" == wanted, "\(name) has changed:\n\(text)", sourceLocation: source)
}
