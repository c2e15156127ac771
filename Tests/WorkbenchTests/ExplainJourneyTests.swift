// Journeys through the screen Explain of the built program, as a person makes them.
import Foundation
import Testing

@Suite(.serialized) struct ExplainJourneyTests {
    /// Explain a row, change a value, take it back, look for what matters, and find all of it again later.
    @Test func explainsAsksWhatIfAndKeepsIt() throws {
        let program = try Program()
        #expect(try program.run("train", "breast-cancer-mlp", "--epochs", "5").status == 0)
        let screen = try TerminalScreen(program)
        try screen.wait(for: "✓ finished")
        try screen.press("Enter")
        try screen.wait(for: "finished in")
        try screen.press("4")
        try screen.wait(for: "Enter explains the selected row")
        try screen.press("Enter")
        try screen.wait(for: "fit ")
        let first = try screen.text
        #expect(first.contains("R2 ") && first.contains("of 5 seeds") && first.contains("•#"))
        // What if the first value were another one?
        try screen.press("Tab", "Enter")
        try screen.wait(for: "mean radius, now")
        try screen.type("x")
        try screen.press("Enter")
        try screen.wait(for: "mean radius")
        try screen.wait(for: "number")
        try screen.press("Enter")
        try screen.wait(for: "mean radius, now")
        try screen.type("28")
        try screen.press("Enter")
        try screen.wait(for: "before the change")
        try screen.press("u")
        try screen.wait(gone: "before the change")
        // Two questions: one dropped, one answered.
        try screen.press("i", "Escape")
        try screen.wait(for: "What matters")
        try screen.wait(gone: "Looking over")
        try screen.press("i")
        try screen.wait(for: "most tell", within: 60)
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
        #expect(try screen.isRestored)

        // Nobody has to compute it again: the session has it, and replays it.
        let lines = try program.run("attach", sessionName(program), "--json").objects
        #expect(lines.filter { $0["event"] as? String == "explained" }.count == 2)
        #expect(lines.filter { $0["event"] as? String == "surveyed" }.count == 1)
        let again = try TerminalScreen(program)
        try again.wait(for: "✓ finished")
        try again.press("Enter")
        try again.wait(for: "finished in")
        try again.press("4")
        try again.wait(for: "fit ")
        try again.press("q", "q")
        #expect(try again.exitStatus() == 0)
    }

    private func sessionName(_ program: Program) throws -> String {
        try #require(
            try FileManager.default.contentsOfDirectory(atPath: program.sessions.path).first {
                $0.hasSuffix(".session")
            })
    }

    /// Images are explained by their parts; a terminal without more than ASCII shows signs.
    @Test func explainsAnImageInASCII() throws {
        let program = try Program()
        #expect(try program.run("train", "digits-cnn", "--epochs", "3").status == 0)
        let screen = try TerminalScreen(program, columns: 80, rows: 24, environment: ["LC_ALL": "C"])
        try screen.wait(for: "+ finished")
        try screen.press("Enter")
        try screen.wait(for: "finished in")
        try screen.press("4", "f", "j", "Enter")
        try screen.wait(for: "speaks for it")
        let text = try screen.text
        #expect(text.contains("superpixel") && text.contains("fit ") && text.unicodeScalars.allSatisfy(\.isASCII))
        try screen.press("o")
        try screen.wait(for: "against it")
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
    }

    /// A run that goes on is not explained, and a session whose data have gone says so.
    @Test func saysWhyNot() throws {
        let program = try Program()
        let data = program.sessions.appendingPathComponent("flowers.csv")
        var rows = "a,b,kind\n"
        for index in 0..<60 { rows += "\(index % 7),\(index % 5),\(index % 2 == 0 ? "x" : "y")\n" }
        try rows.write(to: data, atomically: true, encoding: .utf8)
        #expect(try program.run("train", data.path, "--target", "kind").status == 0)
        try FileManager.default.removeItem(at: data)
        let screen = try TerminalScreen(program)
        try screen.wait(for: "✓ finished")
        try screen.press("Enter")
        try screen.wait(for: "finished in")
        try screen.press("4", "Enter")
        try screen.wait(for: "flowers.csv")
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
    }
}
