// Sessions as JSON and as CSV, and how files get to their places.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct SessionExportTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func session(_ events: [RunEvent], _ info: SessionInfo = sampleInfo()) throws -> String {
        let path = folder["\(UUID().uuidString).session"]
        let writer = try SessionWriter.create(path: path, info: info)
        try writer.append(events)
        writer.close()
        return path
    }

    private func object(_ data: Data) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func everyKindOfEventIsJSON() throws {
        let json = try object(SessionJSON.encode(session: session(oneOfEach)))
        let events = try #require(json["events"] as? [[String: Any]])
        #expect(events.count == oneOfEach.count)
        for (place, (event, wanted)) in zip(events, oneOfEach).enumerated() {
            #expect(event["seq"] as? Int == place + 1)
            #expect(event["event"] as? String == EventLine.kind(of: wanted))
        }
        #expect(json["format"] as? String == "workbench session" && json["version"] as? Int == 1)
        #expect(json["created_at"] as? Double == 1_790_000_000.25)
        #expect(json["command"] as? [String] == ["workbench", "train", "digits \"cnn\""])
        #expect((json["preprocessing"] as? [String: Any])?.isEmpty == true)
        #expect(json["summary"] is [String: Any])
    }

    @Test(arguments: [
        "\"\\ / \u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}", "\u{2028}\u{202e}\u{feff}\u{fffd}🎈\u{10ffff}", "</script>]]>",
        "\u{1b}]0;x\u{7}", "{\"a\":", "",
    ])
    func hostileTextsComeBack(_ text: String) throws {
        var info = sampleInfo(name: "n" + text)
        (info.preprocessingJSON, info.datasetJSON, info.host) = ("{\"a\":\"\(text)\"", text, text)
        (info.specYAML, info.command, info.gitCommit) = (text, [text, text], text)
        let json = try object(
            SessionJSON.encode(
                session: session(
                    [
                        sampleStep(1, loss: .nan), sampleStep(2, loss: -.infinity),
                        .warned(.init(step: 2, message: text)), sampleFinish(2),
                    ], info)))
        #expect(json["name"] as? String == "n" + text && json["host"] as? String == text)
        #expect(json["spec_yaml"] as? String == text && json["command"] as? [String] == [text, text])
        // What is no JSON is a text.
        #expect(json["preprocessing"] as? String == info.preprocessingJSON)
        let events = try #require(json["events"] as? [[String: Any]])
        #expect(events[2]["message"] as? String == text)
        #expect(events[0]["train/loss"] as? String == "nan" && events[1]["train/loss"] as? String == "-inf")
        let summary = try #require(json["summary"] as? [String: Any])
        #expect((summary["metrics"] as? [String: Any])?["train/loss"] as? String == "-inf")
    }

    /// What our own reader takes for JSON, others take for JSON too.
    @Test(arguments: [
        "{\"a\":\"\u{1}\"}", "{\"a\":1}x", "[1,]", "{\"a\":01}", "nul", "{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}",
        "1e999",
        "-", "{\"a\":1,\"a\":2}", "[1, {\"b\": [true, null, -0.5e-3, \"\\u00e9\"]}]", " {} ",
        String(repeating: "[", count: 300) + String(repeating: "]", count: 300),
    ])
    func partsThatMayBeJSON(_ text: String) throws {
        var info = sampleInfo()
        (info.preprocessingJSON, info.datasetJSON) = (text, text)
        let json = try object(SessionJSON.encode(session: session([sampleStep(1)], info)))
        #expect(json["preprocessing"] != nil && json["dataset"] != nil)
    }

    @Test func curvesAreATable() throws {
        let text = String(
            decoding: try SessionCSV.encode(
                session: session([
                    sampleStep(1, loss: 0.1), sampleStep(2, loss: .nan),
                    .evaluated(.init(step: 2, epoch: 1, seconds: 2.5, split: .validation, loss: 0.7, accuracy: 0.25)),
                    sampleStep(3, loss: 1e-300),
                    .evaluated(.init(step: 3, epoch: 1, seconds: 3.5, split: .test, loss: 0.5, accuracy: 1)),
                ])), as: UTF8.self)
        #expect(
            text
                == [
                    "step,seconds,learning_rate,test/accuracy,test/loss,train/accuracy,train/loss,validation/accuracy,validation/loss",
                    "1,1.0,0.001,,,0.5,0.1,,", "2,2.5,0.001,,,0.5,nan,0.25,0.7", "3,3.5,0.001,1.0,0.5,0.5,1e-300,,", "",
                ].joined(separator: "\r\n"))
        #expect(String(decoding: try SessionCSV.encode(session: session([])), as: UTF8.self) == "step,seconds\r\n")
    }

    /// A cross-validation has its folds, each with its own curves.
    @Test func foldsAreThere() throws {
        let (spec, yaml) = try SpecFile.parse(
            yaml: ModelFileTests.table, file: "t", overrides: [("training.epochs", "2")])
        let path = folder["folds.session"]
        let validation = try CrossValidation(
            FoldPlan(spec: spec, yaml: yaml, folds: 3, shuffles: true), path: path, workers: 1, programVersion: "0",
            command: [])
        _ = try validation.run(RunObserver(events: { _ in }, complaint: { Issue.record("\($0)") }))
        let json = try object(SessionJSON.encode(session: path))
        let folds = try #require(json["folds"] as? [[String: Any]])
        #expect(folds.count == 3 && folds.map { $0["run"] as? Int } == [2, 3, 4])
        for fold in folds { #expect((fold["events"] as? [Any])?.isEmpty == false) }
        let files = try TensorBoardExport.files(session: path)
        #expect(files.map { $0.name.split(separator: "/").count } == [1, 2, 2, 2])
        #expect(files.dropFirst().map { String($0.name.prefix(6)) } == ["fold1/", "fold2/", "fold3/"])
        #expect(files.allSatisfy { $0.bytes.count > 100 })
        #expect(throws: ModelError.self) { try TrainedModel(session: path) }
    }

    @Test func aFileIsThereWholeOrNotAtAll() throws {
        let (first, second) = (Data("first".utf8), Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0) }))
        let path = folder["a"]
        func read() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
        try FileOutput.write(first, to: path, force: false)
        #expect(throws: ExportError.exists(path: path)) { try FileOutput.write(second, to: path, force: false) }
        #expect(try read() == first)
        try FileOutput.write(second, to: path, force: true)
        #expect(try read() == second)
        // A place that is no file, or is no place.
        for (name, force) in [
            ("", true), ("no/such/a", false), ("a/b", true), (String(repeating: "n", count: 300), false),
        ] {
            let error = #expect(throws: ExportError.self, "\(name)") {
                try FileOutput.write(first, to: folder[name], force: force)
            }
            #expect("\(try #require(error))".hasSuffix("."))
        }
        #expect(symlink(folder["nowhere"], folder["link"]) == 0)
        #expect(throws: ExportError.exists(path: folder["link"])) {
            try FileOutput.write(first, to: folder["link"], force: false)
        }
        // An empty file is a file; nothing else is left.
        try FileOutput.write(Data(), to: folder["empty"], force: false)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["a", "empty", "link"])
    }
}
