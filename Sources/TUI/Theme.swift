// The one table of colours. Everything else speaks of roles.

import Charts

/// Attributes of a cell that need no colour.
struct Attributes: OptionSet, Sendable, Hashable {
    let rawValue: UInt32
    static let bold = Attributes(rawValue: 1)
    static let underline = Attributes(rawValue: 2)
    static let reverse = Attributes(rawValue: 4)
    static let dim = Attributes(rawValue: 8)
}

/// How one role looks on a terminal of 256, of 8, or of no colours. Numbers of the 256-colour palette; nil: the
/// terminal's own colour.
struct Paint: Sendable, Hashable {
    var foreground: Int?
    var background: Int?
    /// Foreground where there are only eight colours.
    var basic: Int?
    /// Attributes with 8 colours and more.
    var attributes: Attributes = []
    /// Further attributes where there are only eight colours.
    var few: Attributes = []
    /// Attributes without colour.
    var plain: Attributes = []
}

/// A set of paints, one for each role.
enum Theme: String, CaseIterable, Sendable {
    /// For a dark background.
    case dark
    /// For a light background.
    case light
    /// No colours, attributes only; what NO_COLOR asks for.
    case mono
    /// For a dark background, told apart by people who do not tell red from green (after Okabe & Ito, 2008).
    case safe

    /// Series that a theme tells apart; later ones repeat.
    static let seriesCount = 6

    /// How `role` looks.
    func paint(_ role: Role) -> Paint {
        var paint = Theme.attributes(of: role)
        guard self != .mono else { return paint }
        let colours = numbers(role)
        paint.foreground = colours.foreground
        paint.background = colours.background
        paint.basic = colours.basic
        // A background needs 256 colours; on fewer the selected row is shown reversed.
        if role == .selection { (paint.attributes, paint.few) = (.bold, .reverse) }
        return paint
    }

    private static func attributes(of role: Role) -> Paint {
        switch role {
        case .text, .axis, .border, .bar, .good: Paint()
        case .dim: Paint(plain: .dim)
        case .title, .key, .focus: Paint(attributes: .bold, plain: .bold)
        case .warning: Paint(plain: .bold)
        case .bad: Paint(attributes: .bold, plain: [.bold, .underline])
        case .selection: Paint(plain: .reverse)
        case .series(let index): Paint(plain: index % 2 == 1 ? .bold : [])
        case .trace: Paint(few: .dim, plain: .dim)
        // The numbers say it; where they are right is only helped along.
        case .heat(let level, let good):
            Paint(few: level >= 4 ? .bold : [], plain: level == 0 ? .dim : good ? .bold : [])
        // The glyphs say it; pictures are shown as characters.
        case .shade, .pixels: Paint()
        }
    }

    typealias Numbers = (foreground: Int?, background: Int?, basic: Int?)

    private func numbers(_ role: Role) -> Numbers {
        if case .pixels(let top, let bottom) = role { return (Int(top), Int(bottom), nil) }
        return switch self {
        case .dark, .mono: Theme.darkNumbers(role)
        case .light: Theme.lightNumbers(role)
        case .safe: Theme.safeNumbers(role)
        }
    }

    private static func darkNumbers(_ role: Role) -> Numbers {
        switch role {
        case .text: (252, nil, nil)
        case .dim: (245, nil, nil)
        case .title: (255, nil, nil)
        case .axis: (242, nil, nil)
        case .border: (239, nil, nil)
        case .focus: (75, nil, 6)
        case .key: (215, nil, 3)
        case .series(let index):
            ([75, 215, 114, 176, 80, 222][index % seriesCount], nil, [4, 3, 2, 5, 6, 7][index % seriesCount])
        case .trace(let index):
            ([24, 94, 29, 96, 30, 101][index % seriesCount], nil, [4, 3, 2, 5, 6, 7][index % seriesCount])
        case .good: (114, nil, 2)
        case .warning: (221, nil, 3)
        case .bad: (203, nil, 1)
        case .selection: (255, 238, nil)
        case .bar: (75, nil, 4)
        case .heat, .shade, .pixels: Heat.dark.numbers(role)
        }
    }

    private static func lightNumbers(_ role: Role) -> Numbers {
        switch role {
        case .text: (235, nil, nil)
        case .dim: (242, nil, nil)
        case .title: (232, nil, nil)
        case .axis: (246, nil, nil)
        case .border: (249, nil, nil)
        case .focus: (26, nil, 4)
        case .key: (130, nil, 5)
        case .series(let index):
            ([26, 166, 28, 127, 30, 94][index % seriesCount], nil, [4, 1, 2, 5, 6, 0][index % seriesCount])
        case .trace(let index):
            ([111, 216, 114, 176, 116, 180][index % seriesCount], nil, [4, 1, 2, 5, 6, 0][index % seriesCount])
        case .good: (28, nil, 2)
        case .warning: (130, nil, 5)
        case .bad: (160, nil, 1)
        case .selection: (232, 253, nil)
        case .bar: (26, nil, 4)
        case .heat, .shade, .pixels: Heat.light.numbers(role)
        }
    }

    private static func safeNumbers(_ role: Role) -> Numbers {
        switch role {
        case .focus: (74, nil, 6)
        case .key: (220, nil, 3)
        // Sky blue, orange, bluish green, reddish purple, yellow, white.
        case .series(let index):
            ([74, 214, 36, 175, 227, 255][index % seriesCount], nil, [6, 3, 2, 5, 3, 7][index % seriesCount])
        case .trace(let index):
            ([24, 94, 23, 96, 100, 243][index % seriesCount], nil, [6, 3, 2, 5, 3, 7][index % seriesCount])
        case .good: (74, nil, 6)
        case .warning: (220, nil, 3)
        case .bad: (208, nil, 5)
        case .bar: (74, nil, 6)
        case .heat, .shade: Heat.safe.numbers(role)
        default: darkNumbers(role)
        }
    }

    /// The theme by what was asked for and by NO_COLOR (which counts when it is set and not empty).
    static func chosen(named name: String?, environment: [String: String]) -> Theme? {
        if let name { return Theme(rawValue: name) }
        if let noColour = environment["NO_COLOR"], !noColour.isEmpty { return .mono }
        return .dark
    }
}
