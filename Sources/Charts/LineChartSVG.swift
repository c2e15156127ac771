// LineChartSVG: a chart as a picture, with the ticks, the marks and the legend that it has on the screen.

extension LineChart {
    /// The chart as a complete SVG 1.1 document on white, without scripts or references to other files.
    ///
    /// A series is one polyline (one for each piece where a value is not finite), with a second, faint one for its raw
    /// values where the chart smooths. Long curves are drawn by their smallest and largest value in each column of pixels.
    /// - Parameters:
    ///   - width: in pixels; at least 160 are used.
    ///   - height: in pixels; at least 120 are used.
    public func svg(width: Int, height: Int, title: String) -> String {
        let (width, height) = (max(160, width), max(120, height))
        var svg = SVG(width: width, height: height, title: title)
        svg.text(title, 12, 22, fill: SVG.colour(.title), bold: true)
        let curves = series.map(\.points)
        let xRange = horizontalRange(curves)
        let legend = legendLines(width: Double(width) - 24)
        let top = 34 + 18 * Double(legend.count) + (y.label.isEmpty ? 0 : 18)
        let bottom = Double(height) - 40
        // The scales count in rows and columns; a picture has one every 16 and 7 pixels.
        let rows = max(3, Int((bottom - top) / 16))
        let yRange = verticalRange(curves, within: xRange)
        let vertical = verticalScale(yRange, rows: rows)
        let labels = vertical.ticks.map { y.unit.label($0.value, step: vertical.step) }
        let left = 20 + 7 * Double(labels.map(displayWidth).max() ?? 0)
        let right = Double(width) - 16
        let horizontal = HorizontalScale(
            xRange, columns: max(8, Int((right - left) / 7)), isLogarithmic: x.isLogarithmic)
        // A picture ends at the data or the last tick, wherever that is in the topmost row of cells.
        let last = max(vertical.row(of: yRange.upperBound), Double(vertical.ticks.last?.row ?? 0))
        let picture = Picture(
            left: left, top: top, right: max(left + 8, right), bottom: max(top + 8, bottom),
            rows: last.isFinite ? min(Double(rows), max(1, last + 1)) : Double(rows), vertical: vertical,
            horizontal: horizontal, curves: curves)

        drawAxes(picture, labels, &svg)
        svg.clipped(picture.left, picture.top, picture.right - picture.left, picture.bottom - picture.top) { svg in
            if diagonal, horizontal.isLogarithmic == vertical.isLogarithmic {
                let range = horizontal.range
                svg.line(
                    picture.left, picture.y(range.lowerBound), picture.right, picture.y(range.upperBound),
                    stroke: SVG.colour(.axis), dashes: "4 4")
            }
            drawBands(picture, &svg)
            drawMarks(picture, &svg)
            drawCurves(picture, &svg)
            drawSpots(picture, &svg)
        }
        svg.text(note, picture.left, picture.bottom + 33, fill: SVG.colour(.dim))
        var trouble = Trouble()
        for points in curves {
            trouble.add(points, horizontal, limits: vertical.values(rows: rows), asked: x.range)
        }
        svg.text(trouble.note, picture.right, 22, anchor: .end, fill: SVG.colour(.bad))
        for (index, line) in legend.enumerated() {
            var place = 12.0
            for entry in line {
                let baseline = 40 + 18 * Double(index)
                svg.rectangle(place, baseline - 6, 18, 3, fill: SVG.colour(entry.role))
                svg.text(entry.text, place + 23, baseline)
                place += entry.width
            }
        }
        return svg.document
    }

    /// Where the curves are, in pixels, and by which scales.
    private struct Picture {
        let left, top, right, bottom: Double
        let rows: Double
        let vertical: VerticalScale
        let horizontal: HorizontalScale
        let curves: [Points]

        func x(_ place: Double) -> Double {
            left + horizontal.column(of: place) / Double(horizontal.columns - 1) * (right - left)
        }

        /// The lowest and the topmost row have half a row of room beyond them, as on the screen.
        func y(_ value: Double) -> Double {
            let above = vertical.row(of: value)
            return above.isNaN ? 1e6 : bottom - (above + 0.5) / rows * (bottom - top)
        }
    }

    private func drawAxes(_ picture: Picture, _ labels: [String], _ svg: inout SVG) {
        for (tick, label) in zip(picture.vertical.ticks, labels) {
            let height = picture.y(tick.value)
            svg.line(picture.left, height, picture.right, height, stroke: "#e4e4e4")
            svg.text(label, picture.left - 6, height + 4, anchor: .end)
        }
        for (_, column, label) in picture.horizontal.ticks(x.unit, gap: 3) {
            let place = picture.left + column / Double(picture.horizontal.columns - 1) * (picture.right - picture.left)
            svg.line(place, picture.bottom, place, picture.bottom + 4, stroke: SVG.colour(.axis))
            svg.text(label, place, picture.bottom + 17, anchor: .middle)
        }
        svg.line(picture.left, picture.bottom, picture.right, picture.bottom, stroke: SVG.colour(.axis))
        svg.line(picture.left, picture.top, picture.left, picture.bottom, stroke: SVG.colour(.axis))
        svg.text(x.label, picture.right, picture.bottom + 33, anchor: .end, fill: SVG.colour(.dim))
        svg.text(y.label, 12, picture.top - 10, fill: SVG.colour(.dim))
    }

