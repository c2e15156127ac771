// Trouble: the points that a chart does not show, for it says how many.

/// What could not be drawn.
struct Trouble {
    var notFinite = 0
    var offScale = 0

    /// "1 not finite, 2 off scale"; empty without trouble.
    var note: String {
        var notes: [String] = []
        if notFinite > 0 { notes.append("\(Format.count(notFinite)) not finite") }
        if offScale > 0 { notes.append("\(Format.count(offScale)) off scale") }
        return notes.joined(separator: ", ")
    }

    /// Adds the points that are within the x axis and outside of the y axis, that have no place on a logarithmic x axis
    /// (of those in `asked`), or that are not finite.
    /// - Parameter limits: the values that the y axis shows.
    mutating func add(
        _ points: Points, _ horizontal: HorizontalScale, limits: ClosedRange<Double>, asked: ClosedRange<Double>?
    ) {
        guard points.isSorted else {
            for (place, value) in zip(points.x, points.y) {
                if !place.isFinite {
                    notFinite += 1
                } else if horizontal.isLogarithmic, place <= 0 {
                    if asked?.contains(place) ?? true { offScale += 1 }
                } else if horizontal.range.contains(place) {
                    if !value.isFinite { notFinite += 1 } else if !limits.contains(value) { offScale += 1 }
                }
            }
            return
        }
        if horizontal.isLogarithmic {
            let asked = points.visible(in: asked ?? -Double.infinity...Double.infinity)
            offScale += max(0, min(asked.upperBound, points.firstIndex { $0 > 0 }) - asked.lowerBound)
        }
        let visible = points.visible(in: horizontal.range)
        offScale += points.envelope.count(of: visible, in: points.y, outside: limits)
        notFinite += points.envelope.extent(of: visible, in: points.y).notFinite
    }
}
