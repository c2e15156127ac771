// Golden screens: every screen in its states, in three sizes and three glyph sets.

import Charts
import Engine
import Experiments
import Testing

@testable import TUI

/// A state of a screen and how it is reached.
struct Scene: Sendable, CustomTestStringConvertible {
    var name: String
    var reach: @Sendable (inout State) -> Void
    var testDescription: String { name }

    static let all: [Scene] = trainScenes + evaluateScenes + explainScenes + compareScenes + foldScenes

    private static let trainScenes: [Scene] = [
        Scene(name: "runs") { $0.listSessions() },
        Scene(name: "runs-empty") { $0.take(.listed([])) },
        Scene(name: "train-running") { $0.attach(steps: 187) },
        Scene(name: "train-begun") { $0.attach(steps: 3) },
        Scene(name: "train-cost") { $0.attach(steps: 187, head: Sample.head(tariff: Sample.tariff)) },
        Scene(name: "train-cost-finished") {
            $0.open(Sample.events(Sample.head(tariff: Sample.tariff)), .finished(.completed))
        },
        Scene(name: "train-old") { $0.open(Sample.events(Sample.oldHead()), .finished(.completed)) },
        Scene(name: "train-many-workers") { $0.attach(steps: 187, head: Sample.head(workers: 24)) },
        Scene(name: "train-speed-zoomed") {
            $0.attach(steps: 187, head: Sample.head(tariff: Sample.tariff))
            $0.press(.tab, .tab, .character("z"))
        },
        Scene(name: "rates-trying") {
            $0.attach(steps: 20)
            $0.press(.character("F"))
        },
        Scene(name: "rates") {
            $0.attach(steps: 20)
            $0.tryRates(Sample.trials)
        },
        Scene(name: "rates-nothing") {
            $0.attach(steps: 20)
            $0.tryRates(Sample.trials.map { Trainer.RateTrial(rate: $0.rate, loss: 0.2 + $0.rate) })
        },
        Scene(name: "train-paused") {
            $0.attach(steps: 187)
            $0.pauseAttached()
        },
        Scene(name: "train-finished") { $0.open(Sample.events(), .finished(.completed)) },
        Scene(name: "train-interrupted") { $0.open(Sample.events(steps: 222), .interrupted) },
        Scene(name: "train-cursor") {
            $0.open(Sample.events(), .finished(.completed))
            $0.press(.character("s"), .character("y"), .character("c"), .left, .left)
        },
        Scene(name: "train-replay") {
            $0.open(Sample.events(), .finished(.completed))
            $0.press(.pageUp, .pageUp, .left)
        },
        Scene(name: "train-zoomed") {
            $0.open(Sample.events(), .finished(.completed))
            $0.press(.tab, .character("z"), .character("("))
        },
    ]

