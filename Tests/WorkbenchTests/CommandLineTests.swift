// The built program's commands: what they print, what they refuse, what they keep.
import Foundation
import Testing

@Suite struct CommandLineTests {
    @Test func versionAndHelp() throws {
        let program = try Program()
        let version = try program.run("--version")
        #expect(version.status == 0 && version.output.contains(/^[0-9]+\.[0-9]+\.[0-9]+\n$/))
        let help = try program.run("--help")
        #expect(help.status == 0)
        for command in [
            "train", "resume", "attach", "predict", "evaluate", "explain", "replay", "sessions", "doctor", "find-rate",
        ] {
            #expect(help.output.contains(command))
            #expect(try program.run(command, "--help").status == 0)
        }
    }

    /// Every number of workers gives the same weights, and says how many really computed.
    @Test(arguments: ["digits-cnn", "shapes-cnn", "breast-cancer-mlp"])
    func workersChangeNothing(preset: String) throws {
        let program = try Program()
        var hashes: Set<String> = []
        for workers in [1, 2, 3, 4] {
            let outcome = try program.run(
                "train", preset, "--epochs", "2", "--workers", "\(workers)", "--json", "--set", "training.log_every=7")
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(outcome.last["event"] as? String == "finished")
            #expect(outcome.last["workers"] as? Int == workers)
            hashes.insert(try #require(outcome.last["weights_sha256"] as? String))
        }
        #expect(hashes.count == 1)
    }

    /// What other programs rely on: names and kinds of the fields.
    @Test func jsonHasItsNames() throws {
        let program = try Program()
        let train = try program.run("train", "iris-mlp", "--epochs", "5", "--json", "--session", "iris.session")
        #expect(train.status == 0 && train.error.isEmpty)
        let kinds = Set(train.objects.compactMap { $0["event"] as? String })
        #expect(kinds.isSuperset(of: ["started", "stepped", "evaluated", "checkpointed", "finished"]))
        for event in train.objects where event["event"] as? String == "stepped" {
            for name in ["step", "epoch", "seconds", "train/loss", "train/accuracy"] {
                #expect(event[name] is NSNumber, "\(name)")
            }
        }
        for name in ["train/loss", "validation/accuracy", "test/accuracy", "images_per_s"] {
            #expect(train.last[name] is NSNumber, "\(name)")
        }
        #expect((train.last["weights_sha256"] as? String)?.count == 64)
        #expect(train.last["session"] as? String == "iris.session")

        let evaluated = try program.run("evaluate", "iris.session", "--json")
        #expect(evaluated.status == 0)
        #expect(
            (evaluated.last["accuracy"] as? Double ?? -1) == (train.last["test/accuracy"] as? Double ?? -2))
        let confusion = try #require(evaluated.last["confusion"] as? [[Int]])
        #expect(confusion.flatMap { $0 }.reduce(0, +) == 30 && confusion.allSatisfy { $0.reduce(0, +) == 10 })
        let perClass = try #require(evaluated.last["per_class"] as? [[String: Any]])
        #expect(perClass.count == 3 && perClass.allSatisfy { $0["class"] is String && $0["support"] as? Int == 10 })
        for name in [
            "accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "micro_f1", "mcc", "cohen_kappa", "auc",
            "average_precision", "log_loss", "brier", "calibration_error",
        ] { expectInterval(evaluated.last, name) }
        #expect(evaluated.last["micro_f1"] as? Double == evaluated.last["accuracy"] as? Double)
        #expect(evaluated.last["top_5_accuracy"] == nil)
        for scores in perClass {
            for name in ["precision", "recall", "f1", "auc", "average_precision"] { expectInterval(scores, name) }
        }
        let wide = try program.run("evaluate", "iris.session", "--json", "--level", "0.99")
        #expect((wide.last["auc_low"] as? Double ?? 1) <= (evaluated.last["auc_low"] as? Double ?? 0))
        let table = try program.run("evaluate", "iris.session")
        for text in ["95 % interval", "balanced accuracy", "macro AUC", "Brier score", "precision"] {
            #expect(table.output.contains(text), "\(table.output)")
        }
        let level = try program.run("evaluate", "iris.session", "--level", "1")
        #expect(level.status == 2 && level.error.contains("--level 1.0"))

        let sessions = try program.run("sessions", "--sessions", ".", "--json")
        #expect(sessions.last["status"] as? String == "finished" && sessions.last["epochs"] as? Int == 5)
        let doctor = try program.run("doctor", "--json")
        #expect(doctor.status == 0 && (doctor.last["float32_gflop_per_s"] as? Double ?? 0) > 0.1)
        let attached = try program.run("attach", "iris.session", "--json")
        #expect(attached.output.split(separator: "\n").count == train.output.split(separator: "\n").count)
    }

