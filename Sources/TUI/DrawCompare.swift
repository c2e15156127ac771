// The screen Compare: smaller variants of the model beside it, what they cost and what they bring.

import Charts
import Engine
import Experiments
import Foundation

/// Where the panes lie: the table above all of the width, below what has room.
func comparePanes(_ session: OpenSession, _ body: Rect) -> [Pane] {
    let lines = max(4, session.variants.count) + 4
    let order: [PaneID] = [.front, .change, .sensitivity, .histograms]
    let at = order.firstIndex(of: session.compare.pane) ?? 0
    let panes = order.indices.map { order[(at + $0) % order.count] }
    if body.columns >= 110, body.rows >= 44 {
        let (upper, lower) = body.split(rows: min(lines + 1, body.rows * 2 / 5))
        let (left, right) = lower.split(columns: lower.columns / 2)
        let (a, b) = left.split(rows: left.rows / 2)
        let (c, d) = right.split(rows: right.rows / 2)
        return [
            Pane(id: .variants, rect: upper), Pane(id: .front, rect: a), Pane(id: .change, rect: c),
            Pane(id: .sensitivity, rect: b), Pane(id: .histograms, rect: d),
        ]
    }
    let (upper, lower) = body.split(rows: min(lines, body.rows / 2))
    guard body.columns >= 100 else {
        return [Pane(id: .variants, rect: upper), Pane(id: panes[0], rect: lower)]
    }
    let (left, right) = lower.split(columns: lower.columns / 2)
    return [Pane(id: .variants, rect: upper), Pane(id: panes[0], rect: left), Pane(id: panes[1], rect: right)]
}

func drawCompare(_ state: State, _ grid: inout Grid) {
    guard let session = state.session else { return }
    for pane in shownPanes(state) {
        switch pane.id {
        case .variants:
            drawVariants(session, frame(pane, "Variants \(session.compare.order.word)", state, &grid), state, &grid)
        case .front: drawFront(session, pane, state, &grid)
        case .change: drawChange(session, pane, state, &grid)
        case .sensitivity: drawSensitivity(session, pane, state, &grid)
        case .histograms: drawHistograms(session, pane, state, &grid)
        default: break
        }
    }
}

/// A column of the table: its heading, and the text of a variant.
struct VariantColumn {
    var heading: String
    var text: (VariantLine) -> String
    var role: (VariantLine) -> Role = { _ in .text }
}

private func signed(_ value: Double, _ decimals: Int) -> String {
    let text = String(format: "%.\(decimals)f", abs(value))
    return (value < 0 && text.contains { $0 != "0" && $0 != "." } ? "-" : "") + text
}

/// The columns behind the names, those that matter most first.
func variantColumns(_ session: OpenSession) -> [VariantColumn] {
    let base = session.run.variants.baseline
    let workers = session.run.head?.workers ?? 1
    func percent(_ value: Double) -> String { String(format: "%.2f", value * 100) }
    func timed(_ line: VariantLine, _ text: String) -> String { line.imagesPerSecond > 0 ? text : "-" }
    var columns = [
        VariantColumn(heading: "bytes") { Format.bytes($0.bytes) },
        VariantColumn(heading: "of it") { line in
            base.map { $0.bytes > 0 ? String(format: "%.1f%%", Double(line.bytes) / Double($0.bytes) * 100) : "-" }
                ?? "-"
        },
        VariantColumn(heading: "accuracy") { percent($0.accuracy) },
        VariantColumn(
            heading: "lost", text: { $0.isBaseline ? "" : signed($0.lostPoints, 2) },
            role: { $0.lostPoints > 0.5 ? .bad : $0.lostPoints > 0 ? .warning : .good }),
        VariantColumn(heading: "p") { line in
            line.isBaseline ? "" : line.mcNemarP < 0.001 ? "<.001" : String(format: "%.3f", line.mcNemarP)
        },
        VariantColumn(heading: "images/s") { timed($0, Format.rate($0.imagesPerSecond)) },
        VariantColumn(
            heading: "times", text: { timed($0, String(format: "%.2f", $0.speedup)) },
            role: { $0.speedup >= 1.1 ? .good : .text }),
        VariantColumn(heading: "p50 us") { timed($0, Format.compact($0.median * 1e6)) },
        VariantColumn(heading: "p95 us") { timed($0, Format.compact($0.percentile95 * 1e6)) },
        VariantColumn(heading: "agrees") { percent($0.agreement) },
        VariantColumn(heading: "95 % interval") {
            "\(percent($0.accuracyInterval.low))-\(percent($0.accuracyInterval.high))"
        },
        VariantColumn(heading: "macro F1") { $0.macroF1.map(percent) ?? "undefined" },
        VariantColumn(heading: "AUC") { $0.auc.map { String(format: "%.4f", $0) } ?? "undefined" },
        VariantColumn(heading: "gzip") { Format.bytes($0.gzipBytes) },
        VariantColumn(heading: "as float32") { Format.bytes($0.parameters * 4) },
        VariantColumn(heading: "parameters") { Format.count($0.parameters) },
        VariantColumn(heading: "MACs") { Format.short(Double($0.multiplyAdds)) },
        VariantColumn(heading: "tuned") { $0.epochs > 0 ? "\($0.epochs)" : "-" },
    ]
    if let tariff = session.run.head?.tariff {
        columns.append(
            VariantColumn(heading: "1M cost") { line in
                guard let bill = line.bill(predictions: 1e6, workers: workers, tariff) else { return "-" }
                if let cost = bill.cost { return "\(Format.amount(cost)) \(tariff.currency)" }
                return bill.wattHours.map { "\(Format.amount($0)) Wh" } ?? "-"
            })
    }
    return columns
}