    private static let evaluateScenes: [Scene] = [
        Scene(name: "evaluate") { $0.openWithFacts("digits-cnn", screen: "3") },
        Scene(name: "evaluate-class") {
            $0.openWithFacts("digits-cnn", screen: "3")
            $0.press(.down, .down, .down, .character("m"), .character("t"), .pageUp, .pageUp)
        },
        Scene(name: "evaluate-table") { $0.openWithFacts("breast-cancer-mlp", screen: "3") },
        Scene(name: "evaluate-precision-recall") {
            $0.openWithFacts("digits-cnn", screen: "3")
            $0.press(.character("v"))
        },
        Scene(name: "evaluate-calibration") {
            $0.openWithFacts("breast-cancer-mlp", screen: "3")
            $0.press(.character("v"), .character("v"))
        },
        Scene(name: "evaluate-cursor") {
            $0.openWithFacts("digits-cnn", screen: "3")
            $0.press(.down, .down, .down, .character("c"), .right, .right)
        },
        Scene(name: "evaluate-cursor-table") {
            $0.openWithFacts("breast-cancer-mlp", screen: "3")
            $0.press(.character("C"))
            $0.type("1 5")
            $0.press(.enter, .character("b"), .character("b"), .character("b"), .character("v"))
        },
        Scene(name: "evaluate-cursor-thresholds") {
            $0.openWithFacts("breast-cancer-mlp", screen: "3")
            $0.press(.character("v"), .character("v"), .character("v"), .character("c"), .right)
        },
        Scene(name: "evaluate-costs") {
            $0.openWithFacts("breast-cancer-mlp", screen: "3")
            $0.press(.character("c"), .character("C"))
            $0.type("five")
            $0.press(.enter)
        },
        Scene(name: "evaluate-undefined") {
            $0.openMeasured(Sample.oneClassOnly)
            $0.press(.character("c"))
        },
        Scene(name: "evaluate-old") {
            $0.openMeasured(Sample.oldDetail)
            $0.press(.character("v"), .character("v"))
        },
        Scene(name: "evaluate-cell") {
            $0.openWithFacts("digits-cnn", screen: "3")
            $0.focus[.evaluate] = .confusion
            $0.press(.right)
        },
        Scene(name: "evaluate-zoomed") {
            $0.openWithFacts("digits-cnn", screen: "3")
            $0.focus[.evaluate] = .classes
            $0.press(.character("z"))
        },
        Scene(name: "gallery") {
            $0.openWithFacts("digits-cnn", screen: "3")
            $0.focus[.evaluate] = .confusion
            $0.press(.pageUp, .pageUp, .enter, .right)
        },
        Scene(name: "gallery-right") {
            $0.openWithFacts("digits-cnn", screen: "3")
            $0.focus[.evaluate] = .confusion
            $0.session?.evaluate.cell = MatrixCell(label: 4, predicted: 4)
            $0.press(.enter)
        },
        Scene(name: "gallery-table") {
            $0.openWithFacts("breast-cancer-mlp", screen: "3")
            $0.focus[.evaluate] = .confusion
            $0.press(.enter, .down)
        },
        Scene(name: "evaluate-nothing") {
            $0.attach(steps: 20)
            $0.press(.character("3"))
        },
        Scene(name: "numbers-runs") { $0.listNumbers() },
        Scene(name: "numbers-train") { $0.openNumbers(screen: "2") },
        Scene(name: "numbers-evaluate") { $0.openNumbers(screen: "3") },
        Scene(name: "numbers-evaluate-early") {
            $0.openNumbers(screen: "3")
            $0.press(.character("t"), .character("g"), .pageDown, .pageDown)
        },
        Scene(name: "numbers-evaluate-many") { $0.openNumbers(screen: "3", examples: 9_000, epochs: 3) },
        Scene(name: "numbers-data") { $0.openNumbers(screen: "7") },
    ]

    private static let compareScenes: [Scene] = [
        Scene(name: "compare-empty") { $0.openWithFacts("digits-cnn", screen: "5") },
        Scene(name: "compare") {
            $0.openCompared()
            $0.press(.down, .down)
        },
        Scene(name: "compare-layers") {
            $0.openCompared()
            $0.press(.down, .down, .down, .character("v"), .character("v"), .tab, .character("f"), .down)
            $0.session?.compare.sparsity[4] = 60
        },
        Scene(name: "compare-difference") {
            $0.openCompared()
            $0.press(.down, .down, .character("m"), .down, .character("m"), .character("d"), .character("o"))
        },
        Scene(name: "compare-latency") {
            $0.openCompared()
            $0.press(.down, .character("y"), .character("l"), .character("l"), .character("l"))
        },
        Scene(name: "compare-working") {
            $0.openCompared()
            $0.press(.character("a"))
            $0.type("cluster16")
            $0.press(.enter)
            $0.feed(.analyst(.working(fraction: 0.4, on: "cluster16")))
        },
        Scene(name: "compare-adding") {
            $0.openCompared()
            $0.press(.character("a"))
            $0.type("cluster1")
            $0.press(.enter)
        },
    ]

