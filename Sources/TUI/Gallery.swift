// Gallery: small pictures side by side, each with a line below it.

import Charts
import Experiments

/// Pictures of one size in rows, as large as lets enough of them be seen.
struct Gallery {
    struct Item {
        var picture: Experiments.Thumbnail
        var caption: [Part]
    }
    var items: [Item]
    /// Pictures that should be seen at once, if the pane has the room.
    var atLeast: Int

    /// Columns that a caption needs.
    private static let leastColumns = 12

    func draw(_ state: State, _ rect: Rect, _ grid: inout Grid) {
        guard let first = items.first?.picture else { return }
        func layout(_ rows: Int) -> (cells: (rows: Int, columns: Int), width: Int, perRow: Int, fits: Int) {
            let cells = Charts.Thumbnail.cells(
                height: first.height, width: first.width, maxRows: max(1, rows), maxColumns: max(2, rows * 2))
            let width = max(Gallery.leastColumns, cells.columns + 1)
            let perRow = max(1, rect.columns / width)
            return (cells, width, perRow, perRow * (rect.rows / (cells.rows + 1)))
        }
        let wanted = min(items.count, atLeast)
        let sizes = stride(from: min(16, rect.rows - 1), through: min(4, rect.rows - 1), by: -1).map(layout)
        guard let chosen = sizes.first(where: { $0.fits >= wanted }) ?? sizes.last else { return }
        for (place, item) in items.prefix(chosen.fits).enumerated() {
            let row = rect.row + place / chosen.perRow * (chosen.cells.rows + 1)
            let column = rect.column + place % chosen.perRow * chosen.width
            Charts.Thumbnail(
                channels: item.picture.channels, height: item.picture.height, width: item.picture.width,
                pixels: item.picture.pixels, glyphs: state.glyphs
            ).draw(
                into: &grid, in: Rect(row: row, column: column, rows: chosen.cells.rows, columns: chosen.cells.columns))
            grid.write(
                item.caption, row: row + chosen.cells.rows, column: column, columns: chosen.width - 1,
                glyphs: state.glyphs)
        }
    }
}
