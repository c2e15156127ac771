// The screen Model: layers with what they cost, and how their weights have moved.

import Charts
import Engine
import Experiments

func drawModel(_ state: State, _ grid: inout Grid) {
    guard let session = state.session, let head = session.run.head else { return }
    for pane in shownPanes(state) {
        switch pane.id {
        case .layers:
            let rect = frame(pane, "Layers", state, &grid)
            if let network = session.facts?.network {
                drawLayers(network, session.scroll, rect, state, &grid)
            } else {
                for (index, layer) in head.layers.prefix(rect.rows).enumerated() {
                    _ = grid.write(layer, row: rect.row + index, column: rect.column + 1, style: Style(.text))
                }
            }
        case .weights: drawWeights(session, pane, state, &grid)
        default: break
        }
    }
}

private func drawLayers(_ network: Network, _ selected: Int, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    let titles = ["output", "parameters", "multiply-adds", "memory"]
    let widths = [9, 11, 14, 10]
    // What has no room is left out from the right, memory last named first out.
    var shown = widths.count
    while shown > 1, rect.columns - widths.prefix(shown).reduce(0, +) < 22 { shown -= 1 }
    let textWidth = rect.columns - widths.prefix(shown).reduce(0, +) - 3
    func line(_ row: Int, _ name: String, _ cells: [String], _ role: Role, bold: Bool = false) {
        grid.write(
            [Part(name, role, bold: bold)], row: row, column: rect.column + 2, columns: textWidth, glyphs: state.glyphs)
        var end = rect.column + 2 + textWidth
        for (cell, width) in zip(cells, widths).prefix(shown) {
            end += width
            grid.writeRight([Part(cell, role, bold: bold)], row: row, end: end, columns: width, glyphs: state.glyphs)
        }
    }
    line(rect.row, "layer", titles, .dim)
    let rows = rect.rows - 3
    guard rows > 0 else { return }
    let first = max(0, min(selected - rows / 2, network.layers.count - rows))
    line(rect.row + 1, "input", [network.input.description, "", "", ""], .dim)
    for (place, layer) in network.layers.dropFirst(first).prefix(rows).enumerated() {
        let row = rect.row + 2 + place
        let isSelected = first + place == selected
        if isSelected {
            grid.fill(Rect(row: row, column: rect.column, rows: 1, columns: rect.columns), Cell(" ", Style(.selection)))
            _ = grid.write(state.glyphs.pointer, row: row, column: rect.column, style: Style(.selection))
        }
        let parameters = layer.parameters.reduce(0) { $0 + $1.count }
        line(
            row, layer.summary,
            [
                layer.output.description, parameters > 0 ? Format.count(parameters) : "",
                layer.multiplyAdds > 0 ? Format.count(layer.multiplyAdds) : "",
                Format.bytes(layer.activationBytes + parameters * 4),
            ], isSelected ? .selection : .text)
    }
    let total = network.layers.reduce(0) { $0 + $1.activationBytes } + network.parameterCount * 4
    line(
        rect.row + rect.rows - 1, "in all, one example",
        ["", Format.count(network.parameterCount), Format.count(network.multiplyAdds), Format.bytes(total)], .title,
        bold: true)
}

/// Histograms of the selected layer's weights: the newest large, those before it as shades, the newest at the bottom.
private func drawWeights(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    let history = session.run.weightHistograms
    // The layer under the selection, or the next one that has weights.
    let layers = session.facts?.network?.layers ?? []
    let names =
        layers.dropFirst(session.scroll).lazy.compactMap { $0.parameters.first?.name }.first
        ?? layers.lazy.compactMap { $0.parameters.first?.name }.first
    let name = names ?? history.last?.histograms.first?.name ?? ""
    let rows = history.compactMap { entry in
        entry.histograms.first { $0.name == name }.map { (epoch: entry.epoch, histogram: $0) }
    }
    let rect = frame(pane, name.isEmpty ? "Weights" : "Weights of \(name)", state, &grid)
    guard let newest = rows.last else {
        return drawMessage("Histograms come at the end of each epoch", rect, &grid)
    }
    let inner = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    let facts = [
        Part("epoch \(newest.epoch)", .text), Part("\(state.glyphs.dot)mean ", .dim),
        Part(Format.compact(newest.histogram.mean)), Part("\(state.glyphs.dot)deviation ", .dim),
        Part(Format.compact(newest.histogram.deviation)),
    ]
    grid.write(facts, row: inner.row, column: inner.column, columns: inner.columns, glyphs: state.glyphs)
    let (upper, lower) = Rect(
        row: inner.row + 1, column: inner.column, rows: inner.rows - 1, columns: inner.columns
    ).split(rows: max(5, inner.rows - 1 - min(rows.count + 4, (inner.rows - 1) / 2)))
    let low = min(rows.map(\.histogram.low).min() ?? -1, 0)
    let high = max(rows.map(\.histogram.high).max() ?? 1, 0)
    Histogram(
        range: newest.histogram.low...max(newest.histogram.high, newest.histogram.low + 1e-9),
        counts: newest.histogram.counts, role: .series(0), glyphs: state.glyphs
    ).draw(into: &grid, in: upper)
    guard lower.rows >= 3, rows.count > 1 else { return }
    _ = grid.write("by epoch", row: lower.row, column: lower.column, style: Style(.dim))
    let bins = 64
    let stack = HistogramStack(
        rows: rows.map { ("\($0.epoch)", rebinned($0.histogram, low: low, high: high, bins: bins)) },
        range: low...max(high, low + 1e-9), glyphs: state.glyphs)
    stack.draw(
        into: &grid,
        in: Rect(row: lower.row + 1, column: lower.column, rows: lower.rows - 1, columns: lower.columns))
}

/// The counts of a histogram over another range, each bin's count spread evenly over its width.
func rebinned(_ histogram: WeightHistogram, low: Double, high: Double, bins: Int) -> [Int] {
    var out = [Double](repeating: 0, count: bins)
    let width = (histogram.high - histogram.low) / Double(max(1, histogram.counts.count))
    let target = (high - low) / Double(bins)
    // A file may hold any finite ends, whose difference need not be finite.
    guard target > 0, target.isFinite, width.isFinite else { return out.map { Int($0) } }
    for (index, count) in histogram.counts.enumerated() where count > 0 {
        let from = histogram.low + Double(index) * width
        let first = min(bins - 1, max(0, Int((from - low) / target)))
        let last = min(bins - 1, max(first, Int((from + width - low) / target)))
        for bin in first...last {
            let overlap =
                min(from + width, low + Double(bin + 1) * target) - max(from, low + Double(bin) * target)
            out[bin] += width > 0 ? Double(count) * max(0, overlap) / width : bin == first ? Double(count) : 0
        }
    }
    return out.map { Int($0.rounded()) }
}