    private static let explainScenes: [Scene] = [
        Scene(name: "explain") { $0.openExplained("breast-cancer-mlp") },
        Scene(name: "explain-what-if") {
            $0.openExplained("breast-cancer-mlp")
            $0.tryValue()
        },
        Scene(name: "explain-survey") {
            $0.openExplained("breast-cancer-mlp")
            $0.press(.character("i"))
            $0.feed(.events([.surveyed(Sample.survey)]), .analyst(.idle))
        },
        Scene(name: "explain-image") { $0.openExplained("digits-cnn") },
        Scene(name: "explain-working") {
            $0.openWithFacts("breast-cancer-mlp", screen: "4")
            $0.press(.down, .enter)
            $0.feed(.analyst(.working(fraction: 0.4)))
        },
        Scene(name: "explain-live") {
            $0.attach(steps: 187)
            $0.press(.character("4"))
        },
        Scene(name: "model") { $0.openWithFacts("digits-cnn", screen: "6") },
        Scene(name: "data-images") { $0.openWithFacts("digits-cnn", screen: "7") },
        Scene(name: "data-augmented") {
            $0.openWithFacts("shapes-cnn", screen: "7")
            $0.press(.character("a"))
        },
        Scene(name: "data-nothing-augmented") {
            $0.openWithFacts("digits-cnn", screen: "7")
            $0.press(.character("a"))
        },
        Scene(name: "data-table") { $0.openWithFacts("breast-cancer-mlp", screen: "7") },
        Scene(name: "command") {
            $0.attach(steps: 187)
            $0.press(.character(":"))
            $0.type("s")
        },
        Scene(name: "help") {
            $0.attach(steps: 187)
            $0.press(.character("?"))
        },
    ]
}

struct GoldenTests {
    static let sizes = [(80, 24), (120, 40), (200, 60)]

    @Test(arguments: Scene.all)
    func scene(_ scene: Scene) throws {
        for (columns, rows) in GoldenTests.sizes {
            for glyphs in GlyphSet.allCases { try check(scene, columns, rows, glyphs) }
        }
    }

    private func check(_ scene: Scene, _ columns: Int, _ rows: Int, _ glyphs: GlyphSet) throws {
        var state = State(columns, rows, glyphs)
        scene.reach(&state)
        let text = screen(state).text()
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == rows)
        #expect(lines.allSatisfy { displayWidth(String($0)) <= columns })
        if glyphs == .ascii { #expect(text.unicodeScalars.allSatisfy { $0.isASCII }) }
        try expectGolden(text, golden("\(scene.name)-\(columns)x\(rows)-\(glyphs.rawValue)"))
    }

    @Test func tooSmall() throws {
        var state = State(50, 12)
        state.listSessions()
        try expectGolden(screen(state).text(), golden("too-small-50x12"))
    }

    /// No size may trap, and what does not fit is only left out.
    @Test func everySize() {
        for scene in Scene.all {
            var state = State(80, 24)
            scene.reach(&state)
            for columns in [1, 10, 59, 60, 79, 99, 100, 109, 110, 300] {
                for rows in [1, 5, 15, 16, 23, 100] {
                    state.take(.input(.resized(rows: rows, columns: columns)))
                    #expect(screen(state).rows == rows)
                }
            }
        }
    }

    /// A file whose parts do not fit each other is shown as far as it can be; nothing in it traps.
    @Test func partsThatDoNotFit() {
        let wide = WeightHistogram(
            name: "0.conv.weight", low: -1.7e308, high: 1.7e308, counts: Array(repeating: 3, count: 32), mean: 0,
            deviation: 1e300)
        for classes in [0, 1, 3, 10] {
            for measured in [0, 2, 10] {
                var head = Sample.head()
                head.classes = (0..<classes).map(String.init)
                let evaluated = RunEvent.Evaluated(
                    step: 5, epoch: 1, seconds: 1, split: .validation, loss: 1, accuracy: 0.5,
                    detail: Sample.detail(measured, skill: 1), weights: [wide])
                for screen in ["3", "6", "7"] as [Unicode.Scalar] {
                    var state = State(120, 40)
                    state.open([.started(head), .evaluated(evaluated), .evaluated(evaluated)], .interrupted)
                    state.press(.character(screen), .down, .down, .character("m"), .character("t"), .up)
                    #expect(TUI.screen(state).rows == 40)
                }
            }
        }
    }

