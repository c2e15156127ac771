// export and import, by the built program: what is handed on comes back, and what can't be said is said.
import Foundation
import Testing

@Suite(.serialized) struct ExchangeCommandTests {
    @Test func aModelGoesAndComesBack() throws {
        let program = try Program()
        let trained = try program.run(
            "train", "digits-cnn", "--epochs", "2", "--session", "d.session", "--workers", "1")
        #expect(trained.status == 0, "\(trained.error)")
        #expect(try program.run("compare", "d.session", "--variants", "int8,channels50", "--workers", "1").status == 0)
        let accuracy = try program.run("evaluate", "d.session", "--json").last["accuracy"] as? Double
        for (file, variant) in [
            ("m.onnx", nil), ("m.safetensors", nil), ("half.onnx", nil), ("q.onnx", "int8"),
            ("small.safetensors", "channels50"),
        ] as [(String, String?)] {
            let more = (variant.map { ["--variant", $0] } ?? []) + (file.hasPrefix("half") ? ["--half"] : [])
            let outcome = try program.run(["export", "d.session", "--to", file, "--json"] + more)
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(outcome.last["path"] as? String == file && (outcome.last["bytes"] as? Int ?? 0) > 1_000)
            let session = "from-\(file).session"
            let imported = try program.run(
                "import", file, "--dataset", "digits", "--session", session, "--workers", "1", "--json")
            #expect(imported.status == 0, "\(file): \(imported.error)")
            let again = try program.run("evaluate", session, "--json").last["accuracy"] as? Double
            #expect(again != nil && again == imported.last["test_accuracy"] as? Double)
            if variant == nil, !file.hasPrefix("half") { #expect(again == accuracy, "\(file)") }
            // It is there already.
            #expect(try program.run(["export", "d.session", "--to", file] + more).status == 2)
            #expect(try program.run(["export", "d.session", "--to", file, "--force"] + more).status == 0)
        }
        for file in ["d.json", "d.csv", "d.c", "d.tflite"] {
            #expect(try program.run("export", "d.session", "--to", file).status == 0)
        }
        // What was imported is trained on like any other.
        #expect(try program.run("export", "from-m.onnx.session", "--to", "m.yaml").status == 0)
        let on = try program.run(
            "train", "m.yaml", "--from", "from-m.onnx.session", "--epochs", "1", "--session", "on.session")
        #expect(on.status == 0 && on.error.contains("weight arrays start as") && !on.error.contains("start anew"))
        let chart = try program.run("export", "d.session", "--to", "c.svg", "--chart", "confusion")
        #expect(chart.status == 0)
        #expect(try program.run("export", "d.session", "--to", "e.svg", "--chart", "cake").status == 2)
        #expect(try program.run("export", "d.session", "--to", "e.svg").error.contains("roc"))
        let board = try program.run("export", "d.session", "--to", "runs/first", "--json")
        #expect(
            board.status == 0 && (board.last["path"] as? String)?.contains("runs/first/events.out.tfevents") == true)
        for file in ["d.h", "d_main.c"] {
            #expect(FileManager.default.fileExists(atPath: program.folder.appendingPathComponent(file).path))
        }
        #expect(try program.run("export", "d.session", "--to", "d.c").status == 2)
        let json = try Data(contentsOf: program.folder.appendingPathComponent("d.json"))
        let whole = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect((whole["events"] as? [Any])?.count ?? 0 > 10)
        for arguments in [
            ["export", "d.session", "--to", "d.exe"], ["export", "d.session", "--to", "d.csv", "--raw"],
            ["export", "d.session", "--to", "e.json", "--variant", "int8"],
            ["export", "d.session", "--to", "e", "--best"],
            ["import", "m.onnx", "--dataset", "digits", "--session", "w.session", "--mean", "0.1"],
            ["export", "none.session", "--to", "d.onnx"],
            ["import", "m.onnx", "--dataset", "wine", "--session", "w.session"],
            ["import", "d.csv", "--dataset", "digits"],
            ["import", "m.onnx", "--dataset", "digits", "--session", "d.session"],
            ["import", "none.onnx", "--dataset", "digits"],
            ["import", "q.onnx", "--dataset", "digits", "--mean", "x"],
        ] {
            let outcome = try program.run(arguments)
            #expect(outcome.status == 2 && outcome.error.hasPrefix("workbench: "), "\(arguments): \(outcome.error)")
        }
    }
}
