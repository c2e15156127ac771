// SVG: the pieces of a picture as text, and the colours of pictures, which know no theme.

/// A Scalable Vector Graphics 1.1 document in the making: elements in the order in which they are painted.
struct SVG {
    private var body = ""
    private let width: Int
    private let height: Int
    private let title: String

    init(width: Int, height: Int, title: String) {
        self.width = width
        self.height = height
        self.title = title
    }

    /// The whole document.
    var document: String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="\(width)" height="\(height)" \
        viewBox="0 0 \(width) \(height)" font-family="Helvetica, Arial, sans-serif" font-size="12">
        <title>\(SVG.escaped(title))</title>
        <rect width="\(width)" height="\(height)" fill="#ffffff"/>
        \(body)</svg>

        """
    }

    /// Where a text stands about its place.
    enum Anchor: String { case start, middle, end }

    mutating func text(
        _ text: String, _ x: Double, _ y: Double, anchor: Anchor = .start, fill: String = "#404040", bold: Bool = false
    ) {
        if text.isEmpty { return }
        let weight = bold ? " font-weight=\"bold\"" : ""
        body += "<text x=\"\(SVG.number(x))\" y=\"\(SVG.number(y))\" text-anchor=\"\(anchor.rawValue)\" "
        body += "fill=\"\(fill)\"\(weight)>\(SVG.escaped(text))</text>\n"
    }

    mutating func line(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, stroke: String, width: Double = 1, dashes: String? = nil
    ) {
        body += "<line x1=\"\(SVG.number(x1))\" y1=\"\(SVG.number(y1))\" x2=\"\(SVG.number(x2))\" "
        body += "y2=\"\(SVG.number(y2))\" stroke=\"\(stroke)\" stroke-width=\"\(SVG.number(width))\""
        body += dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
        body += "/>\n"
    }

    mutating func polyline(_ points: [(x: Double, y: Double)], stroke: String, width: Double, opacity: Double = 1) {
        let places = points.map { "\(SVG.number($0.x)),\(SVG.number($0.y))" }.joined(separator: " ")
        body += "<polyline points=\"\(places)\" fill=\"none\" stroke=\"\(stroke)\" "
        body += "stroke-width=\"\(SVG.number(width))\" stroke-linejoin=\"round\""
        body += opacity < 1 ? " stroke-opacity=\"\(SVG.number(opacity))\"" : ""
        body += "/>\n"
    }

    mutating func polygon(_ points: [(x: Double, y: Double)], fill: String, opacity: Double) {
        let places = points.map { "\(SVG.number($0.x)),\(SVG.number($0.y))" }.joined(separator: " ")
        body += "<polygon points=\"\(places)\" fill=\"\(fill)\" fill-opacity=\"\(SVG.number(opacity))\"/>\n"
    }

    mutating func circle(_ x: Double, _ y: Double, radius: Double, fill: String) {
        body +=
            "<circle cx=\"\(SVG.number(x))\" cy=\"\(SVG.number(y))\" r=\"\(SVG.number(radius))\" fill=\"\(fill)\"/>\n"
    }

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, fill: String) {
        body += "<rect x=\"\(SVG.number(x))\" y=\"\(SVG.number(y))\" width=\"\(SVG.number(width))\" "
        body += "height=\"\(SVG.number(height))\" fill=\"\(fill)\"/>\n"
    }

    /// What `content` adds is cut at a rectangle.
    mutating func clipped(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ content: (inout SVG) -> Void
    ) {
        body += "<clipPath id=\"plot\"><rect x=\"\(SVG.number(x))\" y=\"\(SVG.number(y))\" "
        body += "width=\"\(SVG.number(width))\" height=\"\(SVG.number(height))\"/></clipPath>\n"
        body += "<g clip-path=\"url(#plot)\">\n"
        content(&self)
        body += "</g>\n"
    }

    /// At most two decimals; what is far away is brought to a million, where nobody sees it.
    private static func number(_ value: Double) -> String {
        Format.fixed(value.isNaN ? 0 : min(max(value, -1e6), 1e6), value == value.rounded() ? 0 : 2)
    }

    /// `text` as XML text: markup is escaped, and what XML 1.0 cannot hold is left out.
    static func escaped(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in sanitised(text).unicodeScalars where scalar.value != 0xfffe && scalar.value != 0xffff {
            switch scalar {
            case "&": out.append(contentsOf: "&amp;".unicodeScalars)
            case "<": out.append(contentsOf: "&lt;".unicodeScalars)
            case ">": out.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": out.append(contentsOf: "&quot;".unicodeScalars)
            case "'": out.append(contentsOf: "&apos;".unicodeScalars)
            default: out.append(scalar)
            }
        }
        return String(out)
    }

    /// The colour of a role on white paper. Series after Okabe & Ito (2008), darkened where white would swallow them.
    static func colour(_ role: Role) -> String {
        switch role {
        case .series(let index), .trace(let index):
            ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#3399cc", "#997700"][index % 6]
        case .good: "#00794f"
        case .warning, .key: "#a65b00"
        case .bad: "#c0272d"
        case .bar, .focus: "#0072b2"
        case .dim: "#707070"
        case .axis, .border: "#808080"
        case .text, .title, .selection, .heat, .shade, .pixels: "#202020"
        }
    }
}