    /// A measure that is null or lies in its interval.
    private func expectInterval(_ object: [String: Any], _ name: String) {
        guard let value = object[name] as? Double else {
            #expect(
                object[name] is NSNull && object["\(name)_low"] is NSNull && object["\(name)_high"] is NSNull, "\(name)"
            )
            return
        }
        let (low, high) = (object["\(name)_low"] as? Double ?? .nan, object["\(name)_high"] as? Double ?? .nan)
        #expect(low <= value && value <= high && low < high, "\(name): \(low), \(value), \(high)")
    }

    /// Two models on the same examples; what has other examples, or none of classes, is refused.
    @Test func modelsAreCompared() throws {
        let program = try Program()
        for (session, changes) in [
            ("a.session", ["--epochs", "8"]), ("b.session", ["--epochs", "1"]),
            ("c.session", ["--epochs", "1", "--set", "data.seed=5"]),
        ] {
            let train = try program.run(["train", "breast-cancer-mlp", "--json", "--session", session] + changes)
            #expect(train.status == 0, "\(train.error)")
        }
        let (a, b) = (
            try program.run("evaluate", "a.session", "--json"), try program.run("evaluate", "b.session", "--json")
        )
        let run = try program.run("evaluate", "a.session", "--against", "b.session", "--json")
        #expect(run.status == 0, "\(run.error)")
        let found = run.last
        for name in ["accuracy", "auc"] {
            let (first, second) = (a.last[name] as? Double ?? .nan, b.last[name] as? Double ?? .nan)
            #expect(found[name] as? Double == first && found["against_\(name)"] as? Double == second)
            #expect(abs((found["\(name)_difference"] as? Double ?? .nan) - (first - second)) < 1e-12)
            expectInterval(found, "\(name)_difference")
        }
        for name in ["mcnemar_p", "mcnemar_mid_p", "delong_p"] {
            #expect((0...1).contains(found[name] as? Double ?? -1), "\(name)")
        }
        let text = try program.run("evaluate", "a.session", "--against", "b.session")
        #expect(text.output.contains("McNemar's test") && text.output.contains("DeLong's test"), "\(text.output)")
        let same = try program.run("evaluate", "a.session", "--against", "a.session", "--json")
        #expect(same.last["mcnemar_p"] as? Double == 1 && same.last["delong_p"] as? Double == 1)
        let other = try program.run("evaluate", "a.session", "--against", "c.session")
        #expect(other.status == 2 && other.error.contains("different examples"), "\(other.error)")
        _ = try program.run("train", "friedman-mlp", "--epochs", "1", "--json", "--session", "f.session")
        for sessions in [("a.session", "f.session"), ("f.session", "a.session")] {
            let numbers = try program.run("evaluate", sessions.0, "--against", sessions.1)
            #expect(numbers.status == 2 && numbers.error.contains("f.session predicts numbers"), "\(numbers.error)")
        }
    }

    /// Predictions on new files, by name of column, equal to what the model says of the same rows.
    @Test func predicts() throws {
        let program = try Program()
        var table = "height,width,kind\n"
        for index in 0..<200 {
            let isTall = index % 2 == 0
            table += "\(isTall ? 30 + index % 7 : 10 + index % 5),\(5 + index % 11),\(isTall ? "tall" : "short")\n"
        }
        try program.write("plants.csv", table)
        let train = try program.run(
            "train", "plants.csv", "--target", "kind", "--session", "plants.session", "--epochs", "30", "--json")
        #expect(train.status == 0, "\(train.error)")
        try program.write("new.csv", "width,note,height\n7,a,33\n8,b,11\n")
        let predicted = try program.run("predict", "plants.session", "new.csv", "--json")
        #expect(predicted.status == 0, "\(predicted.error)")
        #expect(predicted.objects.map { $0["label"] as? String } == ["tall", "short"])
        for object in predicted.objects {
            let all = try #require(object["probabilities"] as? [String: Double])
            #expect(Set(all.keys) == ["tall", "short"] && abs(all.values.reduce(0, +) - 1) < 1e-5)
            #expect(object["probability"] as? Double == all.values.max())
            #expect((object["input"] as? String)?.contains("new.csv") == true)
        }
        let lacking = try program.write("lacking.csv", "width\n7\n")
        let refused = try program.run("predict", "plants.session", lacking)
        #expect(refused.status == 2 && refused.error.contains("height"))
    }

    /// Numbers from end to end: trained, measured, predicted, with nothing about classes on the way.
    ///
    /// The noise has deviation 1 and the target a variance of about 24.8, so R2 is at most about 0.96 and RMSE at least about
    /// 1 (0.9 on a lucky split of 400 examples). A model that errs by half the noise's variance more has an RMSE of 1.22
    /// and an R2 of 0.94; 0.92 leaves room for the split.
    @Test func numbersFromEndToEnd() throws {
        let program = try Program()
        let train = try program.run("train", "friedman-mlp", "--json", "--session", "f.session")
        #expect(train.status == 0 && train.error.isEmpty, "\(train.error)")
        #expect(!train.output.contains("accuracy") && !train.output.contains("confusion"))
        #expect(train.objects.first?["target"] as? String == "y")
        let last = train.last
        for split in ["validation", "test"] {
            for measure in ["loss", "mae", "rmse", "r2"] { #expect(last["\(split)/\(measure)"] is NSNumber) }
        }
        let evaluated = try program.run("evaluate", "f.session", "--json")
        #expect(evaluated.status == 0, "\(evaluated.error)")
        let found = evaluated.last
        for measure in ["mae", "rmse", "r2"] {
            #expect(found[measure] as? Double == last["test/\(measure)"] as? Double)
            expectInterval(found, measure)
        }
        #expect(found["examples"] as? Int == 400 && found["accuracy"] == nil && found["confusion"] == nil)
        let (r2, rmse) = (found["r2"] as? Double ?? 0, found["rmse"] as? Double ?? 0)
        #expect(r2 > 0.92 && r2 < 0.97, "\(r2)")
        #expect(rmse > 0.9 && rmse < 1.22, "\(rmse)")

        // The noise-free value of this row is 10 sin(π/4) + 5 + 2.5 = 14.57.
        try program.write("new.csv", "x10,x9,x8,x7,x6,x5,x4,x3,x2,x1\n.1,.2,.3,.4,.5,.5,.5,.5,.5,.5\n")
        let predicted = try program.run("predict", "f.session", "new.csv", "--json")
        #expect(Set(predicted.last.keys) == ["input", "prediction"], "\(predicted.error)")
        #expect(abs((predicted.last["prediction"] as? Double ?? 0) - 14.57) < 1.5, "\(predicted.output)")
        let plain = try program.run("predict", "f.session", "new.csv")
        #expect(plain.output.contains(/^new.csv:row 1\t1[0-9.]+\n$/), "\(plain.output)")
        for command in [
            ["evaluate", "f.session"], ["sessions", "--sessions", "."], ["attach", "f.session", "--plain"],
        ] {
            let shown = try program.run(command)
            #expect(shown.status == 0 && !shown.output.contains("ccuracy"), "\(shown.output)")
        }
        let frame = try program.run("replay", "f.session", "--once")
        #expect(frame.output.contains("RMSE") && !frame.output.contains("ccuracy"), "\(frame.output)")
    }

    /// A table of a person: the way from the refusal to the prediction.
    @Test func aTableOfNumbers() throws {
        let program = try Program()
        var table = "area,town,price\n"
        for index in 0..<300 {
            let (area, isDear) = (40 + index * 7 % 90, index % 3 == 0)
            let price = 1000 * area + (isDear ? 50_000 : 0) + index * 37 % 1000
            table += "\(area),\(isDear ? "north" : "south"),\(index % 50 == 7 ? "" : "\(price)")\n"
        }
        try program.write("houses.csv", table)
        let refused = try program.run("train", "houses.csv", "--target", "price")
        #expect(refused.status == 2)
        #expect(try program.run("train", "houses.csv", "--target", "town").status == 0)
        let train = try program.run(
            "train", "houses.csv", "--target", "price", "--set", "training.loss=mean_squared_error", "--epochs", "80",
            "--session", "houses.session", "--json")
        #expect(train.status == 0, "\(train.error)")
        let warning = train.objects.first { $0["event"] as? String == "warned" }
        #expect((warning?["message"] as? String)?.contains("6 of 300 rows") == true, "\(String(describing: warning))")
        #expect((train.last["test/r2"] as? Double ?? 0) > 0.98, "\(train.last)")
        #expect((train.last["test/mae"] as? Double ?? 0) > 100, "in the target's units")
        try program.write("new.csv", "town,area\nnorth,100\n")
        let predicted = try program.run("predict", "houses.session", "new.csv", "--json")
        #expect(abs((predicted.last["prediction"] as? Double ?? 0) - 150_500) < 8_000, "\(predicted.output)")
        // Resumed and measured with other data it says what differs.
        try program.write("other.csv", table.replacingOccurrences(of: "price", with: "rent"))
        let other = try program.run("evaluate", "houses.session", "--data", "other.csv")
        #expect(other.status == 2, "\(other.error)")
    }

    /// A progress bar goes to stderr, only data to stdout; in a pipe there is no bar that rewrites itself.
    @Test func dataOnStdoutAndMessagesOnStderr() throws {
        let program = try Program()
        let outcome = try program.run("train", "iris-mlp", "--epochs", "3")
        #expect(outcome.status == 0 && outcome.output.isEmpty)
        #expect(!outcome.error.contains("\r") && !outcome.error.contains("\u{1B}"))
        #expect(outcome.error.contains("test"))
    }

    @Test func detachLeavesItRunning() throws {
        let program = try Program()
        let outcome = try program.run("train", "iris-mlp", "--detach")
        #expect(outcome.status == 0)
        let session = outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(FileManager.default.fileExists(atPath: session))
        try eventually("its end") { try program.run("sessions", "--json").last["status"] as? String == "finished" }
    }
}

