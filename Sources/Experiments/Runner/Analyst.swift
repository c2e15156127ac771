// Analyst: an engine that answers questions about a model that has been trained, for the screens that ask, and keeps the
// answers in the session.
import Engine
import Foundation

/// Explains predictions of the model of one session until nobody listens any more.
///
/// It opens the session for writing only to add an answer: a run may be resumed meanwhile.
public final class Analyst {
    private let path: String
    private let server: LinkServer
    private let questions = QuestionQueue()
    private let workers: Int
    private let data: String?
    /// Variants that were asked for; nil: none yet.
    private var comparison: Comparison?

    /// Opens the analyst's socket of the session at `path`. The data are read by ``run(patience:)``.
    /// - Parameter data: another place of the data; nil: where they were.
    /// - Throws: ``LinkError``, when another analyst answers already.
    public init(session path: String, data: String?, workers: Int) throws {
        self.path = path
        self.data = data
        self.workers = workers
        let questions = questions
        server = try LinkServer(analystOf: path, onQuestion: { questions.push($0) })
    }

    /// Answers until no screen has been connected for `patience` seconds.
    /// - Throws: what keeps the model or its data from being read; the screens have been told.
    public func run(patience: Double = 5) throws {
        defer { server.close() }
        do {
            server.tell(.working(fraction: 0))
            let explainer = try Explainer(session: path, data: data, workers: workers)
            try keepPredictions(explainer)
            server.tell(.idle)
            var lonely = 0.0
            while lonely < patience {
                let pause = 0.25
                if let question = questions.next(seconds: pause) {
                    answer(question, explainer)
                    lonely = 0
                } else {
                    lonely = server.clientCount == 0 ? lonely + pause : 0
                }
            }
        } catch {
            server.tell(.failed("\(error)"))
            throw error
        }
    }

    /// Sessions of earlier versions do not hold what the model says of the test split.
    private func keepPredictions(_ explainer: Explainer) throws {
        let reader = try SessionReader(path: path)
        let kept = try reader.artifacts(kind: PredictionList.artifactKind)
        reader.close()
        guard !kept.contains(where: { $0.name == Split.test.rawValue }) else { return }
        let list = PredictionList(
            try explainer.predictions(of: .test), indices: explainer.splits.test,
            classes: explainer.dataset.targets == nil ? explainer.dataset.classes.count : nil)
        let writer = try SessionWriter.open(path: path)
        defer { writer.close() }
        try writer.storeArtifact(
            SessionArtifact(
                kind: PredictionList.artifactKind, name: Split.test.rawValue, step: explainer.model.step,
                body: list.encoded()))
        server.tell(.facts)
    }

    private func answer(_ question: AnalystQuestion, _ explainer: Explainer) {
        let clock = ContinuousClock()
        var told = clock.now
        let questions = questions
        func progress(_ fraction: Double, yieldsToNext: Bool) -> Bool {
            if clock.now - told > .milliseconds(100) {
                told = clock.now
                server.tell(.working(fraction: fraction))
            }
            return !questions.isOver(yieldsToNext: yieldsToNext)
        }
        server.tell(.working(fraction: 0))
        do {
            switch question {
            case .cancel, .predictions: break
            case .compare(let names, let epochs): try compare(names, epochs: epochs, explainer)
            case .search(let points, let epochs): try search(points, epochs: epochs, explainer)
            case .sensitivity:
                let found = try comparison(explainer).sensitivity { try self.report($0, on: "each layer alone") }
                try keep(.sensed(found))
            case .decide(let variant, let act):
                try keep(.decided(VariantChoice(step: explainer.model.step, variant: variant, act: act)))
            case .explain(let row, let changes, let settings):
                let explanation = try explainer.explainByBestFit(
                    row: row, changes: changes.map { ($0.column, $0.text) }, settings: settings,
                    progress: { progress($0, yieldsToNext: true) })
                if let explanation { try keep(.explained(explanation)) }
            case .survey(let rows, let settings):
                let survey = try explainer.survey(
                    rows: rows, settings: settings, progress: { progress($0, yieldsToNext: false) })
                if let survey { try keep(.surveyed(survey)) }
            }
            server.tell(.idle)
        } catch is Cancelled {
            server.tell(.idle)
        } catch {
            server.tell(.failed("\(error)"))
        }
    }

    /// What was asked for is no longer wanted.
    private struct Cancelled: Error {}

    private var told = ContinuousClock.now

    /// Tells how far the work on `subject` is, ten times a second.
    /// - Throws: ``Cancelled``.
    private func report(_ fraction: Double, on subject: String) throws {
        if questions.isOver(yieldsToNext: false) { throw Cancelled() }
        guard ContinuousClock.now - told > .milliseconds(100) || fraction == 0 else { return }
        told = .now
        server.tell(.working(fraction: fraction, on: subject))
    }

