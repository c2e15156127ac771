// The screen Train: how the open run goes.

import Charts
import Engine
import Experiments

func drawTrain(_ state: State, _ grid: inout Grid) {
    guard let session = state.session else { return }
    for pane in shownPanes(state) {
        let border: Role = pane.id == state.focusedPane ? .focus : .border
        switch pane.id {
        case .loss:
            drawChart(.loss, of: session.run, session.charts, in: pane.rect, border: border, state.glyphs, &grid)
        case .accuracy:
            drawChart(
                .quality(of: session.run), of: session.run, session.charts, in: pane.rect, border: border, state.glyphs,
                &grid)
        default:
            if session.run.head?.folds != nil {
                drawFolds(session, pane.rect, border, state, &grid)
            } else {
                drawSide(session, pane.rect, border, state, &grid)
            }
        }
    }
}

// MARK: state in words

/// The run's state as a sign and a word.
func phase(_ train: OpenSession, _ glyphs: GlyphSet) -> Part {
    let ascii = glyphs == .ascii
    switch train.source {
    case .starting: return Part("\(ascii ? "~" : "◌") starting", .warning, bold: true)
    case .reading: return Part("\(ascii ? "~" : "◌") reading", .dim, bold: true)
    case .failed: return Part("\(ascii ? "x" : "×") failed", .bad, bold: true)
    case .live where train.replay != nil: return Part("\(ascii ? ">" : "▶") replay, live goes on", .focus, bold: true)
    case .live:
        switch (train.whole.phase, train.asked) {
        case (.paused, .continue): return Part("\(ascii ? "=" : "‖") continuing", .warning, bold: true)
        case (.paused, _): return Part("\(ascii ? "=" : "‖") paused", .warning, bold: true)
        case (_, .pause): return Part("\(SessionStatus.live.sign(glyphs)) pausing", .warning, bold: true)
        default: return Part("\(SessionStatus.live.sign(glyphs)) running", .good, bold: true)
        }
    case .ended(let status):
        if train.replay != nil { return Part("\(ascii ? ">" : "▶") replay", .focus, bold: true) }
        return Part("\(status.sign(glyphs)) \(status.word)", status.role, bold: true)
    }
}

/// The left of the bottom line.
func trainStatus(_ train: OpenSession, _ glyphs: GlyphSet) -> [Part] {
    switch train.source {
    case .starting: return [Part("Starting the engine", .dim)]
    case .reading: return [Part("Reading the session", .dim)]
    case .failed: return [Part("Not started", .bad)]
    case .live where train.replay == nil && train.whole.head?.folds != nil:
        return [Part("live, \(train.whole.foldWords)", .dim)]
    case .live where train.replay == nil: return [Part(train.whole.phase == .paused ? "paused" : "live", .dim)]
    case .live, .ended:
        if let replay = train.replay {
            let place = "\(Format.duration(replay.clock)) of \(Format.duration(train.whole.seconds))"
            let speed = replay.speed < 1 ? Format.number(replay.speed) : String(Int(replay.speed))
            return [Part("\(place), \(speed)x\(replay.isPlaying ? "" : ", held")", .dim)]
        }
        guard case .ended(let status) = train.source else { return [] }
        if let folds = train.whole.head?.folds, status == .interrupted || status == .finished(.stopped) {
            let done = train.whole.folds.count(where: \.isFinished)
            return [Part("\(status.word): \(done) of \(folds) folds are done", .warning)]
        }
        switch status {
        case .interrupted: return [Part("interrupted: r resumes", .warning)]
        case .finished(.stopped): return [Part("stopped: r resumes", .dim)]
        case .finished(.diverged): return [Part("the loss was not finite; the last good checkpoint is kept", .bad)]
        case .finished(.completed): return [Part("finished in \(Format.duration(train.whole.seconds))", .dim)]
        case .live, .unreadable: return [Part(status.word, .dim)]
        }
    }
}

// MARK: header