    /// The same where numbers are predicted: errors without a target, a target without errors, extremes, nothing.
    @Test func numbersThatDoNotFit() throws {
        func detail(_ pairs: [(Float, Float)], r2: Double?, reach: Double, _ residuals: [Int]) -> RegressionDetail {
            RegressionDetail(
                scores: RegressionScores(count: Int(Int32.max), mae: .nan, rmse: .infinity, r2: r2),
                pairs: pairs.map { RegressionDetail.Pair(truth: $0, prediction: $1) }, reach: reach,
                residuals: residuals,
                largest: pairs.map {
                    RegressionDetail.Miss(
                        index: Int(Int32.max), pair: RegressionDetail.Pair(truth: $0, prediction: $1))
                })
        }
        let huge = Float.greatestFiniteMagnitude
        let details: [RegressionDetail?] = [
            nil, detail([], r2: nil, reach: 0, [0]), detail([(.nan, .infinity)], r2: .nan, reach: 1, [0, 0]),
            detail(
                [(huge, -huge), (-huge, huge), (0, 0)], r2: -1e300, reach: 1.7e308, Array(repeating: 3, count: 1000)),
            detail([(1, 1)], r2: nil, reach: 0, [Int(Int32.max), Int(Int32.max)]),
        ]
        for target in [nil, "y", ""] as [String?] {
            for regression in details {
                var head = try numbersHead().head
                head.target = target
                let evaluated = RunEvent.Evaluated(
                    step: 5, epoch: 1, seconds: 1, split: .validation, loss: 1, accuracy: nil, regression: regression)
                for screen in ["2", "3", "6", "7"] as [Unicode.Scalar] {
                    var state = State(120, 40)
                    state.open([.started(head), .evaluated(evaluated), .evaluated(evaluated)], .interrupted)
                    state.press(.character(screen), .tab, .down, .character("m"), .character("t"), .character("z"), .up)
                    #expect(TUI.screen(state).rows == 40)
                    state.press(.tab, .tab, .tab)
                    #expect(TUI.screen(state).rows == 40)
                }
            }
        }
    }

    /// Nothing about classes where numbers are predicted.
    @Test func numbersHaveNoAccuracy() {
        for screen in ["2", "3", "7"] as [Unicode.Scalar] {
            var state = State(200, 60)
            state.openNumbers(screen: screen)
            let text = TUI.screen(state).text()
            for word in ["ccuracy", "class", "Class", "Confusion", "ROC", "matrix"] {
                #expect(!text.contains(word), "\(word) on screen \(screen)")
            }
            #expect(text.contains("RMSE") || screen == "7")
        }
        // The pane that had the focus for classes is not there for numbers.
        var state = State(120, 40)
        state.focus[.evaluate] = .roc
        state.openNumbers(screen: "3")
        #expect(state.focusedPane == .predictions)
        state.press(.tab)
        #expect(state.focusedPane == .residuals)
    }

    /// Text from outside cannot bring control characters onto the screen.
    @Test func hostileNames() {
        let hostile = "\u{1B}[31mred\u{7}\r\n\u{9B}2J\u{202E}abc\u{0}"
        var head = Sample.head(name: hostile)
        head.dataset = hostile
        head.classes = [hostile]
        head.target = hostile
        head.layers = [hostile, hostile]
        head.optimizer = hostile
        var state = State(120, 40)
        var session = sampleSessions[1]
        session.name = hostile
        session.fileName = hostile
        session.head = head
        state.runs.presets.append(PresetRow(name: hostile, summary: hostile, detail: hostile))
        state.take(.listed([session]), .previewed(path: session.path, RunState([.started(head)])))
        var texts = [screen(state).text()]
        state.press(.tab, .end)
        texts.append(screen(state).text())
        state.press(.tab, .enter)
        state.feed(
            .opened(name: hostile),
            .events([.started(head), .warned(RunEvent.Warned(step: 0, message: hostile))]), .ended(.unreadable(hostile))
        )
        texts.append(screen(state).text())
        state.take(.noticed(Notice(text: hostile)))
        texts.append(screen(state).text())
        state.feed(.failed(hostile))
        texts.append(screen(state).text())
        for text in texts {
            let bad = text.unicodeScalars.filter {
                ($0.value < 0x20 && $0 != "\n") || (0x7F...0x9F).contains($0.value) || $0 == "\u{202E}"
            }
            #expect(bad.isEmpty)
            #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count == 40)
        }
    }
}
