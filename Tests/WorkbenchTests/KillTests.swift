// SIGKILL at any moment: the session opens, nothing that was recorded is lost, resume ends where the run would have ended.
import Foundation
import Testing

@Suite(.serialized) struct KillTests {
    /// Twenty runs of a small net with dropout, killed at moments spread over the run.
    @Test func twentyKilledRunsGoOn() throws {
        let program = try Program()
        // Checkpoints come at the ends of epochs and, as asked for here, every tenth of a second.
        let changes = ["--set", "training.checkpoint_seconds=0.1", "--set", "training.log_every=1"]
        try program.write(
            "spec.yaml",
            """
            data: {dataset: digits, test_fraction: 0.2, validation_fraction: 0.1, seed: 42}
            network:
              - conv: {filters: 16, kernel: 3, activation: relu}
              - max_pool: {size: 2}
              - flatten
              - dense: {units: 64, activation: relu}
              - dropout: {rate: 0.3}
              - dense: {units: classes}
            training: {epochs: 30, batch: 32, seed: 3, optimizer: {adam: {learning_rate: 0.001}}}

            """)
        let whole = try program.run(["train", "spec.yaml", "--json"] + changes)
        #expect(whole.status == 0, "\(whole.error)")
        let wanted = try #require(whole.last["weights_sha256"] as? String)
        let seconds = try #require(whole.last["seconds"] as? Double)
        var interrupted = 0
        for index in 0..<20 {
            let session = "killed-\(index).session"
            let told = program.folder.appendingPathComponent("told-\(index)").path
            let child = try program.start(
                ["train", "spec.yaml", "--json", "--session", session] + changes, output: told)
            let path = program.folder.appendingPathComponent(session).path
            eventually("the session") { FileManager.default.fileExists(atPath: path) || !child.isRunning }
            usleep(UInt32(seconds * Double(index) / 21 * 1e6))
            kill(child.pid, SIGKILL)
            _ = child.wait()
            let lines = try String(contentsOfFile: told, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false
            ).dropLast()
            let kept = try program.run("attach", session, "--json")
            #expect(kept.status == 0, "\(kept.error)")
            // Whatever was told on stdout is in the file, in the same words and order.
            let keptLines = kept.output.split(separator: "\n")
            for (line, keptLine) in zip(lines, keptLines) where !line.contains("\"finished\"") {
                #expect(line == keptLine)
            }
            #expect(keptLines.count >= lines.count)
            let list = try program.run("sessions", "--sessions", ".", "--json")
            let status = list.objects.first { ($0["session"] as? String)?.hasSuffix(session) == true }?["status"]
            if status as? String == "finished" { continue }
            #expect(status as? String == "interrupted")
            interrupted += 1
            let resumed = try program.run("resume", session, "--json")
            #expect(resumed.status == 0, "\(resumed.error)")
            #expect(resumed.last["weights_sha256"] as? String == wanted, "killed run \(index)")
        }
        #expect(interrupted >= 12, "only \(interrupted) of 20 runs were killed before their end")
    }
}
