// AugmentedGallery: images as they are, each beside what the first epochs of the run see of it.

import Charts
import Experiments

/// Strips of pictures: an example, and its versions of epoch 1, 2, 3…
struct AugmentedGallery {
    struct Strip {
        var original: Experiments.Thumbnail
        var name: String
        var epochs: [Experiments.Thumbnail]
        /// With mixup: how much of what was mixed in.
        var mixed: [(share: Float, name: String)]

        /// The line below the picture of an epoch, as much of it as fits into `columns`.
        func caption(epoch: Int, columns: Int) -> String {
            let text = "epoch \(epoch)"
            guard mixed.indices.contains(epoch - 1) else { return text }
            let percent = Int(mixed[epoch - 1].share * 100)  // Rounded down: 100 only where nothing of its own is left.
            if percent == 0 { return text }
            let forms = [
                "\(text) + \(percent)% \(mixed[epoch - 1].name)", "\(text) +\(percent)%", "\(epoch) +\(percent)%",
            ]
            return forms.first { displayWidth($0) <= columns } ?? text
        }
    }
    var strips: [Strip]

    /// Strips that should be seen at once, if the pane has the room.
    private static let wanted = 3
    /// Columns that "epoch 1" needs, and one between.
    private static let leastColumns = 8

    private struct Layout {
        var cells: (rows: Int, columns: Int)
        var width: Int
        var epochs: Int
        var perRow: Int
        var fits: Int
    }

    func draw(_ state: State, _ rect: Rect, _ grid: inout Grid) {
        guard let layout = layout(rect) else { return }
        for (place, strip) in strips.prefix(layout.fits).enumerated() {
            let row = rect.row + place / layout.perRow * (layout.cells.rows + 1)
            let first = rect.column + place % layout.perRow * layout.width * (layout.epochs + 1)
            for (index, picture) in ([strip.original] + strip.epochs.prefix(layout.epochs)).enumerated() {
                let column = first + index * layout.width
                Charts.Thumbnail(
                    channels: picture.channels, height: picture.height, width: picture.width, pixels: picture.pixels,
                    glyphs: state.glyphs
                ).draw(
                    into: &grid,
                    in: Rect(row: row, column: column, rows: layout.cells.rows, columns: layout.cells.columns))
                let caption =
                    index == 0 ? Part(strip.name) : Part(strip.caption(epoch: index, columns: layout.width - 1), .dim)
                grid.write(
                    [caption], row: row + layout.cells.rows, column: column, columns: layout.width - 1,
                    glyphs: state.glyphs)
            }
        }
    }

    /// The most epochs, and then the largest pictures, with which enough strips are seen; else the smallest pictures.
    private func layout(_ rect: Rect) -> Layout? {
        guard let first = strips.first, rect.rows > 1 else { return nil }
        func layout(_ rows: Int, _ epochs: Int) -> Layout {
            let cells = Charts.Thumbnail.cells(
                height: first.original.height, width: first.original.width, maxRows: max(1, rows),
                maxColumns: max(2, rows * 2))
            let width = max(Self.leastColumns, cells.columns + 1)
            let perRow = (rect.columns + 1) / (width * (epochs + 1))
            return Layout(
                cells: cells, width: width, epochs: epochs, perRow: max(1, perRow),
                fits: perRow * (rect.rows / (cells.rows + 1)))
        }
        let most = first.epochs.count
        let wanted = min(strips.count, Self.wanted)
        var fallback: Layout?
        for epochs in stride(from: most, through: 1, by: -1) {
            for rows in stride(from: min(16, rect.rows - 1), through: min(4, rect.rows - 1), by: -1) {
                let found = layout(rows, epochs)
                if found.fits >= wanted { return found }
                if found.fits > (fallback?.fits ?? 0) { fallback = found }
            }
        }
        return fallback
    }
}