func drawHeader(_ train: OpenSession, _ state: State, _ grid: inout Grid) {
    let run = train.run
    var parts = [phase(train, state.glyphs), Part("  \(train.name)", .title, bold: true)]
    if let head = run.head {
        let dot = state.glyphs.dot
        parts.append(Part("  \(head.dataset) \(head.inputShape)\(dot)\(aim(of: head))"))
        parts.append(Part("\(dot)\(Format.count(head.parameters)) parameters"))
        parts.append(Part("\(dot)\(head.layers.joined(separator: state.glyphs.arrow))", .dim))
    }
    grid.write(parts, row: 1, column: 1, columns: state.columns - 2, glyphs: state.glyphs)
    guard let head = run.head else { return }

    var left = [Part("epoch ", .dim), Part("\(run.epoch)/\(head.epochs)"), Part("  step ", .dim)]
    left.append(Part("\(Format.count(run.step))/\(Format.count(head.totalSteps))"))
    if head.folds != nil { left = [Part(run.foldWords), Part("  step ", .dim), Part(Format.count(run.step))] }
    var right = [Part(String(format(percent: run.fractionDone)), .text, bold: true)]
    right.append(Part("  \(Format.duration(run.seconds))"))
    if case .finished = run.phase {
        right.append(Part(" in all", .dim))
    } else if train.isLive, let remaining = run.progress?.remainingSeconds {
        right += [Part(state.columns >= 100 ? " gone, " : ", ", .dim), Part(Format.duration(remaining))]
        right.append(Part(" left", .dim))
    } else {
        right.append(Part(" so far", .dim))
    }
    let used = grid.write(left, row: 2, column: 1, columns: state.columns - 2, glyphs: state.glyphs)
    let rightWidth = right.reduce(0) { $0 + displayWidth($1.text) }
    grid.writeRight(right, row: 2, end: state.columns - 1, columns: state.columns - used - 4, glyphs: state.glyphs)
    let width = state.columns - used - rightWidth - 6
    guard width >= 6 else { return }
    ProgressBar(fraction: run.fractionDone, glyphs: state.glyphs)
        .draw(into: &grid, in: Rect(row: 2, column: used + 3, rows: 1, columns: width))
}

/// What a run learns, in a word or two.
func aim(of head: RunEvent.Started) -> String {
    head.target.map { "predicts \($0)" } ?? counted(head.classes.count, "class", "classes")
}

/// Whole percent: a bar's number needs no decimals.
private func format(percent fraction: Double) -> String { "\(Int((fraction * 100).rounded(.down))) %" }

func drawNothingYet(_ train: OpenSession, _ body: Rect, _ state: State, _ grid: inout Grid) {
    var lines: [(String, Role)] = []
    switch train.source {
    case .starting:
        lines = [("Starting an engine for \(train.name)", .title), ("It loads the data, then the curves begin.", .dim)]
    case .failed(let failure):
        lines = [("It could not be started:", .bad)] + wrapped(failure, columns: body.columns - 8).map { ($0, .text) }
        lines.append(("q goes back to the list.", .dim))
    case .ended(let status):
        lines = [("Nothing was recorded before it was \(status.word).", .text)]
    case .reading, .live: lines = [("Waiting for the first event", .dim)]
    }
    let top = body.row + max(0, (body.rows - lines.count) / 3)
    for (index, line) in lines.enumerated() where top + index < body.row + body.rows {
        let width = min(displayWidth(line.0), body.columns - 4)
        let column = max(2, (body.columns - width) / 2)
        _ = grid.write(line.0, row: top + index, column: column, style: Style(line.1), maxColumns: body.columns - 4)
    }
}

// MARK: side

