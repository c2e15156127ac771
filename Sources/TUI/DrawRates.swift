// What lies over the screen Train when learning rates were tried: the curve, the suggestion, the rate of now.

import Charts
import Engine
import Experiments
import Foundation

/// The trials that are shown: of a live run the newest, else those of the moment, or of its end.
func shownTrials(_ session: OpenSession) -> RunEvent.RatesTried? {
    session.isLive ? session.whole.ratesTried : session.run.ratesTried ?? session.whole.ratesTried
}

/// Whether the engine is trying rates now.
func isTryingRates(_ session: OpenSession) -> Bool {
    if case .tryRates = session.asked { true } else { false }
}

func drawRates(_ state: State, _ grid: inout Grid) {
    guard let session = state.session else { return }
    let columns = min(state.columns - 4, 110)
    let rows = min(state.rows - 4, 34)
    let rect = Rect(
        row: 1 + (state.rows - 2 - rows) / 2, column: (state.columns - columns) / 2, rows: rows, columns: columns)
    grid.fill(rect, .blank)
    grid.box(rect, title: "Loss by learning rate", style: Style(.focus), glyphs: state.glyphs)
    let inside = Rect(row: rect.row + 1, column: rect.column + 2, rows: rect.rows - 2, columns: rect.columns - 4)
    guard !isTryingRates(session), let tried = shownTrials(session), !tried.trials.isEmpty else {
        let text =
            isTryingRates(session)
            ? "Rates are being tried, a step each; the run goes on then as if nothing had been."
            : "No rates were tried in this run."
        drawLines(wrapped(text, columns: inside.columns).map { [Part($0, .dim)] }, inside, state, &grid)
        return
    }
    let lines = rateLines(session, tried, columns: inside.columns)
    let (chart, text) = inside.split(rows: inside.rows - lines.count)
    ratesChart(session, tried, state.glyphs).draw(into: &grid, in: chart)
    drawLines(lines, text, state, &grid)
}

/// The suggestion in words.
private func rateLines(_ session: OpenSession, _ tried: RunEvent.RatesTried, columns: Int) -> [[Part]] {
    let (text, role): (String, Role)
    if let suggestion = RateSuggestion(tried.trials) {
        let (steepest, tenth) = (Format.number(suggestion.steepest), Format.number(suggestion.tenthOfMinimum))
        let why =
            switch suggestion.rule {
            case .steepest: "there the loss falls most steeply. A tenth of the rate at its minimum is \(tenth)"
            case .tenthOfMinimum: "a tenth of the rate at the lowest loss. It falls most steeply at \(steepest)"
            }
        (text, role) = ("Suggested: \(Format.number(suggestion.rate)), \(why); the smaller one is the safer.", .good)
    } else {
        (text, role) = ("No suggestion: at no rate did the loss fall by more than its own noise.", .warning)
    }
    let current = session.run.learningRate.map { "Now \(Format.number($0)). " } ?? ""
    let facts =
        "\(current)\(tried.trials.count) rates tried after step \(Format.count(tried.step)); nothing of it was kept."
    return wrapped(text, columns: columns).map { [Part($0, role)] }
        + wrapped(facts, columns: columns).map { [Part($0, .dim)] }
}

private func ratesChart(_ session: OpenSession, _ tried: RunEvent.RatesTried, _ glyphs: GlyphSet) -> LineChart {
    // Rates from outside may be anything; a logarithmic axis shows those above 0.
    let trials = tried.trials.filter { $0.rate.isFinite && $0.rate > 0 }
    let smoothed = trials.smoothedLosses
    let rates = trials.map(\.rate)
    let series = [
        Series(name: "loss", x: rates, y: trials.map(\.loss), role: .trace(0), kind: .points),
        Series(name: "smoothed", x: rates, y: smoothed, role: .series(1)),
    ]
    var marks: [ChartMark] = []
    if let suggestion = RateSuggestion(tried.trials) {
        marks.append(ChartMark(x: suggestion.rate, label: "suggested", role: .good))
    }
    if let current = session.run.learningRate { marks.append(ChartMark(x: current, label: "now", role: .key)) }
    var y = ChartAxis(label: "", unit: .plain)
    // A loss that runs away at the end must not press all else flat.
    let finite = smoothed.filter(\.isFinite)
    let most = finite.prefix(max(1, finite.count / 2)).max() ?? 1
    if let least = finite.min(), let largest = finite.max(), largest > least, most > least {
        let room = (most - least) * 0.25
        y.range = (least - room)...(min(largest, most) + room)
    }
    var chart = LineChart(
        series: series, x: ChartAxis(label: "rate", unit: .plain, isLogarithmic: true), y: y, marks: marks,
        glyphs: glyphs)
    chart.smoothing = 0
    return chart
}
