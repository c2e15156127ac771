// Journeys through the built program in a real terminal, as a person makes them.
import Foundation
import Testing

@Suite(.serialized) struct ScreenJourneyTests {
    /// From the first start to a trained network and back to the shell.
    @Test func trainsTheFirstPreset() throws {
        let program = try Program()
        let screen = try TerminalScreen(program)
        try screen.wait(for: "No session yet")
        try screen.wait(for: "digits-cnn")
        try screen.press("Enter")
        try screen.wait(for: "conv 16 3x3 same relu")
        try screen.wait(for: "✓ finished")
        let end = try screen.text
        #expect(end.contains("test accuracy") && end.contains("100 %") && end.contains("images/s"))
        #expect(end.contains("Loss") && end.contains("Accuracy") && end.contains("GFLOP/s"))
        try screen.press("?")
        try screen.wait(for: "Everywhere")
        try screen.press("Escape", "q")
        try screen.wait(for: "1 session ")
        try screen.press("q")
        #expect(try screen.exitStatus() == 0)
        #expect(try screen.isRestored)
    }

    /// A closed window costs the run nothing; another one attaches, pauses, changes the rate, stops, resumes.
    @Test func aClosedWindowLeavesTheRunGoing() throws {
        let program = try Program()
        let first = try TerminalScreen(program)
        try first.wait(for: "shapes-cnn")
        try first.press("j", "Enter")
        try first.wait(for: "● running")
        let client = try first.programPID
        try first.close()
        eventually("the screen's end", within: 5) { kill(client, 0) != 0 }

        let second = try TerminalScreen(program)
        try second.wait(for: "● live")
        try second.press("Enter")
        try second.wait(for: "● running")
        try second.press("p")
        try second.wait(for: "‖ paused")
        try second.press("L")
        try second.type("0.0005")
        try second.press("Enter")
        try second.press("p")
        try second.wait(for: "● running")
        try second.wait(for: "rate 0.0005")
        try second.press("S")
        try second.wait(for: "Stop the run and keep")
        try second.press("y")
        try second.wait(for: "■ stopped")
        let text = try second.text
        let steps = text.firstMatch(of: /step ([0-9,]+)\/1,350/).map { Int($0.1.replacing(",", with: "")) ?? 0 } ?? 0
        #expect(steps > 0 && steps < 1350, "\(text)")
        try second.press("r")
        try second.wait(for: "● running")
        try second.press("q")
        try second.wait(for: "● live")
        try second.press("q")
        #expect(try second.exitStatus() == 0)
        try second.wait(for: "goes on; see it again")
        #expect(try second.text.replacing("\n", with: "").contains("goes on; see it again with: workbench attach"))
        #expect(try second.isRestored)

        let session = try #require(
            try FileManager.default.contentsOfDirectory(atPath: program.sessions.path).first {
                $0.hasSuffix(".session")
            })
        try eventually("the run's end", within: 120) {
            try program.run("sessions", "--json").last["status"] as? String == "finished"
        }
        let replayed = try program.run("replay", session, "--once", "--columns", "200", "--rows", "50")
        #expect(replayed.status == 0 && replayed.output.contains("✓ finished"))
        #expect(replayed.output.contains("resumed"), "the mark of the resumption is on the curve")
    }

    @Test func replaysASession() throws {
        let program = try Program()
        #expect(try program.run("train", "iris-mlp").status == 0)
        let screen = try TerminalScreen(program)
        try screen.wait(for: "✓ finished")
        try screen.press("Enter")
        try screen.wait(for: "finished in")
        try screen.press("g")
        try screen.wait(for: "▶ replay")
        try screen.wait(for: "0 %")
        try screen.press("NPage")
        try screen.wait(for: "epoch 1/60")
        try screen.press("Right")
        try screen.wait(for: "epoch 2/60  step 8/420")
        try screen.press("Space")
        try screen.wait(for: "step 420/420")
        try screen.press("G")
        try screen.wait(for: "✓ finished")
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
    }

    /// Train, watch, evaluate, scrub back, return: every screen follows the moment, and the run goes on meanwhile.
    @Test func evaluatesAndScrubsALiveRun() throws {
        let program = try Program()
        #expect(try program.run("train", "shapes-cnn", "--epochs", "400", "--detach").status == 0)
        let screen = try TerminalScreen(program)
        try screen.wait(for: "● live")
        try screen.press("Enter")
        try screen.wait(for: "● running")
        try screen.wait(for: "epoch 3/400", within: 60)
        try screen.press("3")
        try screen.wait(for: "Confusion, examples")
        try screen.wait(for: "ROC, validation split")
        try screen.press("g", "NPage")
        try screen.wait(for: "epoch 1/400")
        try screen.wait(for: "validation split, epoch 1")
        #expect(try screen.text.contains("live goes on"))
        try screen.press("6")
        try screen.wait(for: "Weights of 0.conv.weight")
        try screen.wait(for: "epoch 1 ·")
        try screen.press("7")
        try screen.wait(for: "Classes and splits")
        try screen.press("2", "G")
        try screen.wait(for: "● running")
        try screen.press("S")
        try screen.press("y")
        try screen.wait(for: "■ stopped")
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
        #expect(try screen.isRestored)
    }

    /// A cursor on the thresholds: it moves, jumps to the best ones, takes costs, follows the time, is written to files.
    @Test func movesAThreshold() throws {
        let program = try Program()
        #expect(try program.run("train", "breast-cancer-mlp").status == 0)
        let screen = try TerminalScreen(program, columns: 80, rows: 24)
        try screen.wait(for: "✓ finished")
        try screen.press("Enter")
        try screen.wait(for: "finished in")
        try screen.press("3")
        try screen.wait(for: "ROC, test split, epoch 30")
        try screen.press("c")
        try screen.wait(for: "≥ 0.5: malignant")
        try screen.wait(for: "Threshold, malignant")
        try screen.press("Right")
        try eventually("another threshold") { !(try screen.text.contains("≥ 0.5: malignant")) }
        try screen.press("b")
        try screen.wait(for: "Best by F1")
        try screen.press("C")
        try screen.type("one")
        try screen.press("Enter")
        try screen.wait(for: "such as 1 5")
        try screen.press("BSpace", "BSpace", "BSpace")
        try screen.type("1 50")
        try screen.press("Enter", "b", "b")
        try screen.wait(for: "Best by cost")
        for title in ["Precision-recall, test", "Calibration, test", "By threshold, test", "ROC, test"] {
            try screen.press("v")
            try screen.wait(for: title)
        }
        // Another moment, the same cursor; then time has the arrows back.
        try screen.press("t")
        try screen.wait(for: "ROC, validation split")
        try screen.press("w")
        try screen.wait(for: "Written: breast-cancer-mlp-validation-roc-class-1.csv")
        let csv = try String(
            contentsOf: program.folder.appendingPathComponent("breast-cancer-mlp-validation-roc-class-1.csv"),
            encoding: .utf8)
        #expect(csv.hasPrefix("threshold,true positives"))
        try screen.press("Escape", "PPage")
        try screen.wait(for: "▶ replay")
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
    }

    /// From a cell of the matrix to its examples and back.
    @Test(arguments: [(columns: 120, rows: 40, ascii: false), (columns: 80, rows: 24, ascii: true)])
    func looksAtACell(size: (columns: Int, rows: Int, ascii: Bool)) throws {
        let program = try Program()
        #expect(try program.run("train", "digits-cnn", "--epochs", "2").status == 0)
        let screen = try TerminalScreen(
            program, columns: size.columns, rows: size.rows, environment: size.ascii ? ["LC_ALL": "C"] : [:])
        try screen.wait(for: "finished")
        try screen.press("Enter")
        try screen.wait(for: "finished in")
        try screen.press("3")
        try screen.wait(for: "ROC, test split")
        // As many panes lie before the first chart as have room.
        try screen.press("BTab")
        if size.rows == 40 { try screen.press("BTab") }
        try screen.wait(for: "taken for")
        try screen.press("Enter")
        try screen.wait(for: "test split at the end of the run")
        try screen.wait(for: "most confident")
        try screen.press("l", "h", "Escape")
        try screen.wait(for: "Confusion, examples")
        for _ in 0..<10 { try screen.press("Up", "Left") }
        try screen.wait(for: "0, right")
        try screen.press("Enter")
        try screen.wait(for: "least sure")
        if size.ascii { #expect(try screen.text.unicodeScalars.allSatisfy(\.isASCII)) }
        try screen.press("q")
        try screen.wait(for: "Confusion, examples")
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
    }

    /// Open a recorded session, play at four times the speed, step, cursor, zoom, save: with colours, in ASCII on a small
    /// window, and without colour.
    @Test(arguments: [
        (columns: 120, rows: 40, environment: [String: String]()),
        (columns: 80, rows: 24, environment: ["LC_ALL": "C"]),
        (columns: 120, rows: 40, environment: ["NO_COLOR": "1"]),
    ])
    func playsARecordedSession(size: (columns: Int, rows: Int, environment: [String: String])) throws {
        let program = try Program()
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("sessions/recorded-digits-cnn.session")
        try FileManager.default.copyItem(
            at: source, to: program.sessions.appendingPathComponent("recorded-digits-cnn.session"))
        let screen = try TerminalScreen(
            program, columns: size.columns, rows: size.rows, environment: size.environment)
        try screen.wait(for: "finished")
        try screen.press("Enter")
        try screen.wait(for: "finished in")
        try screen.press(":")
        try screen.type("speed 4")
        try screen.press("Enter", "Space")
        try screen.wait(for: "4x")
        try screen.press("Space")
        try screen.wait(for: "held")
        try screen.press(":")
        try screen.type("ep")
        try screen.press("Tab")
        try screen.type("2")
        try screen.press("Enter")
        try screen.wait(for: "epoch 2/")
        try screen.press("Right")
        try screen.wait(for: "epoch 3/")
        try screen.press("c", "Left")
        try screen.wait(for: "move")
        try screen.press("(", "z")
        try screen.wait(for: "2x zoom")
        try screen.press("w")
        try screen.wait(for: "Written: digits-cnn-loss.csv")
        let csv = try String(contentsOf: program.folder.appendingPathComponent("digits-cnn-loss.csv"), encoding: .utf8)
        #expect(csv.hasPrefix("epoch,train") && csv.split(whereSeparator: \.isNewline).count > 50)
        let svg = try String(contentsOf: program.folder.appendingPathComponent("digits-cnn-loss.svg"), encoding: .utf8)
        #expect(svg.contains("<polyline"))
        try screen.press("0", "z", "3", "j", "m", "t", "6", "j", "7", "Tab", "z")
        try screen.wait(for: "Examples")
        if size.environment["LC_ALL"] == "C" { #expect(try screen.text.unicodeScalars.allSatisfy(\.isASCII)) }
        if size.environment["NO_COLOR"] != nil {
            #expect(!(try screen.styled.contains(/\u{1B}\[[0-9;]*[34]8;5/)))
        }
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
        #expect(try screen.isRestored)
    }

    /// Ways out by signal: the terminal is as it was.
    @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
    func everyWayOutRestoresTheTerminal(signal number: Int32) throws {
        let program = try Program()
        let screen = try TerminalScreen(program)
        try screen.wait(for: "No session yet")
        #expect(try screen.isAlternate)
        kill(try screen.programPID, number)
        let status = try screen.exitStatus()
        #expect(status == 0 || status == 128 + number)
        #expect(try screen.isRestored)
    }

    @Test func asciiWhereTheLocaleHasNothingElse() throws {
        let program = try Program()
        #expect(try program.run("train", "iris-mlp").status == 0)
        let screen = try TerminalScreen(program, columns: 80, rows: 24, environment: ["LC_ALL": "C"])
        try screen.wait(for: "+ finished")
        try screen.press("Enter")
        try screen.wait(for: "+- Loss")
        #expect(try screen.text.unicodeScalars.allSatisfy(\.isASCII))
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
    }

    @Test func noColourWhereItIsNotWanted() throws {
        let program = try Program()
        let screen = try TerminalScreen(program, environment: ["NO_COLOR": "1"])
        try screen.wait(for: "No session yet")
        let colours = try screen.styled.matches(of: /\u{1B}\[[0-9;]*(3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m/)
        #expect(colours.isEmpty)
        let coloured = try TerminalScreen(try Program())
        try coloured.wait(for: "No session yet")
        #expect(try coloured.styled.contains(/\u{1B}\[[0-9;]*38;5;[0-9]+m/), "this test could see colours")
    }

    /// Too small a window says so and leaves with q; a larger one shows the same frame as a fresh start.
    @Test func resizes() throws {
        let program = try Program()
        #expect(try program.run("train", "iris-mlp").status == 0)
        let screen = try TerminalScreen(program)
        try screen.wait(for: "✓ finished")
        for (columns, rows) in [(20, 5), (1, 1), (500, 200), (60, 16), (59, 16), (3, 40), (140, 50)] {
            try screen.resize(columns: columns, rows: rows)
        }
        try screen.wait(for: "score      time")
        let fresh = try TerminalScreen(program, columns: 140, rows: 50)
        try fresh.wait(for: "score      time")
        func calm(_ text: String) -> String { text.replacing(/(just now|[0-9]+ min ago)/, with: "") }
        var (resized, started) = ("", " ")
        try eventually("the same frame") {
            (resized, started) = (calm(try screen.text), calm(try fresh.text))
            return resized == started
        }
        #expect(resized == started)
        try screen.resize(columns: 40, rows: 10)
        try screen.wait(for: "too small")
        try screen.press("q")
        #expect(try screen.exitStatus() == 0)
    }

    /// Without a terminal: one line, exit 2, no escape sequences.
    @Test func refusesWhatIsNoTerminal() throws {
        let program = try Program()
        for changes in [["TERM": "xterm-256color"], ["TERM": "dumb"], ["TERM": "no-such-terminal"], ["TERM": ""]] {
            let outcome = try program.run([], changes)
            #expect(outcome.status == 2)
            #expect(outcome.output.isEmpty && !outcome.error.contains("\u{1B}"))
            #expect(outcome.error.split(separator: "\n").count <= 2, "\(outcome.error)")
        }
        let dumb = try TerminalScreen(program, term: "dumb")
        #expect(try dumb.exitStatus() == 2)
    }
}