private func drawSide(_ train: OpenSession, _ rect: Rect, _ border: Role, _ state: State, _ grid: inout Grid) {
    let run = train.run
    // In a low window the speed is worth more than the last checkpoint.
    let now = nowLines(run, isShort: rect.rows < 22)
    let layers = run.head?.layers ?? []
    var row = rect.row
    func pane(_ title: String, rows: Int) -> Rect? {
        let rows = min(rows, rect.row + rect.rows - row)
        guard rows >= 3 else { return nil }
        let pane = Rect(row: row, column: rect.column, rows: rows, columns: rect.columns)
        row += rows
        return pane
    }
    if let pane = pane("Now", rows: now.count + 2) {
        grid.box(pane, title: "Now", style: Style(border), glyphs: state.glyphs)
        let text = textRect(pane)
        for (index, line) in now.enumerated() {
            grid.writePair(line.label, line.value, row: text.row + index, in: text, glyphs: state.glyphs)
        }
    }
    // Three rows are left for the newest event.
    let room = rect.row + rect.rows - row - 3
    let speed = SpeedPane(run, columns: rect.columns - 4, room: room, state.glyphs)
    let title = run.head?.tariff == nil ? "Speed" : "Speed and cost"
    if let pane = pane(title, rows: speed.rows) {
        grid.box(pane, title: title, style: Style(.border), glyphs: state.glyphs)
        speed.draw(into: &grid, in: textRect(pane), state)
    }
    let rest = rect.row + rect.rows - row
    // The network stands in the header too: it comes only where epochs and events have room beside it.
    if rest >= layers.count + 4 + 11, let pane = pane("Network", rows: layers.count + 4) {
        grid.box(pane, title: "Network", style: Style(.border), glyphs: state.glyphs)
        drawNetwork(run, textRect(pane), state, &grid)
    }
    // The table of epochs takes what the events leave.
    let left = rect.row + rect.rows - row
    let epochs = epochLines(run)
    let events = min(max(run.marks.count + 4, 5), max(5, left / 2))
    if left - events >= 6, epochs.count > 1, let pane = pane("Epochs", rows: min(epochs.count + 2, left - events)) {
        grid.box(pane, title: "Epochs", style: Style(.border), glyphs: state.glyphs)
        drawEpochs(epochs, textRect(pane), state, &grid)
    }
    if let pane = pane("Events", rows: rect.rows) {
        grid.box(pane, title: "Events", style: Style(.border), glyphs: state.glyphs)
        drawEvents(run, textRect(pane), state, &grid)
    }
}

private func textRect(_ pane: Rect) -> Rect {
    Rect(row: pane.row + 1, column: pane.column + 2, rows: pane.rows - 2, columns: pane.columns - 4)
}

private func nowLines(_ run: RunState, isShort: Bool) -> [(label: String, value: [Part])] {
    func value(_ metric: String, _ format: (Double) -> String, _ role: Role) -> [Part] {
        run.curves[metric]?.last.map { [Part(format($0), role)] } ?? [Part("-", .dim)]
    }
    let watched = run.head?.watchedSplit ?? .validation
    let quality = ChartKind.quality(of: run)
    // With money and energy to be told, a low window has no room for the best epoch, which the curves mark too.
    let isFull = isShort && run.head?.tariff?.pricePerCoreHour != nil && run.head?.tariff?.wattsPerCore != nil
    var lines: [(label: String, value: [Part])] = [
        ("train loss", value("train/loss", { Format.number($0) }, .series(0)))
    ]
    if quality == .accuracy {
        lines.append(("train accuracy", value("train/accuracy", { Format.percent($0) }, .series(0))))
    }
    lines.append(("\(watched.rawValue) loss", value("\(watched.rawValue)/loss", { Format.number($0) }, .series(1))))
    if quality == .accuracy {
        lines.append(
            ("\(watched.rawValue) acc.", value("\(watched.rawValue)/accuracy", { Format.percent($0) }, .series(1))))
    } else {
        for (name, measure) in [("RMSE", "rmse"), ("R2", "r2")] {
            lines.append(
                (
                    "\(watched.rawValue) \(name)",
                    value("\(watched.rawValue)/\(measure)", { Format.number($0) }, .series(1))
                ))
        }
    }
    if let curve = run.curves["\(watched.rawValue)/\(quality.metric)"], let best = bestPoint(curve, quality) {
        let epoch = (best.step + (run.head?.stepsPerEpoch ?? 1) - 1) / max(1, run.head?.stepsPerEpoch ?? 1)
        if !isFull { lines.append(("best, epoch \(epoch)", [Part(quality.text(best.value), .good)])) }
    } else if !isFull {
        lines.append(("best", [Part("-", .dim)]))
    }
    let metric = "test/\(quality.metric)"
    if watched != .test, let test = run.finished?.metrics[metric] ?? run.curves[metric]?.last {
        let name = quality == .accuracy ? "accuracy" : quality.title
        lines.append(("test \(name)", [Part(quality.text(test), .good, bold: true)]))
    }
    if !isShort || run.finished == nil {
        lines.append(("rate, \(run.head?.optimizer ?? "")", [Part(run.learningRate.map { Format.number($0) } ?? "-")]))
    }
    if !isShort {
        lines.append(("checkpoint", [Part(run.lastCheckpoint.map { "step \(Format.count($0.step))" } ?? "none yet")]))
    }
    return lines
}

