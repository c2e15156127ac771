// The part of the screen Train that tells how fast a run goes, where its time goes, and what it costs.

import Charts
import Engine
import Experiments

/// One row of the pane. Where there is little room, those that matter least are left out.
private struct SpeedRow {
    enum Content {
        case pair(String, [Part])
        case sparkline([Double])
        case bar(StackedBar)
        /// The legend of the bar above it.
        case legend(StackedBar, rows: Int)
        case note(String)
        case workers([Double], columns: Int, rows: Int)
    }
    var content: Content
    /// The smallest is shown first.
    var rank: Int

    var rows: Int {
        switch content {
        case .legend(_, let rows), .workers(_, _, let rows): rows
        default: 1
        }
    }
}

/// The pane's rows, as many as `room` has, always in the same order.
private func speedRows(_ run: RunState, columns: Int, room: Int, _ glyphs: GlyphSet) -> [SpeedRow] {
    var rows: [SpeedRow] = []
    func add(_ rank: Int, _ content: SpeedRow.Content) { rows.append(SpeedRow(content: content, rank: rank)) }
    let head = run.head
    let work = run.progress?.work
    // Sessions of earlier versions tell neither an estimate nor where the time went.
    let tells = head?.estimate != nil || work != nil
    add(0, .pair(speedUnit(run), [speedNumber(run)]))
    add(8, .sparkline(run.curves["images_per_s"]?.values ?? []))
    if tells {
        add(1, .pair("GFLOP/s", work.map { [Part(gigaflops($0, columns))] } ?? [Part("-", .dim)]))
        if let bar = stepParts(work, isNarrow: columns < 30, glyphs) {
            add(2, .bar(bar))
            add(3, .legend(bar, rows: bar.legendRows(columns: columns)))
        } else {
            // The same room, so that nothing jumps when the first times are there.
            let empty = StackedBar(
                parts: stepPartNames(isNarrow: columns < 30).map { .init($0, .nan, .dim) }, glyphs: glyphs)
            add(2, .note("time by parts: soon"))
            add(3, .legend(empty, rows: empty.legendRows(columns: columns)))
        }
    }
    let workers = run.progress?.busy ?? Array(repeating: 0, count: head?.workers ?? 0)
    if !workers.isEmpty {
        let across = min(workers.count, max(1, columns / (workers.count > 4 && columns >= 44 ? 22 : 15)))
        let lines = min((workers.count + across - 1) / across, max(2, room / 4))
        add(tells ? 9 : 2, .workers(workers, columns: across, rows: lines))
    }
    if tells {
        let memory = work?.residentBytes.map { Part(Format.bytes($0)) }
        add(6, .pair("memory", [memory ?? about(head?.estimate.map { Format.bytes($0.memory.total) }, glyphs)]))
        if run.finished == nil { add(7, .pair("time left", [timeLeft(run, glyphs)])) }
    }
    if let tariff = head?.tariff { addBill(tariff, run, columns, add) }
    return fitting(rows, room: room)
}

/// Those of `rows` that matter most and fit into `room`, in their order.
private func fitting(_ rows: [SpeedRow], room: Int) -> [SpeedRow] {
    var left = room
    var kept: Set<Int> = []
    for (index, row) in rows.enumerated().sorted(by: { $0.element.rank < $1.element.rank }) where row.rows <= left {
        kept.insert(index)
        left -= row.rows
    }
    return rows.enumerated().filter { kept.contains($0.offset) }.map(\.element)
}

private func addBill(
    _ tariff: Tariff, _ run: RunState, _ columns: Int, _ add: (Int, SpeedRow.Content) -> Void
) {
    let (now, end) = (run.bill, run.billAtEnd)
    func soFar(_ value: Double?, _ whole: Double?, _ unit: String) -> [Part] {
        guard let value else { return [Part("-", .dim)] }
        let unit = unit.isEmpty ? "" : " \(unit)"
        guard let whole else { return [Part(Format.amount(value) + unit)] }
        let between = columns >= 30 ? " of " : "/"
        return [Part(Format.amount(value)), Part("\(between)\(Format.amount(whole))", .dim), Part(unit)]
    }
    if tariff.pricePerCoreHour != nil { add(4, .pair("cost", soFar(now?.cost, end?.cost, tariff.currency))) }
    if tariff.wattsPerCore != nil { add(5, .pair("energy", soFar(now?.wattHours, end?.wattHours, "Wh"))) }
    if tariff.pricePerCoreHour != nil {
        add(10, .pair("cost an epoch", soFar(run.billPerEpoch?.cost, nil, tariff.currency)))
    }
}

private func about(_ text: String?, _ glyphs: GlyphSet) -> Part { Part(text.map { "about \($0)" } ?? "-", .dim) }