/// A thing that a person gets wrong, and what the one sentence about it must name.
struct Mistake: Sendable, CustomTestStringConvertible {
    var name: String
    var arguments: [String]
    var names: [String]
    var testDescription: String { name }

    static let all: [Mistake] = [
        Mistake(name: "no such file", arguments: ["train", "nothing.yaml"], names: ["nothing.yaml", "no such file"]),
        Mistake(name: "no such preset", arguments: ["train", "digits-cn"], names: ["did you mean digits-cnn"]),
        Mistake(
            name: "truncated IDX", arguments: ["train", "mnist-cnn", "--data", "cut"],
            names: ["train-images-idx3-ubyte", "damaged"]),
        Mistake(
            name: "wrong magic", arguments: ["train", "mnist-cnn", "--data", "magic"],
            names: ["train-images-idx3-ubyte"]),
        Mistake(
            name: "ragged CSV", arguments: ["train", "ragged.csv"], names: ["ragged.csv, line 3", "2 fields", "3"]),
        Mistake(
            name: "unknown target", arguments: ["train", "ragged.csv", "--target", "colour"], names: ["ragged.csv"]),
        Mistake(
            name: "classes for a loss of numbers",
            arguments: ["train", "iris-mlp", "--set", "training.loss=mean_squared_error"],
            names: ["'iris' has classes", "softmax_cross_entropy", "data.target"]),
        Mistake(
            name: "classes of numbers balanced", arguments: ["train", "friedman-mlp", "--set", "data.balance=smote"],
            names: ["data.balance smote needs classes", "mean_squared_error"]),
        Mistake(
            name: "text among numbers to predict",
            arguments: ["train", "words.csv", "--set", "training.loss=huber"],
            names: ["words.csv, line 3", "'many'", "'y'", "--target"]),
        Mistake(name: "unknown layer", arguments: ["train", "layer.yaml"], names: ["layer.yaml:4", "convolve"]),
        Mistake(name: "network that does not fit", arguments: ["train", "fit.yaml"], names: ["Layer 1 (conv)"]),
        Mistake(
            name: "softmax before cross-entropy", arguments: ["train", "softmax.yaml"],
            names: ["softmax.yaml:5", "softmax"]),
        Mistake(name: "batch 0", arguments: ["train", "digits-cnn", "--batch", "0"], names: ["batch"]),
        Mistake(name: "workers 0", arguments: ["train", "digits-cnn", "--workers", "0"], names: ["--workers 0"]),
        Mistake(name: "not YAML", arguments: ["train", "broken.yaml"], names: ["broken.yaml:2"]),
        Mistake(name: "no session", arguments: ["evaluate", "ragged.csv"], names: ["ragged.csv"]),
        Mistake(name: "no session to replay", arguments: ["replay", "noise", "--once"], names: ["noise"]),
        Mistake(name: "no session to resume", arguments: ["resume", "absent.session"], names: ["absent.session"]),
        Mistake(
            name: "too little memory", arguments: ["train", "large.yaml"],
            names: ["GiB of memory", "batches of 1", "training.batch", "smaller images", "smaller network"]),
        Mistake(
            name: "too little memory to try rates", arguments: ["find-rate", "large.yaml"], names: ["GiB of memory"]),
        Mistake(
            name: "layer that is too large",
            arguments: [
                "train", "shapes-cnn", "--set", "network=[flatten, dense: {units: 1000000}, dense: {units: classes}]",
            ], names: ["Layer 2 (dense)", "make it smaller"]),
        Mistake(name: "price", arguments: ["train", "iris-mlp", "--price=-1"], names: ["--price -1"]),
        Mistake(name: "rates", arguments: ["find-rate", "iris-mlp", "--from", "1", "--to", "0.1"], names: ["--from"]),
        Mistake(name: "unknown option", arguments: ["train", "iris-mlp", "--colour"], names: ["--colour"]),
    ]
}

