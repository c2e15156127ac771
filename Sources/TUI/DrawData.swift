// The screen Data: classes and splits, and what the examples look like.

import Charts
import Engine
import Experiments

func drawData(_ state: State, _ grid: inout Grid) {
    guard let session = state.session, let head = session.run.head else { return }
    for pane in shownPanes(state) {
        switch pane.id {
        case .counts:
            let title = head.target == nil ? "Classes and splits" : "Target and splits"
            drawCounts(session, head, frame(pane, title, state, &grid), state, &grid)
        case .findings:
            let findings = session.facts?.data?.summary?.findings ?? []
            let serious = findings.count(where: \.isSerious)
            let title = serious > 0 ? "Findings, \(serious) serious" : "Findings"
            drawFindings(findings, session, frame(pane, title, state, &grid), state, &grid)
        case .examples:
            let summary = session.facts?.data?.summary
            let isTable = summary?.columns.isEmpty == false
            let strips = session.showsAugmented ? augmentedStrips(summary, head) : []
            let title =
                isTable
                ? "Columns of the training split" : strips.isEmpty ? "Examples" : "Examples, and as epochs see them"
            let rect = frame(pane, title, state, &grid)
            if let summary, isTable {
                drawColumns(
                    summary.columns, from: state.focusedPane == .examples ? session.scroll : 0, rect, state, &grid)
            } else if !strips.isEmpty {
                AugmentedGallery(strips: strips).draw(state, rect, &grid)
            } else if let summary, !summary.thumbnails.isEmpty {
                let items = summary.thumbnails.map { example in
                    let isNamed = head.classes.indices.contains(example.label)
                    return Gallery.Item(
                        picture: example.image, caption: [Part(isNamed ? head.classes[example.label] : "", .dim)])
                }
                Gallery(items: items, atLeast: head.classes.count).draw(state, rect, &grid)
            } else {
                drawMessage("This session keeps no examples", rect, &grid)
            }
        default: break
        }
    }
}

/// The sentences of `findings` in lines of at most `columns`, each with a sign before its first line.
func findingLines(_ findings: [DataFinding], columns: Int, _ glyphs: GlyphSet) -> [[Part]] {
    findings.flatMap { finding -> [[Part]] in
        wrapped(finding.text, columns: columns - 4).enumerated().map { place, line in
            let sign = place > 0 ? "  " : finding.isSerious ? "! " : glyphs == .ascii ? "- " : "· "
            return [
                Part(sign, finding.isSerious ? .warning : .dim, bold: true),
                Part(line, finding.isSerious ? .text : .dim),
            ]
        }
    }
}

private func drawFindings(
    _ findings: [DataFinding], _ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    let lines = findingLines(findings, columns: rect.columns, state.glyphs)
    guard !lines.isEmpty else {
        grid.write(
            [Part(state.ascii ? "+ " : "✓ ", .good), Part("Nothing stands out", .dim)], row: rect.row,
            column: rect.column + 1, columns: rect.columns - 2, glyphs: state.glyphs)
        return
    }
    let isFocused = state.focusedPane == .findings
    let first = isFocused ? min(session.scroll, max(0, lines.count - rect.rows)) : 0
    let isCut = lines.count - first > rect.rows
    for (place, line) in lines.dropFirst(first).prefix(isCut ? rect.rows - 1 : rect.rows).enumerated() {
        grid.write(
            line, row: rect.row + place, column: rect.column + 1, columns: rect.columns - 2, glyphs: state.glyphs)
    }
    if isCut, rect.rows > 0 {
        let more = counted(lines.count - first - rect.rows + 1, "more line", "more lines")
        grid.write(
            [Part("\(state.ascii ? "..." : "…") \(more): Tab, \(state.ascii ? "j" : "↓")", .dim)],
            row: rect.row + rect.rows - 1, column: rect.column + 1, columns: rect.columns - 2, glyphs: state.glyphs)
    }
}

/// The examples that are kept with their augmented versions.
private func augmentedStrips(_ summary: DataSummary?, _ head: RunEvent.Started) -> [AugmentedGallery.Strip] {
    guard let summary, let augmented = summary.augmented else { return [] }
    return augmented.compactMap { example in
        guard let original = summary.thumbnails.first(where: { $0.index == example.index }) else { return nil }
        func name(_ label: Int) -> String { head.classes.indices.contains(label) ? head.classes[label] : "" }
        return AugmentedGallery.Strip(
            original: original.image, name: name(original.label), epochs: example.epochs,
            mixed: example.mixed.map { ($0.share, name($0.label)) })
    }
}