private func timeLeft(_ run: RunState, _ glyphs: GlyphSet) -> Part {
    if let remaining = run.progress?.remainingSeconds { return Part(Format.duration(remaining)) }
    guard let head = run.head, let seconds = head.estimate?.secondsPerEpoch else { return Part("-", .dim) }
    return about(Format.duration(seconds * Double(head.epochs) * (1 - run.fractionDone)), glyphs)
}

private func speedUnit(_ run: RunState) -> String {
    if case .image = run.head?.inputShape { "images/s" } else { "examples/s" }
}

/// The newest speed, the mean of a finished run, or what was expected.
private func speedNumber(_ run: RunState) -> Part {
    func count(_ value: Double) -> String { value.isFinite && abs(value) < 1e15 ? Format.count(Int(value)) : "0" }
    if let speed = run.finished?.imagesPerSecond ?? run.curves["images_per_s"]?.last {
        return Part(count(speed), .text, bold: true)
    }
    guard let head = run.head, let speed = head.estimate?.examplesPerSecond(trainExamples: head.trainExamples) else {
        return Part("-", .dim)
    }
    return Part("about \(count(speed))", .dim)
}

private func gigaflops(_ work: RunEvent.Work, _ columns: Int) -> String {
    let speed = Format.rate(work.gigaflopPerSecond)
    guard let fraction = work.peakFraction else { return speed }
    return "\(speed), \(Format.wholePercent(fraction)) \(columns >= 30 ? "of peak" : "peak")"
}

/// Names of the parts of a step and of waiting, in the order of ``RunEvent/Work/shares``.
private func stepPartNames(isNarrow: Bool) -> [String] {
    isNarrow ? ["data", "fwd", "bwd", "sum", "upd", "wait"] : ["data", "forward", "backward", "sum", "update", "wait"]
}

/// Where the workers' time goes; nil before it was measured.
private func stepParts(_ work: RunEvent.Work?, isNarrow: Bool, _ glyphs: GlyphSet) -> StackedBar? {
    let names = stepPartNames(isNarrow: isNarrow)
    guard let shares = work?.shares, shares.count == names.count else { return nil }
    let roles: [Role] = [.series(3), .series(0), .series(1), .series(4), .series(2), .dim]
    return StackedBar(
        parts: zip(zip(names, shares), roles).map { StackedBar.Part($0.0, $0.1, $1) }, glyphs: glyphs)
}

/// The pane's rows, chosen for the room that there is.
struct SpeedPane {
    private let lines: [SpeedRow]

    /// - Parameter room: rows that the pane may take, its border included.
    init(_ run: RunState, columns: Int, room: Int, _ glyphs: GlyphSet) {
        lines = speedRows(run, columns: columns, room: max(0, room - 2), glyphs)
    }

    /// Rows that it takes, its border included.
    var rows: Int { lines.reduce(2) { $0 + $1.rows } }

    func draw(into grid: inout Grid, in rect: Rect, _ state: State) {
        var row = rect.row
        for line in lines where row + line.rows <= rect.row + rect.rows {
            let place = Rect(row: row, column: rect.column, rows: line.rows, columns: rect.columns)
            switch line.content {
            case .pair(let label, let value):
                // What does not fit says by its unit what it is.
                let width = value.reduce(displayWidth(label) + 1) { $0 + displayWidth($1.text) }
                grid.writePair(width <= rect.columns ? label : "", value, row: row, in: place, glyphs: state.glyphs)
            case .sparkline(let values): drawSparkline("", values, row: row, in: place, state.glyphs, &grid)
            case .bar(let bar): bar.draw(into: &grid, in: place)
            case .legend(let bar, _): bar.drawLegend(into: &grid, in: place)
            case .note(let text):
                grid.write(
                    [Part(text, .dim)], row: row, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
            case .workers(let workers, let columns, _): drawWorkers(workers, columns, place, state, &grid)
            }
            row += line.rows
        }
    }
}

private func drawWorkers(_ workers: [Double], _ columns: Int, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    let rows = rect.rows
    let width = (rect.columns - (columns - 1) * 2) / columns
    let fits = rows * columns
    for (index, busy) in workers.prefix(fits).enumerated() {
        let row = rect.row + index % rows
        let column = rect.column + index / rows * (width + 2)
        if index == fits - 1, workers.count > fits {
            let text = [Part("and \(workers.count - fits + 1) more", .dim)]
            grid.write(text, row: row, column: column, columns: width, glyphs: state.glyphs)
            break
        }
        let label = width >= 20 ? "worker \(index + 1)" : "\(index + 1)"
        let used = grid.write(label + " ", row: row, column: column, style: Style(.dim), maxColumns: width)
        let percent = "\(Int((min(max(busy.isFinite ? busy : 0, 0), 1) * 100).rounded())) %"
        grid.writeRight([Part(percent)], row: row, end: column + width, columns: 5, glyphs: state.glyphs)
        let meter = Rect(row: row, column: column + used, rows: 1, columns: width - used - 6)
        if meter.columns >= 3 { Meter(fraction: busy, glyphs: state.glyphs).draw(into: &grid, in: meter) }
    }
}