/// What a run costs, and the learning rate that is found.
@Suite struct CostCommandTests {
    @Test func costIsTold() throws {
        let program = try Program()
        let run = try program.run(
            "train", "iris-mlp", "--epochs", "20", "--json", "--price", "3600", "--currency", "EUR", "--watts", "36",
            "--workers", "2")
        #expect(run.status == 0 && run.error.isEmpty, "\(run.error)")
        let started = try #require(run.objects.first)
        #expect(started["price_per_core_hour"] as? Double == 3600 && started["currency"] as? String == "EUR")
        // 4 inputs to 16, 16 to 16, 16 to 3: two passes for the first layer, three for the others.
        let operations: Double = 4 * 64 + 6 * 256 + 6 * 48
        #expect(started["operations_per_example"] as? Double == operations)
        #expect((started["peak_gflop_per_s"] as? Double ?? 0) > 1)
        #expect((started["estimated_bytes"] as? [Int])?.count == 7)
        let seconds = try #require(run.last["seconds"] as? Double)
        // Two workers at 3,600 an hour: 2 a second; 36 W: 0.02 Wh a second.
        let cost = try #require(run.last["cost"] as? Double)
        let energy = try #require(run.last["energy_wh"] as? Double)
        #expect(abs(cost - 2 * seconds) < 1e-9)
        #expect(abs(energy - 0.02 * seconds) < 1e-9)
        let progress = try #require(run.objects.last { $0["event"] as? String == "progressed" })
        #expect(progress["gflop_per_s"] is Double && progress["resident_bytes"] is Int)

        let free = try program.run("train", "iris-mlp", "--epochs", "2", "--json")
        #expect(free.last["cost"] == nil && free.last["energy_wh"] == nil)
        let frugal = try program.run(
            "train", "iris-mlp", "--epochs", "2", environment: ["WORKBENCH_WATTS_PER_CORE": "5"])
        #expect(frugal.status == 0 && frugal.error.contains("Wh") && frugal.error.contains("of memory"))
        let wrong = try program.run("train", "iris-mlp", environment: ["WORKBENCH_WATTS_PER_CORE": "much"])
        #expect(wrong.status == 2 && wrong.error.contains("WORKBENCH_WATTS_PER_CORE"))
    }