    private func drawMarks(_ picture: Picture, _ svg: inout SVG) {
        for mark in marks where picture.horizontal.range.contains(mark.x) {
            let (place, colour) = (picture.x(mark.x), SVG.colour(mark.role))
            svg.line(place, picture.top, place, picture.bottom, stroke: colour, dashes: "2 3")
            let isRight = place > (picture.left + picture.right) / 2
            svg.text(
                mark.label, place + (isRight ? -4 : 4), picture.top + 12, anchor: isRight ? .end : .start, fill: colour)
        }
    }

    private func drawBands(_ picture: Picture, _ svg: inout SVG) {
        for band in bands {
            func edge(_ values: [Double]) -> [(x: Double, y: Double)] {
                zip(band.x, values).filter { $0.isFinite && $1.isFinite }.map { (picture.x($0), picture.y($1)) }
            }
            svg.polygon(edge(band.high) + edge(band.low).reversed(), fill: SVG.colour(band.role), opacity: 0.15)
        }
        guard let level, level.isFinite else { return }
        svg.line(
            picture.left, picture.y(level), picture.right, picture.y(level), stroke: SVG.colour(.axis), dashes: "4 4")
    }

    private func drawSpots(_ picture: Picture, _ svg: inout SVG) {
        for spot in spots where spot.x.isFinite && spot.y.isFinite {
            let (x, y, colour) = (picture.x(spot.x), picture.y(spot.y), SVG.colour(spot.role))
            svg.circle(x, y, radius: 4, fill: colour)
            guard !spot.isCursor else { continue }
            let isRight = x > (picture.left + picture.right) / 2
            svg.text(
                String(Character(spot.sign)), x + (isRight ? -7 : 7), y + 14, anchor: isRight ? .end : .start,
                fill: colour, bold: true)
        }
    }

    private func drawCurves(_ picture: Picture, _ svg: inout SVG) {
        for (index, points) in picture.curves.enumerated() where isSmoothed(index) {
            for piece in pieces(points, picture) {
                svg.polyline(piece, stroke: SVG.colour(series[index].role), width: 1, opacity: 0.3)
            }
        }
        for (index, points) in picture.curves.enumerated() {
            let shown = isSmoothed(index) ? series[index].smoothedPoints(weight: smoothing) : points
            let (colour, range) = (SVG.colour(series[index].role), picture.horizontal.range)
            if series[index].kind == .line {
                for piece in pieces(shown, picture) { svg.polyline(piece, stroke: colour, width: 1.6) }
            }
            guard series[index].kind == .points || shown.visibleCount(in: range) <= 60 else { continue }
            for point in shown.visible(in: range) where range.contains(shown.x[point]) && shown.y[point].isFinite {
                svg.circle(picture.x(shown.x[point]), picture.y(shown.y[point]), radius: 2.5, fill: colour)
            }
        }
    }

    /// The curve in pixels, broken where a value is not finite. Where more than four points share a column of pixels, the
    /// first, the largest, the smallest and the last stand for them.
    private func pieces(_ points: Points, _ picture: Picture) -> [[(x: Double, y: Double)]] {
        var pieces: [[(x: Double, y: Double)]] = [[]]
        func add(_ place: Double, _ value: Double) {
            let x = picture.x(place)
            if value.isFinite, x.isFinite {
                pieces[pieces.count - 1].append((x, picture.y(value)))
            } else if pieces.last?.isEmpty == false {
                pieces.append([])
            }
        }
        func pixel(_ place: Double) -> Int? {
            let x = picture.x(place)
            return x.isFinite ? Int(min(max(x, picture.left - 1), picture.right + 1).rounded(.down)) : nil
        }
        points.forEachStretch(in: picture.horizontal.range, spot: pixel) { stretch, _ in
            let extent = points.envelope.extent(of: stretch, in: points.y)
            guard stretch.count > 4, let range = extent.range else {
                return stretch.forEach { add(points.x[$0], points.y[$0]) }
            }
            let (first, last) = (stretch.lowerBound, stretch.upperBound - 1)
            add(points.x[first], points.y[first])
            add(points.x[first], range.upperBound)
            add(points.x[first], range.lowerBound)
            add(points.x[last], extent.notFinite > 0 ? .nan : points.y[last])
        }
        return pieces.filter { !$0.isEmpty }
    }

    private typealias LegendEntry = (text: String, role: Role, width: Double)

    /// Names and last values in lines of at most `width` pixels.
    private func legendLines(width: Double) -> [[LegendEntry]] {
        var lines: [[LegendEntry]] = []
        var used = 0.0
        for index in series.indices {
            let reading = diagonal || !showsLastValues ? nil : self.reading(index, at: nil, series[index].points)
            let value = reading.map { " " + text($0.y) } ?? ""
            let smooth = reading?.smoothed.map { " ~" + text($0) } ?? ""
            let entry = sanitised(series[index].name + value + smooth)
            let needed = 43 + 7 * Double(displayWidth(entry))
            if lines.isEmpty || used + needed > width {
                lines.append([])
                used = 0
            }
            lines[lines.count - 1].append((entry, series[index].role, needed))
            used += needed
        }
        return lines
    }
}
