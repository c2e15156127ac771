// The screen Explain: which rows it lists, how one comes to it and back, and whom it asks.

import Experiments
import Testing

@testable import Engine
@testable import TUI

@Suite struct ExplainUpdateTests {
    @Test func theGalleryLeadsToItAndBack() throws {
        var state = State(120, 40)
        state.openWithFacts("digits-cnn", screen: "3")
        var facts = try #require(state.session?.facts)
        facts.predictions = Sample.predictions(count: 114, classes: 10)
        state.feed(.facts(facts))
        state.overlay = .gallery(GalleryView())
        let example = try #require(state.session.map { galleryExamples($0, GalleryView()) }?.first)
        let commands = state.press(.character("e"))
        #expect(state.screen == .explain && state.overlay == nil && state.session?.explain.row == example.index)
        #expect(commands.count == 1)
        // While it works Esc drops the work; then it leads back to where one came from.
        #expect(state.press(.escape) == [.ask(.cancel)] && state.screen == .explain)
        state.feed(.analyst(.idle))
        state.press(.escape)
        #expect(state.screen == .evaluate && state.overlay == .gallery(GalleryView()))
        state.press(.character("e"), .character("q"))
        #expect(state.screen == .evaluate && state.overlay == .gallery(GalleryView()))
        // Who comes by the key of the screen goes back to Runs.
        state.press(.escape, .character("4"))
        state.feed(.analyst(.idle))
        state.press(.character("q"))
        #expect(state.screen == .runs)
    }

    /// Facts of a session may come before its events.
    @Test func largestErrorsComeFirst() throws {
        var state = State(120, 40)
        state.openNumbers(screen: "3")
        var facts = try #require(state.session?.facts)
        let events = try #require(state.session?.events)
        facts.predictions = PredictionList(
            [(3, 1, 1.5), (4, 9, 2), (8, -4, -1)].map { index, truth, prediction in
                PredictionList.Row(
                    index: index, label: 0, predicted: 0, prediction: Float(prediction), truth: Float(truth))
            }, classes: nil)
        state.press(.character("q"))
        state.take(.listed(sampleSessions))
        state.press(.enter)
        state.feed(.facts(facts), .events(events), .ended(.finished(.completed)))
        state.press(.character("4"))
        #expect(state.session?.explain.filter == .wrong && state.session?.explain.shown == [1, 2, 0])
        let text = screen(state).text()
        #expect(text.contains("Largest errors") && text.contains("-7.00") && text.contains("+3.00"))
    }

    @Test func aCrossValidationIsNotAsked() {
        var state = State(120, 40)
        state.openFolds(Sample.folds(), .finished(.completed), screen: "3")
        #expect(state.press(.character("4")).isEmpty && screen(state).text().contains("keeps no model"))
        for key in [Key.enter, .character("i")] {
            #expect(state.press(key).isEmpty && state.notice?.text == foldsHaveNoModel)
        }
    }

    @Test func aClickSelectsARow() throws {
        var state = State(120, 40)
        state.openExplained("breast-cancer-mlp")
        let session = try #require(state.session)
        let list = try #require(session.facts?.predictions)
        let pane = try #require(shownPanes(state).first { $0.id == .rows })
        state.take(.input(.click(row: pane.rect.row + 3, column: pane.rect.column + 4)))
        #expect(state.session?.explain.row == list[session.explain.shown[2]].index)
        // On the frame nothing changes.
        state.take(.input(.click(row: pane.rect.row, column: pane.rect.column + 4)))
        #expect(state.session?.explain.row == list[session.explain.shown[2]].index)
    }
}
