// cross-validate, by the built program: its lines, its errors, its ends, and its screen.
import Foundation
import Testing

@Suite(.serialized) struct FoldCommandTests {
    /// Two kinds of plants that height tells apart but for some, a text of names and missing values.
    private func plants(_ program: Program) throws {
        var table = "name,height,width,colour,kind\n"
        for index in 0..<150 {
            let isTall = index % 3 == 0
            let height = (isTall ? 30 : 20) + (index * 7) % 13
            table +=
                "plant \(index),\(height),\(index % 10 == 4 ? "" : "\(5 + index % 11)"),\(["red", "blue", ""][index % 3 == 2 ? index % 2 : 2]),\(isTall ? "tall" : "short")\n"
        }
        try program.write("plants.csv", table)
    }

    @Test func jsonLines() throws {
        let program = try Program()
        try plants(program)
        let arguments = ["cross-validate", "plants.csv", "--target", "kind", "--epochs", "10", "--json"]
        let outcome = try program.run(arguments + ["--session", "p.session", "--workers", "1"])
        #expect(outcome.status == 0, "\(outcome.error)")
        let folds = outcome.objects.dropLast()
        #expect(folds.count == 5 && Set(folds.compactMap { $0["fold"] as? Int }) == [1, 2, 3, 4, 5])
        for fold in folds {
            #expect(fold["event"] as? String == "folded" && fold["folds"] as? Int == 5)
            for name in ["accuracy", "loss", "macro_f1", "auc", "train_loss", "seconds"] {
                #expect(fold[name] as? Double != nil, "\(name)")
            }
        }
        let last = outcome.last
        #expect(last["event"] as? String == "finished" && last["reason"] as? String == "completed")
        for name in ["accuracy", "macro_f1", "auc", "loss"] {
            for kind in ["mean", "deviation", "low", "high", "pooled"] {
                #expect(last["\(name)_\(kind)"] as? Double != nil, "\(name)_\(kind)")
            }
        }
        #expect(last["folds"] as? Int == 5 && last["seed"] as? Int == 42 && last["session"] as? String == "p.session")
        let accuracies = folds.compactMap { $0["accuracy"] as? Double }
        let mean = try #require(last["accuracy_mean"] as? Double)
        #expect(abs(mean - accuracies.reduce(0, +) / 5) < 1e-9)
        #expect(mean > 0.8)
        #expect(outcome.error.isEmpty, "\(outcome.error)")

        let wide = try program.run(arguments + ["--session", "w.session", "--workers", "3"])
        #expect(wide.last["accuracy_mean"] as? Double == mean)
        #expect(wide.last["loss_mean"] as? Double == last["loss_mean"] as? Double)
        let other = try program.run(arguments + ["--session", "s.session", "--set", "data.seed=7"])
        #expect(other.last["seed"] as? Int == 7)
        let ordered = try program.run(arguments + ["--session", "n.session", "--no-shuffle", "--folds", "3"])
        #expect(ordered.objects.count == 4 && ordered.last["shuffled"] as? Bool == false)

        // The session is a session: it lists, replays, attaches; and is no model.
        let list = try program.run("sessions", "--sessions", ".", "--json")
        let row = list.objects.first { ($0["session"] as? String)?.hasSuffix("p.session") == true }
        #expect(row?["status"] as? String == "finished")
        let frame = try program.run("replay", "p.session", "--once", "--columns", "120", "--rows", "40")
        #expect(frame.output.contains("5 folds") && frame.output.contains("mean of 5"), "\(frame.output)")
        let fold = try program.run("replay", "p.session", "--fold", "2", "--once")
        #expect(fold.output.contains("fold 2 of 5") && fold.output.contains("Now"), "\(fold.output)")
        #expect(try program.run("replay", "p.session", "--fold", "6", "--once").status == 2)
        let attached = try program.run("attach", "p.session", "--json")
        #expect(attached.objects.first?["folds"] as? Int == 5)
        for command in [["evaluate", "p.session"], ["resume", "p.session"], ["predict", "p.session", "plants.csv"]] {
            let refused = try program.run(command)
            #expect(refused.status == 2 && refused.error.contains("cross-validation"), "\(command) \(refused.error)")
            #expect(refused.error.split(separator: "\n").count == 1)
        }
        let again = try program.run("cross-validate", "p.session", "--json", "--session", "again.session")
        #expect(again.last["accuracy_mean"] as? Double == mean, "\(again.error)")
    }

