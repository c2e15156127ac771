// find-rate: learning rates tried on a fresh network, and which of them the losses speak for.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation

struct FindRateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find-rate", abstract: "Try growing learning rates, a step each, and suggest one.",
        discussion: """
            Each trial is one step with a larger rate than the one before (Smith 2017), from the weights that training would \
            start from. Nothing is kept. A line a trial: rate, loss, smoothed loss.
            """)

    @OptionGroup var subject: SpecOptions
    @Option(name: .customLong("from"), help: "The first rate.") var least = RateTrials.least
    @Option(name: .customLong("to"), help: "The last rate; trials end earlier when the loss has grown fourfold.")
    var most = RateTrials.most
    @Option(help: "How many are tried.") var steps = RateTrials.steps
    @OptionGroup var workerOptions: WorkerOptions
    @Flag(help: "One JSON object a line on stdout: the trials, then the suggestion.") var json = false

    func validate() throws {
        guard least > 0, least < most, most.isFinite else {
            throw ValidationError("--from and --to must be numbers above 0, the second the larger.")
        }
        guard RateTrials.range.contains(steps) else {
            throw ValidationError(
                "--steps \(steps) is not between \(RateTrials.range.lowerBound) and \(RateTrials.range.upperBound).")
        }
    }

    func run() throws {
        let (spec, yaml) = try subject.resolved()
        let experiment = try Experiment(spec: spec, yaml: yaml)
        let workers = workerOptions.workers ?? Machine.processors
        try MemoryShortage.check(experiment, workers: workers)
        let trainer = try experiment.trainer(workers: workers)
        let trials = trainer.tryRates(from: least, to: most, steps: steps)
        if let failure = trainer.failure { throw failure }
        let smoothed = trials.smoothedLosses
        if !json { Output.line("        rate         loss     smoothed") }
        for (trial, smooth) in zip(trials, smoothed) {
            Output.line(
                json
                    ? Output.json([("rate", trial.rate), ("loss", trial.loss), ("smoothed", smooth)])
                    : [trial.rate, trial.loss, smooth].map { cell(Format.number($0)) }.joined(separator: " "))
        }
        let suggestion = RateSuggestion(trials)
        guard !json else {
            Output.line(
                Output.json([
                    ("suggested", suggestion?.rate), ("rule", suggestion?.rule.rawValue),
                    ("steepest", suggestion?.steepest), ("tenth_of_minimum", suggestion?.tenthOfMinimum),
                    ("spec_rate", Double(spec.training.optimizer.learningRate)), ("trials", trials.count),
                ]))
            return
        }
        Output.line("")
        Output.line(suggestion?.sentence ?? RateSuggestion.none)
        Output.line(
            "The spec has \(Format.number(Double(spec.training.optimizer.learningRate))); --set training.optimizer changes it."
        )
    }

    private func cell(_ text: String) -> String { rightAligned(text, columns: 12) }
}

extension RateSuggestion {
    /// The suggestion and why.
    var sentence: String {
        let (steepest, tenth) = (Format.number(steepest), Format.number(tenthOfMinimum))
        let why =
            switch rule {
            case .steepest: "there the smoothed loss falls most steeply; a tenth of the rate at its minimum is \(tenth)"
            case .tenthOfMinimum:
                "a tenth of the rate at the minimum of the smoothed loss; it falls most steeply at \(steepest)"
            }
        return
            "Suggested: \(Format.number(rate)) (\(why)). Of the two the smaller is suggested: too small a rate costs time, too large a one the run."
    }

    static let none =
        "No suggestion: at no rate did the loss fall by more than its own noise. Try more --steps, or rates further apart."
}
