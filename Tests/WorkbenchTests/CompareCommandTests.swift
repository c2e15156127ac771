// compare, by the built program: its lines, its errors, and what it keeps in the session.
import Foundation
import Testing

@Suite(.serialized) struct CompareCommandTests {
    @Test func linesBudgetAndKeptVariants() throws {
        let program = try Program()
        let trained = try program.run(
            "train", "digits-cnn", "--epochs", "3", "--session", "d.session", "--workers", "1", "--json")
        #expect(trained.status == 0, "\(trained.error)")
        let outcome = try program.run(
            "compare", "d.session", "--variants", "f16,prune50+int8,channels50", "--fine-tune", "2", "--budget", "100",
            "--workers", "1", "--json")
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.objects.count == 5)
        let lines = outcome.objects.dropLast()
        #expect(lines.map { $0["variant"] as? String } == ["baseline", "f16", "prune50+int8", "channels50"])
        for line in lines {
            for name in ["bytes", "gzip_bytes", "parameters", "macs"] { #expect(line[name] as? Int != nil, "\(name)") }
            for name in [
                "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "agreement", "lost_points", "mcnemar_p",
                "p50_us", "p95_us", "images_per_s",
            ] { #expect(line[name] as? Double != nil, "\(name)") }
            #expect(line["note"] as? String != nil)
        }
        let smallest = lines.min { ($0["bytes"] as? Int ?? 0) < ($1["bytes"] as? Int ?? 0) }
        #expect(outcome.last["chosen"] as? String == smallest?["variant"] as? String)

        let again = try program.run("evaluate", "d.session", "--variant", "int8+prune50", "--json")
        #expect(again.last["accuracy"] as? Double == outcome.objects[2]["accuracy"] as? Double)
        let missing = try program.run("evaluate", "d.session", "--variant", "int4")
        #expect(missing.status == 2 && missing.error.contains("channels50"), "\(missing.error)")
        let table = try program.run("compare", "d.session", "--variants", "bf16", "--no-keep", "--workers", "1")
        #expect(table.output.contains("baseline") && table.output.contains("only the file is smaller"))
        let unkept = try program.run("evaluate", "d.session", "--variant", "bf16")
        #expect(unkept.status == 2)
    }

    @Test(arguments: [
        ["--variants", "int9"], ["--variants", "f16,,int8"], ["--variants", "f16", "--fine-tune", "0"],
        ["--budget", "-1"], ["--gradual"],
    ])
    func wrongUse(arguments: [String]) throws {
        let outcome = try Program().run(["compare", "none.session"] + arguments)
        #expect(outcome.status == 2 && outcome.output.isEmpty)
        #expect(outcome.error.hasPrefix("workbench: "), "\(outcome.error)")
    }
}
