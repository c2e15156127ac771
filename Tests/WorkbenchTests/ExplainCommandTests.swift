// explain: what it prints, what other programs rely on, what it refuses.
import Foundation
import Testing

@Suite struct ExplainCommandTests {
    @Test func aRowIsExplained() throws {
        let program = try Program()
        let trained = try program.run("train", "iris-mlp", "--epochs", "20", "--json", "--session", "iris.session")
        #expect(trained.status == 0)
        let arguments = ["explain", "iris.session", "--row", "60", "--samples", "400", "--repeats", "3"]
        let chosen = arguments + ["--seed", "5", "--kernel-width", "2", "--features", "3", "--json"]
        let outcome = try program.run(chosen)
        #expect(outcome.status == 0 && outcome.error.isEmpty)
        let object = outcome.last
        for name in [
            "r_squared", "intercept", "local_prediction", "model_prediction", "probability", "agreement", "samples",
        ] { #expect(object[name] is NSNumber, "\(name)") }
        #expect(object["row"] as? Int == 60 && object["seed"] as? Int == 5 && object["kernel_width"] as? Double == 2)
        #expect(["good", "fair", "poor"].contains(object["fit"] as? String ?? ""))
        for name in ["class", "label", "predicted"] { #expect(object[name] is String, "\(name)") }
        let terms = try #require(object["explanation"] as? [[String: Any]])
        #expect(terms.count == 3)
        for term in terms {
            #expect(term["feature"] is String)
            let numbers = ["low", "weight", "high"].compactMap { term[$0] as? Double }
            #expect(numbers.count == 3 && numbers == numbers.sorted())
        }
        // Any number of workers says the same.
        #expect(try program.run(chosen + ["--workers", "3"]).output == outcome.output)

        let text = try program.run(arguments)
        #expect(text.status == 0 && text.output.hasPrefix("row 60: ") && text.output.contains("fit: "))
        let changed = try program.run(arguments + ["--set", "petal length (cm)=1.2", "--set", "petal width (cm)="])
        #expect(changed.status == 0 && changed.output.contains("= 1.2\n") && changed.output.contains("= missing\n"))
        let sweep = try program.run(arguments + ["--sweep", "--json"])
        #expect((sweep.last["sweep"] as? [[String: Any]])?.count == 7)
        let global = try program.run("explain", "iris.session", "--global", "--rows", "5", "--samples", "200", "--json")
        #expect((global.last["features"] as? [[String: Any]])?.count == 4 && global.last["rows"] as? Int == 5)
    }

    /// Wrong use ends with 2 and one sentence that says what would be right.
    @Test func whatIsWrongIsSaid() throws {
        let program = try Program()
        _ = try program.run("train", "iris-mlp", "--epochs", "2", "--json", "--session", "iris.session")
        let refused: [([String], String)] = [
            ([], "one of --row, --file and --global"),
            (["--row", "1", "--global"], "one of --row, --file and --global"),
            (["--row", "150"], "150 examples, 0 to 149"),
            (["--row", "0", "--set", "petal=1"], "There is no column 'petal'"),
            (["--row", "0", "--set", "nothing"], "COLUMN=VALUE"),
            (["--row", "0", "--set", "petal length (cm)=long"], "'long' is no number"),
            (["--row", "0", "--samples", "3"], "between 50 and 1000000"),
            (["--row", "0", "--kernel-width", "0"], "above 0"),
            (["--row", "0", "--discretizer", "octile"], "octile"),
            (["--global", "--sweep"], "--sweep goes with --row"),
            (["--file", "nowhere.csv"], "nowhere.csv"),
        ]
        for (arguments, sentence) in refused {
            let outcome = try program.run(["explain", "iris.session"] + arguments)
            #expect(outcome.status == 2 && outcome.output.isEmpty, "\(arguments)")
            #expect(outcome.error.contains(sentence), "\(outcome.error)")
        }
    }
}
