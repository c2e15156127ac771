// The screen Evaluate: thresholds against plain counting, the cursor, the cells of the matrix, the gallery.

import Charts
import Engine
import Experiments
import Testing

@testable import TUI

struct OperatingCurveTests {
    /// Every kept threshold has the counts that a plain loop finds.
    @Test(arguments: [(2, 1, 2.0), (3, 0, 1.0), (10, 7, 4.0)])
    func countsAreThoseOfAPlainLoop(_ classes: Int, _ index: Int, _ skill: Double) throws {
        let inference = Sample.inference(classes, skill: skill)
        let detail = try #require(EvaluationDetail(inference, classes: classes))
        let curve = try #require(OperatingCurve(detail, class: index))
        let rows = inference.labels.indices.map {
            (score: inference.probabilities[$0 * classes + index], isPositive: Int(inference.labels[$0]) == index)
        }
        #expect(curve.points.count > 10)
        for point in curve.points {
            let positives = rows.count { $0.isPositive }
            #expect(point.positives == positives && point.negatives == rows.count - positives)
            // Below, rounding brings scores together.
            guard point.threshold > 1e-4 else { continue }
            // Thresholds of the curve are scores, rounded to six decimals; tenths lie between scores.
            let taken = rows.filter { Double($0.score) >= point.threshold - 6e-7 }
            #expect(point.truePositives == taken.count { $0.isPositive }, "at \(point.threshold)")
            #expect(point.falsePositives == taken.count { !$0.isPositive }, "at \(point.threshold)")
            let hits = Double(point.truePositives)
            #expect(point.precision == (taken.isEmpty ? nil : hits / Double(taken.count)))
            #expect(point.recall == hits / Double(positives))
            #expect(abs(point.youden - (point.recall - Double(point.falsePositives) / Double(point.negatives))) < 1e-12)
            #expect(point.truePositives + point.falseNegatives == positives)
            #expect(
                point.accuracy == Double(point.truePositives + point.trueNegatives) / Double(rows.count))
        }
        #expect(zip(curve.points, curve.points.dropFirst()).allSatisfy { $0.threshold > $1.threshold })
        for tenth in 1...9 { #expect(curve.points.contains { abs($0.threshold - Double(tenth) / 10) < 1e-6 }) }
    }

    @Test func theBestAreTheBestOfAllKept() throws {
        let curve = try #require(OperatingCurve(Sample.detail(3, skill: 1.5), class: 1))
        var costs = ErrorCosts()
        costs.falseNegative = 7
        let points = curve.points
        let best = points[curve.best(.cost, costs)]
        #expect(points.allSatisfy { $0.cost(costs) >= best.cost(costs) })
        #expect(best.cost(costs) == Double(best.falsePositives) + 7 * Double(best.falseNegatives))
        #expect(points[curve.best(.f1, costs)].f1 == points.map(\.f1).max())
        #expect(points[curve.best(.youden, costs)].youden == points.map(\.youden).max())
        // Misses that cost more than alarms ask for a lower threshold.
        #expect(best.threshold < points[curve.best(.cost, ErrorCosts())].threshold)
    }

    @Test func undefinedIsNoCurve() {
        #expect(OperatingCurve(Sample.oneClassOnly, class: 0) == nil)
        #expect(OperatingCurve(Sample.oneClassOnly, class: 1) == nil)
        #expect(OperatingCurve(Sample.oneClassOnly, class: 2) == nil)
    }

    @Test func costsAreReadWithCare() {
        let costs = ErrorCosts("1 5")
        #expect(costs?.falsePositive == 1 && costs?.falseNegative == 5)
        #expect(ErrorCosts(" 0.5, 2e3 ")?.falseNegative == 2000)
        #expect(ErrorCosts("0 1") != nil)
        for wrong in ["", "1", "1 2 3", "a b", "-1 2", "0 0", "nan 1", "inf 1", "1 1e12"] {
            #expect(ErrorCosts(wrong) == nil, "\(wrong)")
        }
    }

    @Test func numbersAreSaidAsTheyAre() {
        #expect(percentText(nil) == "-" && percentText(.nan) == "-" && percentText(1) == "100")
        #expect(percentText(0.99996) == "99.9" && percentText(0.5) == "50.0" && percentText(0) == "0.0")
        #expect(percentText(-0.1234) == "-12.3" && percentText(0.0004) == "0.0")
        #expect(intervalText(Interval(low: 0.8, high: 1), .ascii) == "[80.0-100]")
        #expect(intervalText(nil, .braille) == "")
    }
}