private func nothingYet(_ session: OpenSession) -> String {
    compareRefusal(session) ?? "a adds a variant: int8, prune80, channels50, cluster16, and more"
}

private func drawVariants(_ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    let variants = session.variants
    let footer = Rect(row: rect.row + rect.rows - 1, column: rect.column + 1, rows: 1, columns: rect.columns - 2)
    drawVariantFooter(session, footer, state, &grid)
    let rows = rect.rows - 1
    guard !variants.isEmpty, rows >= 2 else {
        return drawMessage(
            session.explain.fraction == nil ? nothingYet(session) : "Measuring the model itself",
            Rect(row: rect.row, column: rect.column, rows: rows, columns: rect.columns), &grid)
    }
    let all = variantColumns(session)
    let shown = all.dropFirst(min(session.compare.column, all.count - 1))
    let names = min(max(12, variants.map { displayWidth($0.variant) }.max() ?? 0) + 4, max(16, rect.columns / 3))
    var column = rect.column + names
    var placed: [(column: VariantColumn, start: Int, width: Int)] = []
    for each in shown {
        let width = max(displayWidth(each.heading), variants.map { displayWidth(each.text($0)) }.max() ?? 0)
        // What says that there is more has its place at the end.
        guard column + width + 2 <= rect.column + rect.columns - 5 else { break }
        placed.append((each, column + 2, width))
        column += width + 2
    }
    for (column, start, width) in placed {
        grid.writeRight(
            [Part(column.heading, .dim)], row: rect.row, end: start + width, columns: width, glyphs: state.glyphs)
    }
    let isCut = session.compare.column + placed.count < all.count
    let more = isCut ? state.glyphs.pick("l ›", "l >") : ""
    grid.write(
        [Part("variant", .dim)], row: rect.row, column: rect.column + 3, columns: names - 3, glyphs: state.glyphs)
    if isCut {
        grid.writeRight(
            [Part(more, .key)], row: rect.row, end: rect.column + rect.columns - 1, columns: 3, glyphs: state.glyphs)
    }
    let selected = session.selectedVariant ?? 0
    for (offset, place) in listedVariants(session, rect).enumerated() {
        let line = variants[place]
        let row = rect.row + 1 + offset
        let isSelected = place == selected
        if isSelected {
            grid.fill(
                Rect(row: row, column: rect.column, rows: 1, columns: rect.columns), Cell(" ", Style(.selection)))
        }
        func role(_ role: Role) -> Role { isSelected ? .selection : role }
        let mark = session.compare.marked.contains(line.variant) ? state.glyphs.pick("◉", "*") : " "
        let chosen = session.run.variants.chosen == line.variant ? state.glyphs.pick("★", "!") : " "
        grid.write(
            [
                Part(mark, role(.focus)), Part(chosen, role(.good)), Part(" ", role(.text)),
                Part(line.variant, role(line.isBaseline ? .title : .text)),
            ], row: row, column: rect.column, columns: names, glyphs: state.glyphs)
        for (column, start, width) in placed {
            grid.writeRight(
                [Part(column.text(line), role(column.role(line)))], row: row, end: start + width, columns: width,
                glyphs: state.glyphs)
        }
    }
}

