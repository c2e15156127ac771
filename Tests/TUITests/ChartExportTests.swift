// Charts of sessions as pictures: every one that there is is well-formed XML, whatever the names in it.

import Engine
import Experiments
import Foundation
import Testing

@testable import TUI

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The elements and texts of a document.
private final class Document: NSObject, XMLParserDelegate {
    var counts: [String: Int] = [:]
    var texts: [String] = []
    private var text = ""

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        counts[name, default: 0] += 1
        text = ""
    }
    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        if name == "text" || name == "title" { texts.append(text) }
        text = ""
    }

    init(_ svg: Data) {
        super.init()
        let parser = XMLParser(data: svg)
        parser.delegate = self
        let isWellFormed = parser.parse()
        #expect(isWellFormed, "\(String(describing: parser.parserError)) at line \(parser.lineNumber)")
    }
}

@Suite struct ChartExportTests {
    private let folder: Folder
    init() throws { folder = try Folder() }

    /// A folder that goes when the test ends.
    private final class Folder {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("charts-\(UUID().uuidString)")
        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
        deinit { _ = try? FileManager.default.removeItem(at: url) }  // Left over at worst.
    }

    private func session(_ events: [RunEvent], name: String = "digits-cnn") throws -> String {
        let path = folder.url.appendingPathComponent("\(UUID().uuidString).session").path
        let writer = try SessionWriter.create(
            path: path,
            info: SessionInfo(
                name: name, specYAML: "", preprocessingJSON: "{}", host: "h", processor: "p", kernels: "k",
                programVersion: "0", command: []))
        defer { writer.close() }
        try writer.append(events)
        return path
    }

    /// All charts of a session, parsed.
    private func documents(_ path: String) throws -> [String: Document] {
        var documents: [String: Document] = [:]
        for name in try ChartExport.names(session: path) {
            let svg = try ChartExport.svg(session: path, chart: name)
            #expect(try svg == ChartExport.svg(session: path, chart: name))
            let text = String(decoding: svg, as: UTF8.self)
            #expect(
                text.unicodeScalars.allSatisfy {
                    $0 == "\n"
                        || $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)
                            && !(0x202A...0x202E).contains($0.value)
                }, "\(name)")
            #expect(!text.contains("nan") && !text.contains("inf\""), "\(name)")
            documents[name] = Document(svg)
        }
        return documents
    }

    private static let classes = ["loss", "accuracy", "rate", "roc", "pr", "calibration", "confusion", "weights"]

    @Test func chartsOfClasses() throws {
        var events = Sample.events()
        events += Sample.variants(arrays: ["1.weight"]).map { .compared($0) }
        let documents = try documents(session(events))
        #expect(
            Set(documents.keys).subtracting(["weights"]) == Set(Self.classes + ["variants"]).subtracting(["weights"]))
        #expect(documents["loss"]?.texts.first == "digits-cnn: loss")
        let confusion = try #require(documents["confusion"])
        // The paper, and a cell for each pair.
        #expect(confusion.counts["rect"] == 101)
        let roc = try #require(documents["roc"])
        #expect(
            roc.counts["polyline"] == 10
                && (0..<10).allSatisfy { digit in roc.texts.contains { $0.hasPrefix("\(digit) ") } })
        let variants = try #require(documents["variants"])
        #expect(
            variants.texts.contains { $0.contains("prune80+cluster16") }
                && variants.texts.contains { $0.contains("KiB") })
    }

    @Test func chartsOfNumbers() throws {
        var head = Sample.head()
        (head.classes, head.target) = (["price"], "price")
        let documents = try documents(session(Sample.numbers(head)))
        #expect(Set(documents.keys).isSuperset(of: ["loss", "rmse", "mae", "r2", "rate", "scatter", "residuals"]))
        #expect(documents["accuracy"] == nil && documents["roc"] == nil)
        #expect(documents["scatter"]?.texts.contains { $0.contains("true price") } == true)
    }

    @Test func chartsOfFolds() throws {
        let documents = try documents(session(Sample.folds()))
        let folds = try #require(documents["folds"])
        #expect(folds.counts["polyline"] == 5 && folds.texts.contains { $0.contains("fold 5") })
    }

    /// Names as no one should choose them.
    @Test(arguments: [
        "<script>alert('x')</script>", "a & b \"c\" ]]> <!-- --", "\u{1b}[31mred\u{7}\u{9b}", "\u{202e}back",
        "\u{fffe}\u{ffff}\r\n\t",
        "", String(repeating: "long ", count: 200), "&#0; &amp; %s \\n",
    ])
    func hostileNames(_ name: String) throws {
        var head = Sample.head(name: name)
        head.classes = (0..<10).map { "\(name)\($0)" }
        var events = Sample.events(head)
        events += Sample.variants(arrays: [name]).map { line in
            var line = line
            line.note = name
            return .compared(line)
        }
        let documents = try documents(session(events, name: name.isEmpty ? "x" : name))
        #expect(documents.count >= 7)
        for document in documents.values { #expect(document.counts["script"] == nil && document.counts["svg"] == 1) }
    }

    @Test func unknownChartsAreRefusedWithThoseThatThereAre() throws {
        let path = try session(Sample.events(steps: 3))
        let error = #expect(throws: ChartExportError.self) { try ChartExport.svg(session: path, chart: "ro\u{1b}c") }
        let text = "\(try #require(error))"
        #expect(text.hasSuffix("it has loss, accuracy, rate.") && !text.contains("\u{1b}"), "\(text)")
        #expect(throws: ChartExportError.self) { try ChartExport.svg(session: path, chart: "confusion") }
        let empty = try session([])
        #expect(try ChartExport.names(session: empty).isEmpty)
        let nothing = #expect(throws: ChartExportError.self) { try ChartExport.svg(session: empty, chart: "loss") }
        #expect("\(try #require(nothing))".hasSuffix("nothing to draw yet."))
        #expect(throws: SessionError.self) { try ChartExport.svg(session: "/no/such", chart: "loss") }
    }

    /// Values that no curve should have.
    @Test func oddValues() throws {
        var events: [RunEvent] = [.started(Sample.head())]
        for (step, loss) in [Double.nan, .infinity, -.infinity, 1e308, 0].enumerated() {
            events.append(
                .stepped(
                    .init(
                        step: step + 1, epoch: 1, seconds: 1, count: 1, loss: loss, accuracy: 0.5, learningRate: 1e-300)
                ))
        }
        #expect(try documents(session(events)).count == 3)
    }
}
