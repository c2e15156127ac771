// The sessions that come with the project: they open, replay and evaluate without any data beside them.
import Foundation
import Testing

@Suite struct RecordedSessionTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("sessions")

    @Test(arguments: [
        (file: "recorded-digits-cnn", name: "digits-cnn", last: "step 820/820"),
        (file: "recorded-breast-cancer", name: "breast-cancer-mlp", last: "step 390/390"),
    ])
    func replays(_ recorded: (file: String, name: String, last: String)) throws {
        let path = Self.folder.appendingPathComponent(recorded.file + ".session").path
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? .max
        #expect(size < 2_000_000)
        let program = try Program()
        let end = try program.run("replay", path, "--once")
        #expect(end.status == 0 && end.output.contains(recorded.name) && end.output.contains(recorded.last))
        #expect(end.output.contains("✓ finished"))
        let middle = try program.run("replay", path, "--once", "--at", "100")
        #expect(middle.status == 0 && middle.output.contains("step 100/"))
        let evaluated = try program.run("evaluate", path, "--json")
        let events = try program.run("attach", path, "--json")
        let finished = try #require(events.objects.last { $0["event"] as? String == "finished" })
        // The model in the file still gives what the run measured with it.
        #expect(evaluated.last["accuracy"] as? Double == finished["test/accuracy"] as? Double)
        let details = events.objects.filter { $0["confusion"] != nil }
        #expect(details.count > 10, "each epoch's evaluation has its confusion matrix")
        #expect(events.objects.filter { $0["event"] as? String == "explained" }.count >= 3)
    }

    /// A cross-validation of five folds, and one of them by itself.
    @Test func replaysFolds() throws {
        let path = Self.folder.appendingPathComponent("recorded-wine-folds.session").path
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? .max
        #expect(size < 2_000_000)
        let program = try Program()
        let whole = try program.run("replay", path, "--once")
        #expect(whole.status == 0 && whole.output.contains("wine-mlp") && whole.output.contains("fold"))
        let third = try program.run("replay", path, "--fold", "3", "--once")
        #expect(third.status == 0 && third.output.contains("step 180/180"))
        let events = try program.run("attach", path, "--json").objects
        #expect(events.filter { $0["event"] as? String == "folded" && $0["last"] as? Bool == true }.count == 5)
    }

    /// A study of smaller variants: they are listed, what was chosen is known, and each of them still says what was measured.
    @Test func replaysVariants() throws {
        let path = Self.folder.appendingPathComponent("recorded-digits-variants.session").path
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? .max
        #expect(size < 2_000_000)
        let program = try Program()
        let events = try program.run("attach", path, "--json").objects
        let compared = events.filter { $0["event"] as? String == "compared" }
        #expect(compared.count > 12 && compared.contains { $0["variant"] as? String == "int8" })
        #expect(events.contains { $0["event"] as? String == "sensed" })
        #expect(events.last { $0["event"] as? String == "decided" }?["act"] as? String == "chosen")
        for name in ["int8", "prune80+cluster16", "int4+qat", "channels50+int8"] {
            let measured = try #require(compared.last { $0["variant"] as? String == name })
            let evaluated = try program.run("evaluate", path, "--variant", name, "--json")
            let (kept, said) = (evaluated.last["accuracy"] as? Double, measured["accuracy"] as? Double)
            #expect(kept != nil && kept == said, "\(name)")
        }
    }

    /// They are what a first start in the project's folder shows.
    @Test func areListedAtTheFirstStart() throws {
        let program = try Program()
        let list = try program.run("sessions", "--sessions", Self.folder.path, "--json")
        let names = list.objects.compactMap { $0["name"] as? String }
        #expect(names.contains("digits-cnn") && names.contains("breast-cancer-mlp"))
    }
}