/// What is worked on, why it failed, or what is to be known of the selected variant.
private func drawVariantFooter(_ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    if let fraction = session.explain.fraction {
        let subject = session.compare.subject.isEmpty ? "Working" : "Making \(session.compare.subject)"
        let used = grid.write(
            [Part("\(subject) ", .title)], row: rect.row, column: rect.column, columns: max(10, rect.columns / 2),
            glyphs: state.glyphs)
        let room = rect.columns - used - 14
        if room >= 8 {
            ProgressBar(fraction: fraction, glyphs: state.glyphs).draw(
                into: &grid, in: Rect(row: rect.row, column: rect.column + used + 1, rows: 1, columns: room))
        }
        grid.writeRight(
            [Part("Esc stops", .dim)], row: rect.row, end: rect.column + rect.columns, columns: 10,
            glyphs: state.glyphs)
        return
    }
    if let failure = session.explain.failure {
        grid.write(
            [Part(failure, .bad)], row: rect.row, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
        return
    }
    guard let selected = session.selectedVariant else { return }
    let line = session.variants[selected]
    var parts = [Part(line.note.isEmpty ? plainNote(line) : line.note, .dim)]
    let suffix = session.layerSuffix
    if !suffix.isEmpty { parts.insert(Part("next\(suffix)\(state.glyphs.dot)", .warning), at: 0) }
    if session.compare.epochs > 0 {
        parts.insert(
            Part("\(counted(session.compare.epochs, "epoch", "epochs")) of tuning\(state.glyphs.dot)", .dim), at: 0)
    }
    grid.write(parts, row: rect.row, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
}

/// What is said of a variant that needs no note.
private func plainNote(_ line: VariantLine) -> String {
    if line.isBaseline { return "the model itself" }
    let isInBytes = (try? VariantRecipe(line.variant))?.numbers == .int8
    return isInBytes ? "computes in bytes, by integer kernels" : "runs smaller"
}

/// Places of the variants that the table shows: the baseline, which stays, and those around the selected one.
private func listedVariants(_ session: OpenSession, _ rect: Rect) -> [Int] {
    let count = session.variants.count
    let room = max(1, rect.rows - 2)
    guard count > room, room > 2 else { return Array(0..<min(count, room)) }
    let first = max(1, min((session.selectedVariant ?? 0) - room / 2, count - room + 1))
    return [0] + Array(first..<first + room - 1)
}

/// The place of the variant that is drawn in a row of the screen; nil: none.
func listedVariant(_ session: OpenSession, _ pane: Pane, at row: Int) -> Int? {
    let rect = pane.rect.inset()
    guard (rect.row + 1..<rect.row + rect.rows - 1).contains(row) else { return nil }
    let listed = listedVariants(session, rect)
    let offset = row - rect.row - 1
    return listed.indices.contains(offset) ? listed[offset] : nil
}

private func drawFront(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    let latency = session.compare.showsLatency
    let rect = frame(pane, latency ? "Accuracy over latency" : "Accuracy over size", state, &grid)
    let variants = session.variants.filter { !latency || $0.median > 0 }
    guard variants.count > 1 else {
        return drawMessage("Variants stand here by what they cost and what they are worth", rect, &grid)
    }
    let selected = session.selectedVariant.map { session.variants[$0].variant }
    ParetoChart(
        points: variants.map {
            ParetoChart.Point(
                name: $0.variant, cost: latency ? $0.median * 1e6 : Double($0.bytes) / 1000, worth: $0.accuracy * 100,
                isSelected: $0.variant == selected)
        }, costLabel: latency ? "us" : "kB", worthLabel: "accuracy %",
        lessWord: latency ? "quicker" : "smaller", glyphs: state.glyphs
    ).draw(into: &grid, in: rect)
}

/// What changes from one variant to the other: measures side by side where two are held against each other, and recall by class.
private func drawChange(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    guard let (first, second) = session.comparedPair, first.variant != second.variant else {
        return drawMessage(
            "Select a variant: what each class gains or loses", frame(pane, "By class", state, &grid), &grid)
    }
    let title = "Recall by class: \(second.variant) against \(first.variant)"
    var rect = frame(pane, title, state, &grid)
    rect = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    if session.compare.showsDifference, rect.rows >= 10 {
        let rows: [(String, (VariantLine) -> String)] = [
            ("bytes", { Format.bytes($0.bytes) }), ("accuracy", { String(format: "%.2f %%", $0.accuracy * 100) }),
            ("agrees with the model", { String(format: "%.2f %%", $0.agreement * 100) }),
            ("images/s", { $0.imagesPerSecond > 0 ? Format.rate($0.imagesPerSecond) : "-" }),
        ]
        for (offset, row) in rows.enumerated() {
            grid.writePair(
                row.0, [Part(row.1(first), .dim), Part(state.glyphs.arrow, .dim), Part(row.1(second))],
                row: rect.row + offset, in: rect, glyphs: state.glyphs)
        }
        rect = rect.split(rows: rows.count + 1).1
    }
    let classes = session.run.head?.classes ?? []
    // A file may say recalls of other classes than the run has.
    let count = min(first.recalls.count, second.recalls.count, classes.count)
    let terms = (0..<count).compactMap { index -> WeightBars.Term? in
        let change = (second.recalls[index] - first.recalls[index]) * 100
        guard change.isFinite else { return nil }
        return WeightBars.Term(text: classes[index], weight: change, low: change, high: change)
    }
    guard terms.contains(where: { $0.weight != 0 }) else {
        return drawMessage("No class gains or loses a point of recall", rect, &grid)
    }
    WeightBars(terms: terms, glyphs: state.glyphs).draw(into: &grid, in: rect)
}

private func drawSensitivity(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    let examples = session.run.variants.sensitivity.map { "\(state.glyphs.dot)\(Format.count($0.examples)) examples" }
    let rect = frame(pane, "Each layer alone" + (examples ?? ""), state, &grid)
    let layers = session.weightedLayers
    guard !layers.isEmpty, rect.rows >= 2 else { return drawMessage("The layers are not known yet", rect, &grid) }
    let found = session.run.variants.sensitivity
    let treatments = found?.treatments ?? []
    let widths = treatments.map { max(6, displayWidth($0)) }
    var shown = treatments.count
    let least = 22
    while shown > 0, widths.prefix(shown).reduce(0, { $0 + $1 + 2 }) + least > rect.columns { shown -= 1 }
    let names = rect.columns - widths.prefix(shown).reduce(0) { $0 + $1 + 2 } - 1
    let heading = found == nil ? "s measures what each loses alone" : "points lost"
    grid.write([Part(heading, .dim)], row: rect.row, column: rect.column + 1, columns: names, glyphs: state.glyphs)
    var end = rect.column + names
    for place in 0..<shown {
        end += widths[place] + 2
        grid.writeRight(
            [Part(treatments[place], .dim)], row: rect.row, end: end, columns: widths[place], glyphs: state.glyphs)
    }
    let room = rect.rows - 1
    let selected = min(session.compare.layer, layers.count - 1)
    let first = max(0, min(selected - room / 2, layers.count - room))
    for (offset, layer) in layers.dropFirst(first).prefix(room).enumerated() {
        let row = rect.row + 1 + offset
        let isSelected = first + offset == selected
        if isSelected {
            grid.fill(
                Rect(row: row, column: rect.column, rows: 1, columns: rect.columns), Cell(" ", Style(.selection)))
        }
        func role(_ role: Role) -> Role { isSelected ? .selection : role }
        var mark = ""
        if session.compare.kept.contains(layer.number) { mark = " float" }
        if let percent = session.compare.sparsity[layer.number] { mark = " \(percent) %" }
        grid.write(
            [Part("\(layer.number) ", role(.dim)), Part(layer.name, role(.text)), Part(mark, role(.warning))], row: row,
            column: rect.column + 1, columns: names - 1, glyphs: state.glyphs)
        guard let lost = found?.layers.first(where: { $0.number == layer.number })?.lostPoints else { continue }
        var end = rect.column + names
        for place in 0..<min(shown, lost.count) {
            end += widths[place] + 2
            let value = lost[place]
            grid.writeRight(
                [Part(signed(value, 2), role(value > 1 ? .bad : value > 0.2 ? .warning : .text))], row: row, end: end,
                columns: widths[place], glyphs: state.glyphs)
        }
    }
}

/// The weights of the selected layer, before and after.
private func drawHistograms(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    let layers = session.weightedLayers
    let layer = layers.indices.contains(session.compare.layer) ? layers[session.compare.layer] : layers.first
    let title = layer.map { "Weights of layer \($0.number), \($0.name)" } ?? "Weights"
    let rect = frame(pane, title, state, &grid)
    guard let layer, let selected = session.selectedVariant, let base = session.run.variants.baseline else {
        return drawMessage("Weights before and after stand here", rect, &grid)
    }
    let variant = session.variants[selected]
    func histogram(_ line: VariantLine) -> WeightHistogram? { line.weights.first { $0.name == layer.array } }
    let pairs = (variant.isBaseline ? [base] : [base, variant]).compactMap { line in
        histogram(line).map { (line.variant, $0) }
    }
    guard !pairs.isEmpty, rect.rows >= 4 else { return drawMessage("Its weights are not recorded", rect, &grid) }
    let (low, high) = (pairs.map(\.1.low).min() ?? -1, pairs.map(\.1.high).max() ?? 1)
    let height = rect.rows / pairs.count
    for (place, (name, histogram)) in pairs.enumerated() {
        let part = Rect(
            row: rect.row + place * height, column: rect.column + 1, rows: height, columns: rect.columns - 2)
        grid.write(
            [
                Part(name, .series(place)),
                Part("\(state.glyphs.dot)deviation \(Format.compact(histogram.deviation))", .dim),
            ],
            row: part.row, column: part.column, columns: part.columns, glyphs: state.glyphs)
        Histogram(
            range: low...max(high, low + 1e-9),
            counts: rebinned(histogram, low: low, high: max(high, low + 1e-9), bins: max(1, part.columns)),
            role: .series(place),
            glyphs: state.glyphs
        ).draw(
            into: &grid, in: Rect(row: part.row + 1, column: part.column, rows: part.rows - 1, columns: part.columns))
    }
}
