// Golden files: a text that is compared with the one kept beside the tests.
// UPDATE_GOLDEN=1 rewrites the file and fails, so that a run that records is never taken for one that passes.

import Foundation
import Testing

private let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

func golden(_ name: String) -> URL { here.appendingPathComponent("Golden/\(name).txt") }

/// The project's file docs/keys.md.
let keysDocument = here.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("docs/keys.md")

func expectGolden(_ text: String, _ file: URL, sourceLocation: SourceLocation = #_sourceLocation) throws {
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        Issue.record("\(file.lastPathComponent) was rewritten", sourceLocation: sourceLocation)
        return
    }
    guard let data = FileManager.default.contents(atPath: file.path) else {
        Issue.record("\(file.lastPathComponent) is missing: UPDATE_GOLDEN=1 makes it", sourceLocation: sourceLocation)
        return
    }
    let kept = String(decoding: data, as: UTF8.self)
    guard kept != text else { return }
    let pairs = zip(
        kept.split(separator: "\n", omittingEmptySubsequences: false),
        text.split(separator: "\n", omittingEmptySubsequences: false))
    let first = pairs.enumerated().first { $0.element.0 != $0.element.1 }
    let place =
        first.map { "line \($0.offset + 1)\nkept: \($0.element.0)\nnow:  \($0.element.1)" } ?? "another number of lines"
    Issue.record("\(file.lastPathComponent) differs in \(place)", sourceLocation: sourceLocation)
}