    /// Trials, then the suggestion; nothing is kept.
    @Test func aRateIsFound() throws {
        let program = try Program()
        let found = try program.run("find-rate", "digits-cnn", "--json", "--steps", "80")
        #expect(found.status == 0 && found.error.isEmpty, "\(found.error)")
        let trials = found.objects.filter { $0["loss"] != nil }
        #expect(trials.count > 40 && trials.count == found.last["trials"] as? Int)
        let suggested = try #require(found.last["suggested"] as? Double, "\(found.output)")
        #expect((1e-4...0.1).contains(suggested), "\(suggested)")
        let told = try program.run("find-rate", "digits-cnn", "--to", "0.5")
        #expect(told.status == 0 && told.output.contains("Suggested: "))
        #expect(try FileManager.default.contentsOfDirectory(atPath: program.sessions.path).isEmpty)
    }
}

@Suite struct MistakeTests {
    private func prepare(_ program: Program) throws {
        var header = Data([0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 28, 0, 0, 0, 28])
        try program.write("cut/train-images-idx3-ubyte", header + Data(count: 700))
        try program.write("cut/train-labels-idx1-ubyte", Data([0, 0, 8, 1, 0, 0, 0, 10]) + Data(count: 10))
        header[2] = 9
        header[1] = 7
        try program.write("magic/train-images-idx3-ubyte", header + Data(count: 7840))
        try program.write("magic/train-labels-idx1-ubyte", Data([0, 0, 8, 1, 0, 0, 0, 10]) + Data(count: 10))
        try program.write("ragged.csv", "a,b,kind\n1,2,x\n3,4\n5,6,y\n")
        try program.write("words.csv", "x,y\n1,2\n2,many\n")
        func spec(_ layers: String) -> String {
            "data: {dataset: iris, test_fraction: 0.2}\nnetwork:\n  - dense: {units: 8}\n\(layers)training: {epochs: 1}\n"
        }
        try program.write("layer.yaml", spec("  - convolve: {filters: 8}\n  - dense: {units: classes}\n"))
        try program.write("softmax.yaml", spec("  - dense: {units: classes}\n  - softmax\n"))
        try program.write(
            "fit.yaml",
            "data: {dataset: iris, test_fraction: 0.2}\nnetwork:\n  - conv: {filters: 8, kernel: 3}\n  - dense: "
                + "{units: classes}\n")
        // Batches of all examples, which no machine has room for.
        let wide = "  - dense: {units: 1000000}\n  - dense: {units: 500}\n"
        try program.write(
            "large.yaml",
            "data: {dataset: digits, test_fraction: 0.2}\nnetwork:\n  - flatten\n\(wide)\(wide)\(wide)"
                + "  - dense: {units: classes}\ntraining: {batch: 65536}\n")
        try program.write("broken.yaml", "data: {dataset: iris\nnetwork: [\n")
        try program.write("noise", Data((0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 3) }))
    }

    /// One clear sentence on stderr, exit code 2, nothing on stdout, no session left behind.
    @Test(arguments: Mistake.all)
    func isOneSentence(_ mistake: Mistake) throws {
        let program = try Program()
        try prepare(program)
        let outcome = try program.run(mistake.arguments)
        #expect(outcome.status == 2, "\(outcome.error)")
        #expect(outcome.output.isEmpty)
        let lines = outcome.error.split(separator: "\n").filter { !$0.hasPrefix("See `workbench") }
        #expect(lines.count == 1 && lines[0].hasPrefix("workbench: "), "\(outcome.error)")
        for name in mistake.names { #expect(outcome.error.contains(name), "\(outcome.error)") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: program.sessions.path).isEmpty)
    }

    /// One broken file in a folder of images: skipped, listed, counted; the rest trains.
    @Test func aBrokenImageIsSkipped() throws {
        let program = try Program()
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/images")
        let names = try FileManager.default.contentsOfDirectory(atPath: fixtures.path).filter { $0.hasSuffix(".png") }
        let image = try Data(contentsOf: fixtures.appendingPathComponent(try #require(names.min())))
        for index in 0..<12 {
            try program.write("pictures/cat/\(index).png", image)
            try program.write("pictures/dog/\(index).png", image)
        }
        try program.write("pictures/dog/broken.png", image.prefix(image.count / 2))
        try program.write(
            "pictures.yaml",
            "data: {dataset: folder, path: pictures, resize: 8, test_fraction: 0.25, validation_fraction: 0}\nnetwork:\n  - flatten\n  - dense: "
                + "{units: classes}\ntraining: {epochs: 1}\n")
        let outcome = try program.run("train", "pictures.yaml", "--json")
        #expect(outcome.status == 0, "\(outcome.error)")
        let warnings = outcome.objects.filter { $0["event"] as? String == "warned" }
        #expect(warnings.count == 1)
        #expect((warnings.first?["message"] as? String)?.contains("broken.png was skipped") == true)
        let started = try #require(outcome.objects.first)
        #expect((started["train"] as? Int ?? started["train_examples"] as? Int) == 18, "\(started)")
    }
}
