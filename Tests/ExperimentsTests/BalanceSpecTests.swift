// data.balance in a spec, and training with it from one.
import Engine
import Testing

@testable import Experiments

struct BalanceSpecTests {
    private func parse(_ data: String) throws(SpecError) -> (spec: Spec, yaml: String) {
        try SpecFile.parse(
            yaml: """
                data: \(data)
                network: [{flatten: {}}, {dense: {units: classes}}]
                training: {epochs: 1}
                """, file: "b.yaml")
    }

    @Test func everyWordIsRead() throws {
        #expect(try parse("{dataset: wine}").spec.data.balance == .none)
        for (word, balance) in [
            ("none", Balance.none), ("oversample", .oversample), ("smote", .smote),
        ] {
            #expect(try parse("{dataset: wine, balance: \(word)}").spec.data.balance == balance)
        }
    }

    @Test func whatIsWrongIsSaidWithItsLine() {
        for (data, says) in [
            (
                "{dataset: wine, balance: more}",
                "b.yaml:1: data.balance must be one of none, oversample, smote"
            ),
            ("{dataset: digits, balance: smote}", "b.yaml:1: data.balance: smote makes up rows of tables"),
        ] {
            #expect {
                try parse(data)
            } throws: {
                "\($0)".contains(says)
            }
        }
    }

    @Test func smoteTrainsOnMoreExamplesThanItEvaluates() throws {
        let text = """
            data: {dataset: wine, balance: smote}
            network: [{dense: {units: 8, activation: relu}}, {dense: {units: classes}}]
            training: {epochs: 1, batch: 16}
            """
        let (spec, yaml) = try SpecFile.parse(yaml: text, file: "b.yaml")
        let experiment = try Experiment(spec: spec, yaml: yaml)
        let (examples, train) = try experiment.training()
        let largest = experiment.describedFacts.summary?.splits[0].counts.max() ?? 0
        #expect(train.count == 3 * largest && examples.count > experiment.dataset.count)
        let trainer = try experiment.trainer(workers: 1)
        #expect(trainer.stepsPerEpoch == (3 * largest + 15) / 16)
        #expect(trainer.advance().applied)
        let again = try Experiment(spec: spec, yaml: yaml).trainer(workers: 2)
        _ = again.advance()
        #expect(again.weights == trainer.weights)
    }
}