    @Test func theTable() throws {
        let program = try Program()
        let outcome = try program.run("cross-validate", "iris-mlp", "--folds", "4", "--epochs", "20")
        #expect(outcome.status == 0)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines[0].contains("fold") && lines[0].contains("accuracy") && lines[0].contains("AUC"))
        for fold in 1...4 { #expect(lines[fold].contains("\(fold)  ")) }
        #expect(outcome.output.contains("±") && outcome.output.contains("95 % interval"))
        #expect(outcome.output.contains("4 folds, shuffled with seed 42; 150 examples"))
        #expect(outcome.error.contains("fold 4 of 4") && outcome.error.contains("session "))
    }

    @Test func numbers() throws {
        let program = try Program()
        let outcome = try program.run(
            "cross-validate", "friedman-mlp", "--folds", "3", "--epochs", "3", "--set", "data.examples=200", "--json")
        #expect(outcome.status == 0, "\(outcome.error)")
        for name in ["rmse_mean", "mae_deviation", "r2_mean", "rmse_low", "rmse_pooled"] {
            #expect(outcome.last[name] as? Double != nil, "\(name)")
        }
        #expect(outcome.last["accuracy_mean"] == nil)
    }

    @Test(arguments: [
        (["iris-mlp", "--folds", "1"], "--folds 1"), (["iris-mlp", "--folds", "60"], "60 folds"),
        (["iris-ml"], "did you mean iris-mlp"), (["absent.csv"], "absent.csv"), (["absent.session"], "absent.session"),
    ])
    func mistakes(arguments: [String], named: String) throws {
        let program = try Program()
        let outcome = try program.run(["cross-validate"] + arguments)
        #expect(outcome.status == 2)
        #expect(outcome.error.contains(named), "\(outcome.error)")
        #expect(outcome.output.isEmpty)
        #expect(outcome.error.split(separator: "\n").filter { !$0.hasPrefix("See ") }.count == 1, "\(outcome.error)")
    }

    /// One Ctrl-C ends it and keeps what is done.
    @Test func anInterruptKeepsWhatIsDone() throws {
        let program = try Program()
        let told = program.folder.appendingPathComponent("told").path
        let child = try program.start(
            ["cross-validate", "iris-mlp", "--folds", "10", "--epochs", "3000", "--json", "--session", "i.session"],
            output: told)
        func lines() throws -> Int { try String(contentsOfFile: told, encoding: .utf8).split(separator: "\n").count }
        try eventually("a fold") { FileManager.default.fileExists(atPath: told) ? try lines() > 0 : false }
        kill(child.pid, SIGINT)
        #expect(child.wait() == 0)
        let text = try String(contentsOfFile: told, encoding: .utf8)
        let last = try #require(text.split(separator: "\n").last)
        #expect(last.contains("\"reason\":\"stopped\"") && last.contains("accuracy_mean"))
        let list = try program.run("sessions", "--sessions", ".", "--json")
        #expect(list.last["status"] as? String == "stopped")
    }

    /// After a kill the session opens, and the folds that were told are in it.
    @Test(arguments: [0.02, 0.1, 0.3])
    func aKillLeavesAReadableSession(after seconds: Double) throws {
        let program = try Program()
        let child = try program.start(
            ["cross-validate", "iris-mlp", "--folds", "20", "--epochs", "1000", "--session", "k.session"],
            output: program.folder.appendingPathComponent("out").path)
        let path = program.folder.appendingPathComponent("k.session").path
        eventually("the session") { FileManager.default.fileExists(atPath: path) }
        Thread.sleep(forTimeInterval: seconds)
        kill(child.pid, SIGKILL)
        _ = child.wait()
        let list = try program.run("sessions", "--sessions", ".", "--json")
        #expect(list.last["status"] as? String == "interrupted")
        let events = try program.run("attach", "k.session", "--json")
        #expect(events.status == 0 && !events.error.contains("damaged"), "\(events.error)")
        #expect(try program.run("replay", "k.session", "--once").status == 0)
    }

    /// From the list of presets to a cross-validation that is watched, evaluated, scrubbed, and one of its folds.
    @Test func theScreen() throws {
        let program = try Program()
        let screen = try TerminalScreen(program)
        try screen.wait(for: "No session yet")
        try screen.press("/")
        try screen.type("iris")
        try screen.press("Enter", "K")
        try screen.wait(for: "Folds: 5")
        try screen.press("BSpace")
        try screen.type("4")
        try screen.press("Enter")
        try screen.wait(for: "of 4")
        try screen.wait(for: "✓ finished")
        let end = try screen.text
        #expect(end.contains("4 folds") && end.contains("mean of 4") && end.contains("± dev."), "\(end)")
        try screen.press("3")
        try screen.wait(for: "pooled over 4 folds")
        try screen.press("2", "g", "NPage")
        try screen.wait(for: "▶ replay")
        try screen.press("Right")
        try screen.press("G")
        try screen.wait(for: "✓ finished")
        try screen.press(":")
        try screen.type("fold 2")
        try screen.press("Enter")
        try screen.wait(for: "fold 2 of 4")
        try screen.wait(for: "Epochs")
        try screen.press("q")
        try screen.wait(for: "% cv")
        try screen.press("q")
        #expect(try screen.exitStatus() == 0)
        #expect(try screen.isRestored)
    }

    /// A live one says which fold, refuses to pause, stops and keeps.
    @Test func aLiveOneStops() throws {
        let program = try Program()
        let child = try program.start(
            ["cross-validate", "digits-cnn", "--folds", "5", "--epochs", "200", "--engine"],
            output: program.folder.appendingPathComponent("out").path)
        try eventually("the session") {
            try FileManager.default.contentsOfDirectory(atPath: program.sessions.path).contains {
                $0.hasSuffix(".session") && !$0.hasPrefix(".")
            }
        }
        let screen = try TerminalScreen(program)
        try screen.wait(for: "● live")
        try screen.press("Enter")
        try screen.wait(for: "● running")
        try screen.wait(for: "live, fold")
        try screen.press("p")
        try screen.wait(for: "can only be stopped")
        try screen.press("S")
        try screen.wait(for: "Stop the run and keep")
        try screen.press("y")
        try screen.wait(for: "■ stopped")
        try screen.press("r")
        try screen.wait(for: "start it anew")
        try screen.press("q", "q")
        #expect(try screen.exitStatus() == 0)
        #expect(child.wait(atMost: 20) == 0)
    }
}