private func bestPoint(_ curve: Curve, _ kind: ChartKind) -> (step: Int, value: Double)? {
    var best: (step: Int, value: Double)?
    for (step, value) in zip(curve.steps, curve.values) where value.isFinite {
        if let before = best?.value, !kind.isBetter(value, than: before) { continue }
        best = (step, value)
    }
    return best
}

private func drawNetwork(_ run: RunState, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    guard let head = run.head else { return }
    let input = [Part("input ", .dim), Part("\(head.inputShape)")]
    grid.write(input, row: rect.row, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
    for (index, layer) in head.layers.enumerated() {
        let row = rect.row + 1 + index
        grid.write([Part(layer)], row: row, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
    }
    let total = [Part("\(Format.count(head.parameters)) parameters\(state.glyphs.dot)batch \(head.batch)", .dim)]
    grid.write(
        total, row: rect.row + 1 + head.layers.count, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
}

/// A heading and a row for each epoch that was measured: number, train loss, watched loss, watched accuracy or RMSE.
private func epochLines(_ run: RunState) -> [[Part]] {
    let watched = (run.head?.watchedSplit ?? .validation).rawValue
    let kind = ChartKind.quality(of: run)
    guard let quality = run.curves["\(watched)/\(kind.metric)"], let loss = run.curves["\(watched)/loss"] else {
        return []
    }
    let train = run.curves["train/loss"] ?? Curve()
    let best = bestPoint(quality, kind)?.step
    let perEpoch = max(1, run.head?.stepsPerEpoch ?? 1)
    let name = kind == .accuracy ? "accuracy" : kind.title
    var lines = [["", "train loss", "\(watched.prefix(3)) loss", name].map { Part($0, .dim) }]
    var at = 0
    for (index, step) in quality.steps.enumerated() {
        while at + 1 < train.count, train.steps[at + 1] <= step { at += 1 }
        lines.append([
            Part("\((step + perEpoch - 1) / perEpoch)", .dim),
            Part(at < train.count ? Format.compact(train.values[at]) : ""),
            Part(index < loss.count ? Format.compact(loss.values[index]) : ""),
            Part(
                kind == .accuracy ? kind.text(quality.values[index]) : Format.compact(quality.values[index]),
                step == best ? .good : .text, bold: step == best),
        ])
    }
    return lines
}

/// The heading and the newest epochs; where there is little room, without the train loss, which the curve shows too.
private func drawEpochs(_ lines: [[Part]], _ rect: Rect, _ state: State, _ grid: inout Grid) {
    guard let heading = lines.first else { return }
    let shown = [heading] + lines.dropFirst().suffix(rect.rows - 1)
    let columns = rect.columns >= 34 ? [1, 2, 3] : [2, 3]
    let first = 4
    let width = (rect.columns - first) / columns.count
    for (index, line) in shown.enumerated() {
        let row = rect.row + index
        grid.writeRight([line[0]], row: row, end: rect.column + first, columns: first, glyphs: state.glyphs)
        for (place, column) in columns.enumerated() {
            let end = rect.column + first + (place + 1) * width
            grid.writeRight([line[column]], row: row, end: end, columns: width - 1, glyphs: state.glyphs)
        }
    }
}

private func drawEvents(_ run: RunState, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    var lines: [[Part]] = []
    if let finished = run.finished {
        lines.append([Part(Format.duration(finished.seconds) + " ", .dim), Part(finishWord(finished.reason))])
    }
    for mark in run.marks.reversed() {
        lines.append([Part(Format.duration(mark.seconds) + " ", .dim), markPart(mark)])
    }
    if let head = run.head {
        lines.append([Part(Format.duration(0) + " ", .dim), Part("started, seed \(head.seed)")])
    }
    for (index, line) in lines.prefix(rect.rows).enumerated() {
        grid.write(line, row: rect.row + index, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
    }
}

private func finishWord(_ reason: RunEvent.Finished.Reason) -> String {
    switch reason {
    case .completed: "finished"
    case .stopped: "stopped and kept"
    case .diverged: "diverged"
    }
}

private func markPart(_ mark: Mark) -> Part {
    switch mark.kind {
    case .paused: Part("paused")
    case .continued: Part("continued")
    case .learningRate(let rate): Part("rate \(Format.number(rate))", .key)
    case .triedRates: Part("learning rates tried", .key)
    case .resumed: Part("resumed at step \(Format.count(mark.step))", .warning)
    case .warned(let message): Part(message, .warning)
    case .best: Part("best so far", .good)
    }
}