    /// The variants, which share the explainer's data; the baseline is measured the first time.
    private func comparison(_ explainer: Explainer) throws -> Comparison {
        if let comparison { return comparison }
        let maker = try VariantMaker(explainer.model, explainer.dataset, explainer.splits, workers: workers)
        let made = try Comparison(maker, tuning: nil)
        comparison = made
        return made
    }

    private func compare(_ names: [String], epochs: Int, _ explainer: Explainer) throws {
        let recipes = try names.map { try VariantRecipe($0) }
        for recipe in recipes { try recipe.check(explainer.model.network) }
        let comparison = try comparison(explainer)
        comparison.tuning = epochs > 0 ? FineTuning(epochs: epochs) : nil
        for (place, recipe) in recipes.enumerated() {
            let subject = recipes.count > 1 ? "\(recipe.name), \(place + 1) of \(recipes.count)" : recipe.name
            try add(recipe, to: comparison, subject)
        }
    }

    private func search(_ points: Double, epochs: Int, _ explainer: Explainer) throws {
        let comparison = try comparison(explainer)
        comparison.tuning = epochs > 0 ? FineTuning(epochs: epochs) : nil
        for ladder in Comparison.ladders {
            for name in ladder {
                let recipe = try VariantRecipe(name)
                let known = comparison.lines.first { $0.variant == recipe.name }
                let line = try known ?? add(recipe, to: comparison, recipe.name)
                if line.lostPoints > points + 1e-9 { break }
            }
        }
        if let smallest = comparison.smallest(losingAtMost: points) {
            try keep(
                .decided(VariantChoice(step: explainer.model.step, variant: smallest.variant, act: .chosen)))
        }
    }

    /// Makes, measures and times a variant, and keeps it with what was found.
    @discardableResult
    private func add(_ recipe: VariantRecipe, to comparison: Comparison, _ subject: String) throws -> VariantLine {
        // Making takes the time of training, timing about a second.
        let share = comparison.tuning != nil && recipe.isTrainable ? 0.8 : 0.2
        try report(0, on: subject)
        try comparison.add(recipe) { try self.report($0 * share, on: subject) }
        try comparison.time(only: recipe.name) { try self.report(share + $0 * (1 - share), on: subject) }
        let isFirst = comparison.lines.count == 2
        guard let line = comparison.lines.last else { preconditionFailure("\(recipe) was added") }
        let writer = try SessionWriter.open(path: path)
        defer { writer.close() }
        try comparison.store(line.variant, in: writer)
        server.publish(try writer.append((isFirst ? [comparison.lines[0], line] : [line]).map(RunEvent.compared)))
        return line
    }

    /// Stores an answer; then the screens hear of it.
    private func keep(_ event: RunEvent) throws {
        let writer = try SessionWriter.open(path: path)
        defer { writer.close() }
        server.publish(try writer.append([event]))
    }
}

/// Questions from screens on their way to the analyst. A newer question of the same kind takes the place of an older one.
///
/// `@unchecked Sendable`: everything is guarded by `condition`.
final class QuestionQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var waiting: [AnalystQuestion] = []
    private var isCancelled = false

    /// Takes a question, or the wish that what is worked on be dropped.
    func push(_ question: AnalystQuestion) {
        condition.lock()
        defer { condition.unlock() }
        switch question {
        case .cancel:
            isCancelled = true
            waiting = []
        case .predictions: if !waiting.contains(question) { waiting.append(question) }
        case .explain:
            waiting.removeAll { if case .explain = $0 { true } else { false } }
            waiting.append(question)
        case .survey:
            waiting.removeAll { if case .survey = $0 { true } else { false } }
            waiting.append(question)
        case .search:
            waiting.removeAll { if case .search = $0 { true } else { false } }
            waiting.append(question)
        case .compare, .sensitivity, .decide: if !waiting.contains(question) { waiting.append(question) }
        }
        condition.signal()
    }

    /// The next question; nil when none came for `seconds`. `cancel` when what was asked has been cancelled.
    func next(seconds: Double) -> AnalystQuestion? {
        condition.lock()
        defer { condition.unlock() }
        let until = Date(timeIntervalSinceNow: seconds)
        while waiting.isEmpty, !isCancelled { if !condition.wait(until: until) { return nil } }
        defer { isCancelled = false }
        return waiting.isEmpty ? .cancel : waiting.removeFirst()
    }

    /// The work was cancelled, or a newer explanation is waited for.
    func isOver(yieldsToNext: Bool) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        return isCancelled || yieldsToNext && waiting.contains { if case .explain = $0 { true } else { false } }
    }
}