private func drawCounts(
    _ session: OpenSession, _ head: RunEvent.Started, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    let data = session.facts?.data
    let inner = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    var lines: [[Part]] = [
        [Part(head.dataset, .title, bold: true), Part("  \(data?.origin ?? "")", .dim)],
        [Part("one example ", .dim), Part(head.inputShape.description)],
    ]
    let counts = [head.trainExamples, head.validationExamples, head.testExamples]
    for (split, count) in zip(Split.allCases, counts) {
        lines.append([
            Part(split.rawValue.padding(toLength: 12, withPad: " ", startingAt: 0), .dim), Part(Format.count(count)),
        ])
    }
    if let skipped = data?.skipped, !skipped.isEmpty {
        lines.append([Part("\(counted(skipped.count, "file was", "files were")) skipped, the first ", .warning)])
        if let first = skipped.first { lines.append([Part("\(first.path): \(first.reason)", .dim)]) }
    }
    if let target = head.target {
        lines += [[], [Part("predicts ", .dim), Part(target, .title, bold: true)]]
        if let numbers = data?.summary?.target {
            lines.append([
                Part("mean ", .dim), Part(Format.compact(numbers.mean)), Part("  deviation ", .dim),
                Part(Format.compact(numbers.deviation)),
            ])
            lines.append([Part("in the training split:", .dim)])
        }
    }
    for (index, line) in lines.prefix(inner.rows).enumerated() {
        grid.write(line, row: inner.row + index, column: inner.column, columns: inner.columns, glyphs: state.glyphs)
    }
    if head.target != nil {
        guard let numbers = data?.summary?.target else { return }
        let rows = min(inner.rows - lines.count, 14)
        Histogram(
            range: numbers.minimum...numbers.maximum, counts: numbers.counts, role: .series(0), glyphs: state.glyphs
        ).draw(
            into: &grid,
            in: Rect(row: inner.row + lines.count, column: inner.column, rows: rows, columns: inner.columns)
                .evenly(numbers.counts.count))
        return
    }
    let below = Rect(
        row: inner.row + lines.count + 1, column: inner.column, rows: inner.rows - lines.count - 1,
        columns: inner.columns)
    guard below.rows > 0, let splits = data?.summary?.splits, !splits.isEmpty else { return }
    let totals = head.classes.indices.map { label in
        splits.reduce(0) { $0 + ($1.counts.indices.contains(label) ? $1.counts[label] : 0) }
    }
    let first = state.focusedPane == .counts ? min(session.scroll, max(0, totals.count - below.rows)) : 0
    BarRows(
        rows: zip(head.classes, totals).dropFirst(first).map {
            (label: $0, value: Double($1), text: Format.count($1), role: Role.series(0))
        }, glyphs: state.glyphs
    ).draw(into: &grid, in: below)
}

private func drawColumns(
    _ columns: [ColumnSummary], from first: Int, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    let widths = [9, 10, 10, 10]
    let titles = ["mean", "deviation", "min", "max"]
    let bars = 17
    var shown = widths.count
    while shown > 0, rect.columns - bars - widths.prefix(shown).reduce(0, +) < 20 { shown -= 1 }
    let textWidth = rect.columns - bars - widths.prefix(shown).reduce(0, +) - 3
    func line(_ row: Int, _ name: String, _ cells: [String], _ role: Role) {
        grid.write([Part(name, role)], row: row, column: rect.column + 1, columns: textWidth, glyphs: state.glyphs)
        var end = rect.column + 1 + textWidth
        for (cell, width) in zip(cells, widths).prefix(shown) {
            end += width
            grid.writeRight([Part(cell, role)], row: row, end: end, columns: width, glyphs: state.glyphs)
        }
    }
    line(rect.row, "column", titles, .dim)
    let barsAt = rect.column + rect.columns - bars
    _ = grid.write("histogram", row: rect.row, column: barsAt, style: Style(.dim))
    let start = min(first, max(0, columns.count - rect.rows + 1))
    for (place, column) in columns.dropFirst(start).prefix(max(0, rect.rows - 1)).enumerated() {
        let row = rect.row + 1 + place
        let missing = column.missing > 0 ? " (\(Format.count(column.missing)) missing)" : ""
        switch column.content {
        case .category(let levels):
            var texts = zip(levels.names, levels.counts).map { "\($0) \(Format.count($1))" }
            if levels.others > 0 { texts.append("others \(Format.count(levels.others))") }
            line(row, column.name + missing, [], .text)
            grid.write(
                [Part(texts.joined(separator: ", "), .dim)], row: row, column: rect.column + 2 + textWidth,
                columns: rect.columns - textWidth - 3, glyphs: state.glyphs)
        case .numeric(let numbers):
            let shown = [numbers.mean, numbers.deviation, numbers.minimum, numbers.maximum]
            line(row, column.name + missing, shown.map { Format.compact($0) }, .text)
            Sparkline(values: numbers.counts.map(Double.init), role: .series(0), glyphs: state.glyphs)
                .draw(into: &grid, in: Rect(row: row, column: barsAt, rows: 1, columns: bars - 1))
        }
    }
}