struct EvaluateUpdateTests {
    private func opened(_ preset: String, _ columns: Int = 80, _ rows: Int = 24) -> State {
        var state = State(columns, rows)
        state.openWithFacts(preset, screen: "3")
        return state
    }

    @Test func everyChartIsReachedInASmallWindow() {
        var state = opened("breast-cancer-mlp")
        var seen: [String] = []
        for _ in 0..<4 {
            let text = screen(state).text()
            seen += EvaluateChart.allCases.map(\.title).filter { text.contains("\($0), test split") }
            state.press(.character("v"))
        }
        #expect(seen == EvaluateChart.allCases.map(\.title))
        #expect(state.session?.evaluate.chart == .roc)
        // A large window has them all, and the key moves the focus.
        state = opened("breast-cancer-mlp", 200, 60)
        let text = screen(state).text()
        for chart in EvaluateChart.allCases { #expect(text.contains("\(chart.title), test split")) }
        state.press(.character("v"))
        #expect(state.focusedPane == .precisionRecall && screen(state).text().contains("ROC, test split"))
    }

    @Test func theCursorMovesAllNumbers() throws {
        var state = opened("breast-cancer-mlp", 120, 40)
        state.press(.character("c"))
        let first = try #require(state.session?.operatingPoint)
        #expect(first.point.threshold == 0.5)
        // At 0.5 the class against the rest is the matrix of two classes.
        let confusion = try #require(state.session.flatMap(evaluation)?.detail?.confusion)
        #expect(first.point.truePositives == confusion[1][1] && first.point.falsePositives == confusion[0][1])
        state.press(.right)
        #expect(state.session?.operatingPoint?.index == first.index + 1)
        state.press(.left, .left)
        #expect(state.session?.operatingPoint?.index == first.index - 1)
        // Over thresholds the same arrow goes up.
        state.press(.character("v"), .character("v"), .character("v"), .left)
        #expect(state.session?.operatingPoint?.index == first.index)
        state.press(.character("v"))
        for _ in 0..<30 { state.press(.pageUp) }
        #expect(state.session?.operatingPoint?.index == 0)
        #expect(state.session?.operatingPoint?.point.threshold == .infinity)
        #expect(screen(state).text().contains("above all"))
        for _ in 0..<30 { state.press(.pageDown) }
        #expect(state.session?.operatingPoint.map { $0.index == $0.curve.points.count - 1 } == true)
        state.press(.escape)
        #expect(state.session?.evaluate.threshold == nil && state.screen == .evaluate)
    }

    @Test func bestThresholdsInTurn() throws {
        var state = opened("breast-cancer-mlp", 120, 40)
        for best in OperatingCurve.Best.allCases + [.f1] {
            state.press(.character("b"))
            let (curve, index, _) = try #require(state.session?.operatingPoint)
            #expect(index == curve.best(best, ErrorCosts()))
            #expect(state.notice?.text.hasPrefix("Best by \(best.rawValue)") == true)
        }
        state.press(.character("C"))
        state.type("nothing")
        state.press(.enter)
        #expect(screen(state).text().contains("two numbers of 0 or more"))
        state.press(.escape, .character("C"))
        state.type("2 9")
        state.press(.enter)
        #expect(state.overlay == nil && state.session?.evaluate.costs.falseNegative == 9)
    }

    /// With more than two classes the cursor needs one, and time goes on by other keys.
    @Test func aClassIsPickedAndTimeStaysReachable() {
        var state = opened("digits-cnn", 120, 40)
        state.press(.character("c"))
        #expect(state.session?.evaluate.selectedClass == 0)
        #expect(state.notice?.text.contains("against the rest") == true)
        state.press(.down)
        #expect(state.session?.operatingClass == 1)
        let before = state.session?.replay?.position
        state.press(.left, .right, .pageUp)
        #expect(state.session?.replay?.position == before)
        state.press(.character("g"))
        #expect(state.session?.run.step == 0 && screen(state).text().contains("Nothing was measured yet"))
        state.press(.character(" "))
        #expect(state.session?.replay?.isPlaying == true)
        state.press(.character("G"))
        #expect(state.session?.replay == nil && state.session?.evaluate.threshold != nil)
        // Elsewhere arrows are time's again.
        state.press(.character("2"), .left)
        #expect(state.session?.replay != nil)
    }

    @Test func scrubbingMovesThePoint() throws {
        var state = opened("breast-cancer-mlp", 120, 40)
        state.press(.character("t"), .character("c"))
        let last = try #require(state.session?.operatingPoint?.point)
        state.press(.escape, .pageUp, .pageUp, .pageUp, .pageUp, .pageUp, .pageUp, .pageUp, .character("c"))
        let early = try #require(state.session?.operatingPoint?.point)
        #expect(early.accuracy < last.accuracy)
    }

    @Test func cellsAreWalkedAndOpened() throws {
        var state = opened("digits-cnn", 120, 40)
        // Arrows are time's until the matrix has the focus.
        state.press(.left)
        #expect(state.session?.replay != nil)
        state.press(.character("G"), .backTab, .backTab)
        #expect(state.focusedPane == .confusion)
        let frequent = try #require(state.session.map(shownCell))
        #expect(frequent.label != frequent.predicted)
        let cell = MatrixCell(label: 5, predicted: 4)
        state.session?.evaluate.cell = cell
        state.press(.character("l"), .character("j"), .character("h"), .character("k"))
        #expect(state.session?.evaluate.cell == cell && state.session?.replay == nil)
        for _ in 0..<12 { state.press(.up, .left) }
        #expect(state.session?.evaluate.cell == MatrixCell(label: 0, predicted: 0))
        #expect(screen(state).text().contains("0, right"))
        state.press(.right, .enter)
        #expect(state.overlay == .gallery(GalleryView(cell: MatrixCell(label: 0, predicted: 1))))
        #expect(screen(state).text().contains("0 taken for 1, test split at the end of the run"))
        state.press(.character("l"), .character("l"))
        #expect(state.overlay == .gallery(GalleryView(cell: MatrixCell(label: 0, predicted: 1), selected: 1)))
        state.press(.character("g"))
        #expect(state.overlay == .gallery(GalleryView(cell: MatrixCell(label: 0, predicted: 1))))
        state.press(.escape)
        #expect(state.overlay == nil && state.screen == .evaluate && state.focusedPane == .confusion)
        // A cell without examples says so and opens nothing.
        state.session?.facts?.cellExamples = []
        state.session?.facts?.mistakes = []
        state.press(.enter)
        #expect(state.overlay == nil && state.notice?.text == "This session keeps no examples of its cells")
    }

    @Test func theGallerySaysWhoseItIs() {
        var state = opened("digits-cnn", 120, 40)
        state.press(.pageUp, .pageUp)
        state.focus[.evaluate] = .confusion
        state.press(.enter)
        #expect(screen(state).text().contains("the end's, while the matrix shows epoch 8"))
    }

    @Test func chartsAreWritten() throws {
        var state = opened("breast-cancer-mlp", 200, 60)
        for chart in EvaluateChart.allCases {
            guard case .save(let name, let csv, let svg)? = state.press(.character("w")).first else {
                Issue.record("nothing is written of \(chart)")
                return
            }
            #expect(name == "digits-cnn-test-\(chart.fileName)-class-1")
            let rows = csv.split(separator: "\r\n")
            #expect(rows[0].hasPrefix(chart == .calibration ? "predicted,came true" : "threshold,true positives"))
            #expect(rows.count > 3 && rows.allSatisfy { $0.count(where: { $0 == "," }) == rows[0].count { $0 == "," } })
            #expect(svg.contains("<polyline") && svg.contains("malignant"))
            state.press(.character("v"))
        }
        state = opened("digits-cnn")
        guard case .save(let name, let csv, _)? = state.press(.character("w")).first else {
            Issue.record("nothing is written of all classes")
            return
        }
        #expect(name == "digits-cnn-test-roc" && csv.hasPrefix("false positives,0,1,2"))
    }

    @Test func undefinedIsSaid() {
        var state = State(120, 40)
        state.openMeasured(Sample.oneClassOnly)
        for _ in 0..<4 {
            let text = screen(state).text()
            let isCalibration = state.focusedPane == .calibration
            #expect(text.contains("Undefined: class 1 has no examples") != isCalibration)
            state.press(.character("v"))
        }
        state.press(.character("c"))
        #expect(state.session?.evaluate.threshold == nil && state.notice?.text.hasPrefix("Undefined") == true)
        // Numbers have none of it.
        state = State(120, 40)
        state.openNumbers(screen: "3")
        for key in ["c", "b", "v", "C"] as [Unicode.Scalar] {
            #expect(state.press(.character(key)).isEmpty)
            #expect(state.notice?.role == .warning && state.overlay == nil)
        }
    }

    @Test func chartsOfNumbersAreFiles() {
        var state = State(120, 40)
        state.openNumbers(screen: "3")
        guard let detail = state.session.flatMap({ evaluation($0)?.regression }),
            case .save(let name, let csv, let svg)? = state.press(.character("w")).first
        else {
            Issue.record("nothing is written")
            return
        }
        #expect(name.hasSuffix("-predictions") && svg.hasPrefix("<?xml"))
        #expect(csv.split(separator: "\r\n").count == detail.pairs.count + 1)
        state.press(.tab)
        #expect(state.focusedPane == .residuals)
        guard case .save(let second, let bins, _)? = state.press(.character("w")).first else {
            Issue.record("no residuals are written")
            return
        }
        #expect(second.hasSuffix("-residuals"))
        let rows = bins.split(separator: "\r\n").dropFirst().map { $0.split(separator: ",").compactMap { Double($0) } }
        #expect(rows.map { Int($0[2]) } == detail.residuals)
        #expect(abs((rows.first?[0] ?? 0) + detail.reach) < 1e-9 && abs((rows.last?[1] ?? 0) - detail.reach) < 1e-6)
    }

    /// Wherever the picked cell is drawn, a click picks it; beside the matrix a click picks none.
    @Test(arguments: [(80, 24), (120, 40), (200, 60)])
    func clicksPickCells(columns: Int, rows: Int) {
        var state = opened("digits-cnn")
        state.columns = columns
        state.rows = rows
        guard let pane = shownPanes(state).first(where: { $0.id == .confusion })?.rect else {
            Issue.record("no matrix")
            return
        }
        var found: [MatrixCell] = []
        for row in pane.row..<pane.row + pane.rows {
            for column in pane.column..<pane.column + pane.columns {
                var clicked = state
                clicked.take(.input(.click(row: row, column: column)))
                #expect(clicked.focusedPane == .confusion)
                if let cell = clicked.session?.evaluate.cell, !found.contains(cell) { found.append(cell) }
            }
        }
        let classes = state.session?.run.head?.classes.count ?? 0
        #expect(found.count == classes * classes)
    }

    @Test func areasNextToOneAreToldApart() {
        #expect(areaDecimals([0.9, 0.98, nil]) == 1 && areaDecimals([0.9, 0.9991]) == 2 && areaDecimals([1]) == 1)
        #expect(percentText(0.99912, decimals: 2) == "99.91" && percentText(0.999999, decimals: 2) == "99.99")
        #expect(percentText(1, decimals: 2) == "100" && percentText(0.9999) == "99.9" && percentText(-0.05) == "-5.0")
        #expect(
            intervalText(Interval(low: 0.9985, high: 0.99996), .ascii, decimals: 2) == "[99.85-99.99]")
    }
}

