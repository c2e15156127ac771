// A journey through the screen Compare of the built program: a whole comparison by the keyboard alone.
import Foundation
import Testing

@Suite(.serialized) struct CompareJourneyTests {
    /// Variants are made, looked at from all sides, trained on, held against each other, searched and chosen; a later look finds all
    /// of it.
    @Test func comparesByKeyboardAlone() throws {
        let program = try Program()
        let trained = try program.run("train", "digits-cnn", "--epochs", "3", "--session", "sessions/d.session")
        #expect(trained.status == 0, "\(trained.error)")
        let screen = try TerminalScreen(program, columns: 160, rows: 50)
        try screen.wait(for: "✓ finished")
        try screen.press("Enter")
        try screen.wait(for: "finished in")
        try screen.press("5")
        try screen.wait(for: "a adds a variant")
        try screen.press("a")
        try screen.type("int8, prune80, channels50")
        try screen.press("Enter")
        try screen.wait(for: "Making")
        try screen.wait(gone: "Esc stops", within: 60)
        var text = try screen.text
        for word in ["baseline", "int8", "prune80", "channels50", "not fine-tuned", "Accuracy over size"] {
            #expect(text.contains(word), "\(word): \(text)")
        }
        // Each layer by itself; then one that stays in float32.
        try screen.press("s")
        try screen.wait(for: "points lost", within: 60)
        try screen.wait(gone: "Esc stops", within: 60)
        try screen.press("f")
        try screen.wait(for: "next+keep1")
        try screen.press("a")
        try screen.type("int8")
        try screen.press("Enter")
        try screen.wait(for: "int8+keep1")
        try screen.wait(gone: "Esc stops", within: 60)
        text = try screen.text
        #expect(text.contains("computed in float32"))
        try screen.press("f")
        try screen.wait(gone: "next+keep1")
        // The pruned one is trained on.
        try screen.press("k", "k", "k", "k", "k", "j", "j", "t")
        try screen.type("1")
        try screen.press("Enter")
        try screen.wait(for: "longer than the baseline", within: 60)
        try screen.wait(gone: "Esc stops", within: 60)
        // Two against each other, in another order, over latency.
        try screen.press("o", "m", "m", "d")
        try screen.wait(for: "agrees with the model")
        try screen.press("d", "y")
        try screen.wait(for: "quicker and better")
        // The smallest that keeps the accuracy; what is not wanted goes and comes back.
        try screen.press("b")
        try screen.type("2")
        try screen.press("Enter")
        try screen.wait(for: "★", within: 120)
        try screen.wait(gone: "Esc stops", within: 120)
        try screen.press("k", "k", "k", "k", "k", "k", "k", "k", "k", "k", "k", "k", "k", "k", "k", "j", "Enter")
        try screen.wait(for: "is the one to take")
        try screen.press("D")
        try screen.wait(for: "dropped; u brings it back")
        try screen.press("u", "q", "q")
        #expect(try screen.exitStatus() == 0)
        #expect(try screen.isRestored)

        let lines = try program.run("attach", "d.session", "--json").objects
        func events(_ name: String) -> [[String: Any]] { lines.filter { $0["event"] as? String == name } }
        let names = Set(events("compared").compactMap { $0["variant"] as? String })
        #expect(names.isSuperset(of: ["baseline", "int8", "prune80", "channels50", "int8+keep1"]))
        #expect(events("sensed").count == 1 && events("decided").count >= 4)
        // What was made runs.
        let int8 = try program.run("evaluate", "d.session", "--variant", "int8+keep1", "--json")
        let said = events("compared").last { $0["variant"] as? String == "int8+keep1" }
        let (kept, made) = (int8.last["accuracy"] as? Double, said?["accuracy"] as? Double)
        #expect(kept != nil && kept == made)
        let again = try TerminalScreen(program, columns: 80, rows: 24, environment: ["LC_ALL": "C"])
        try again.wait(for: "+ finished")
        try again.press("Enter")
        try again.wait(for: "finished in")
        try again.press("5")
        try again.wait(for: "channels50")
        text = try again.text
        let isPlain = text.unicodeScalars.allSatisfy(\.isASCII)
        #expect(isPlain)
        try again.press("q", "q")
        #expect(try again.exitStatus() == 0)
    }
}
