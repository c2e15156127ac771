// Charts as files: every number is in the CSV; the SVG is well-formed, whatever the texts.
import Foundation
import Testing

@testable import Charts

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// What an XML parser finds in a document.
private final class Elements: NSObject, XMLParserDelegate {
    var names: [String] = []
    var texts: [String] = []
    var attributes: [[String: String]] = []
    private var text = ""

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        names.append(name)
        self.attributes.append(attributes)
        text = ""
    }
    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        if name == "text" || name == "title" { texts.append(text) }
        text = ""
    }
}

private func elements(of svg: String) throws -> Elements {
    let elements = Elements()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = elements
    let isWellFormed = parser.parse()
    #expect(isWellFormed, "\(String(describing: parser.parserError)) at line \(parser.lineNumber)\n\(svg)")
    return elements
}

/// The fields of a CSV text (RFC 4180).
private func fields(of csv: String) -> [[String]] {
    var (rows, row, field, isQuoted) = ([[String]](), [String](), "", false)
    var scalars = Array(csv.unicodeScalars)[...]
    while let scalar = scalars.popFirst() {
        switch (scalar, isQuoted) {
        case ("\"", true) where scalars.first == "\"":
            scalars.removeFirst()
            field += "\""
        case ("\"", _): isQuoted.toggle()
        case (",", false):
            row.append(field)
            field = ""
        case ("\r", false): break
        case ("\n", false):
            rows.append(row + [field])
            (row, field) = ([], "")
        default: field.unicodeScalars.append(scalar)
        }
    }
    #expect(row.isEmpty && field.isEmpty && !isQuoted)
    return rows
}

struct ExportTests {
    private let hostile = "a\"b,c\n<script>&'\u{1b}]]>\u{0}\u{fffe}é日"

    @Test func csvComesBack() {
        var chart = LineChart(
            series: [
                Series(name: hostile, x: [1, 2, 2, 3.5], y: [0.1, 1 / 3, -1e-300, .nan], role: .series(0)),
                Series(name: "b", x: [2, 10], y: [.infinity, 7], role: .series(1)),
            ], x: ChartAxis(label: "epoch", unit: .epochs), y: ChartAxis(label: "", unit: .plain), glyphs: .ascii)
        let rows = fields(of: chart.csv())
        #expect(rows[0] == ["epoch", hostile, "b"])
        #expect(
            rows.dropFirst() == [
                ["1", "0.1", ""], ["2", "0.3333333333333333", "inf"], ["2", "-1e-300", ""], ["3.5", "nan", ""],
                ["10", "", "7"],
            ])
        chart.smoothing = 0.6
        let smooth = fields(of: chart.csv())
        #expect(smooth[0] == ["epoch", hostile, "b", hostile + " (smoothed 0.6)", "b (smoothed 0.6)"])
        #expect(smooth.allSatisfy { $0.count == 5 } && smooth.count == 6)
        let second = smoothed([0.1, 1.0 / 3], weight: 0.6)[1]
        #expect(smooth[2][3] == "\(second)" && smooth[5][4] == "7")
    }

    @Test func csvOfUnsortedAndOfNothing() {
        let axis = ChartAxis(label: "", unit: .plain)
        var chart = LineChart(
            series: [Series(name: "s", x: [3, 1, .nan, 2], y: [30, 10, 0, 20], role: .text)], x: axis, y: axis,
            glyphs: .ascii)
        #expect(chart.csv() == "x,s\r\n1,10\r\n2,20\r\n3,30\r\nnan,0\r\n")
        chart.series = []
        #expect(chart.csv() == "x\r\n")
    }

    /// Each value of a long random chart comes back exactly.
    @Test func csvKeepsEveryDigit() {
        let chart = noisyRun(.ascii, points: 500)
        let rows = fields(of: chart.csv()).dropFirst()
        #expect(rows.compactMap { Double($0[0]) } == chart.series[0].x)
        #expect(rows.compactMap { Double($0[1]) } == chart.series[0].y)
        #expect(rows.compactMap { Double($0[2]) } == chart.series[1].y)
    }

    @Test func svgIsWellFormed() throws {
        var chart = noisyRun(.braille)
        chart.series[0].name = hostile
        chart.marks = [ChartMark(x: 100, label: "<best> & \"last\"", role: .good)]
        chart.x.label = "<x>"
        let plain = try elements(of: chart.svg(width: 640, height: 400, title: "Loss <&> \(hostile)"))
        #expect(plain.names.first == "svg" && plain.names.filter { $0 == "polyline" }.count == 2)
        #expect(plain.texts.first == "Loss <&> " + sanitised(hostile).replacing("\u{fffe}", with: ""))
        #expect(plain.texts.contains("<best> & \"last\"") && plain.texts.contains("<x>"))
        #expect(plain.names.allSatisfy { $0 != "script" })
        chart.smoothing = 0.9
        let smooth = try elements(of: chart.svg(width: 640, height: 400, title: ""))
        #expect(smooth.names.filter { $0 == "polyline" }.count == 4)
    }

    /// A million points are a few thousand in a picture, and the spike is among them.
    @Test func svgOfALongCurveIsShort() throws {
        var y = Array(repeating: 0.5, count: 100_000)
        y[70_000] = 0
        let chart = LineChart(
            series: [Series(name: "s", x: y.indices.map(Double.init), y: y, role: .series(0))],
            x: ChartAxis(label: "step", unit: .steps), y: ChartAxis(label: "", unit: .plain), glyphs: .ascii)
        let svg = chart.svg(width: 800, height: 300, title: "long")
        #expect(svg.utf8.count < 100_000)
        let found = try elements(of: svg)
        let index = try #require(found.names.firstIndex(of: "polyline"))
        let places = try #require(found.attributes[index]["points"]).split(separator: " ")
        let heights = Set(places.compactMap { Double($0.split(separator: ",")[1]) })
        #expect(heights.count == 2)
    }

    @Test func svgOfAnything() throws {
        var random = SplitMix(state: 21)
        for round in 0..<60 {
            let count = [0, 1, 2, 300][round % 4]
            let scale = [1e-300, 1, 1e300][round % 3]
            let values = (0..<count).map { _ in random.next() < 0.1 ? .nan : (random.next() - 0.5) * scale }
            var chart = LineChart(
                series: [
                    Series(
                        name: hostile, x: (0..<count).map { Double($0) * scale }, y: values, role: .bad,
                        kind: round % 5 == 0 ? .points : .line)
                ], x: ChartAxis(label: hostile, unit: .seconds, isLogarithmic: round % 2 == 0),
                y: ChartAxis(label: hostile, unit: .fraction, isLogarithmic: round % 3 == 0), glyphs: .blocks)
            chart.diagonal = true
            chart.smoothing = random.next()
            _ = try elements(of: chart.svg(width: Int(random.next() * 900), height: round, title: hostile))
        }
    }
}