struct UnusualTests {
    private let columns = [
        ColumnSummary(
            name: "x", missing: 0,
            content: .numeric(
                .init(minimum: 0, maximum: 9, mean: 5, deviation: 2, counts: Array(repeating: 1, count: 16)))
        ),
        ColumnSummary(
            name: "flat", missing: 0,
            content: .numeric(
                .init(minimum: 1, maximum: 1, mean: 1, deviation: 0, counts: Array(repeating: 1, count: 16)))
        ),
        ColumnSummary(
            name: "c", missing: 0, content: .category(.init(names: ["often", "seldom"], counts: [95, 3], others: 2))),
    ]

    @Test func whatIsFarOrRareIsMarked() {
        func mark(_ column: String, _ number: Double? = nil, _ text: String? = nil) -> String? {
            Unusual(.init(column: column, number: number, text: text), in: columns)?.mark(.ascii)
        }
        #expect(mark("x", 9) == "" && mark("x", 9.2) == "^ +2.1" && mark("x", 0) == "v -2.5")
        #expect(mark("x", 1e300) == "^ +999.9")
        #expect(mark("x") == nil && mark("flat", 3) == nil && mark("unknown", 3) == nil)
        #expect(
            mark("c", nil, "often") == "" && mark("c", nil, "seldom") == "* rare" && mark("c", nil, "new") == "* rare")
    }
}
