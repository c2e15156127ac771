// The screen Compare: what its keys show, what they ask of the analyst, and what they refuse.

import Engine
import Experiments
import Testing

@testable import TUI

@Suite struct CompareUpdateTests {
    private func compared() -> State {
        var state = State(120, 40)
        state.openCompared()
        return state
    }

    @Test func namesAreAskedForAsOne() throws {
        var state = compared()
        state.press(.character("a"))
        state.type("int8, prune80+int8  prune80+int8")
        #expect(
            state.press(.enter) == [.ask(.compare(variants: ["int8", "prune80+int8"], epochs: 0))])
        #expect(state.session?.compare.selected == "prune80+int8" && state.overlay == nil)
        // What is no variant is told where it was typed, and nothing is lost.
        state.press(.character("a"))
        state.type("int9")
        #expect(state.press(.enter).isEmpty)
        guard case .prompt(let prompt)? = state.overlay else { throw Missing() }
        #expect(prompt.text == "int9" && prompt.complaint?.contains("int9") == true)
    }

    private struct Missing: Error {}

    @Test func layersThatAreChosenGoIntoTheName() throws {
        var state = compared()
        let layers = try #require(state.session?.weightedLayers)
        state.session?.compare.pane = .sensitivity
        state.focus[.compare] = .sensitivity
        state.press(.character("f"), .down, .character("P"))
        state.type("60")
        state.press(.enter, .character("a"))
        state.type("int4")
        #expect(
            state.press(.enter) == [
                .ask(
                    .compare(
                        variants: ["prune60@\(layers[1].number)+int4+keep\(layers[0].number)"], epochs: 0))
            ])
        // The same key again lets the layer go.
        state.press(.up, .character("f"), .character("a"))
        state.type("int4")
        #expect(
            state.press(.enter) == [.ask(.compare(variants: ["prune60@\(layers[1].number)+int4"], epochs: 0))])
    }

    @Test func tuningMakesTheSelectedOneAgain() {
        var state = compared()
        state.session?.compare.selected = "prune80"
        state.press(.character("t"))
        state.type("3")
        #expect(state.press(.enter) == [.ask(.compare(variants: ["prune80"], epochs: 3))])
        // Rounding alone can't be trained: only later ones are.
        state.session?.compare.selected = "f16"
        state.press(.character("t"))
        state.type("2")
        #expect(state.press(.enter).isEmpty && state.session?.compare.epochs == 2)
        state.press(.character("t"))
        state.type("two")
        #expect(state.press(.enter).isEmpty && state.session?.compare.epochs == 2)
    }

    @Test func aBudgetIsSearched() {
        var state = compared()
        state.press(.character("b"))
        state.type("0.3")
        #expect(state.press(.enter) == [.ask(.search(points: 0.3, epochs: 0))])
        state.feed(.analyst(.working(fraction: 0.5, on: "int8")))
        #expect(screen(state).text().contains("Making int8"))
        #expect(state.press(.escape) == [.ask(.cancel)])
    }

    @Test func choosesDropsAndBringsBack() {
        var state = compared()
        state.press(.down, .down)
        #expect(state.press(.enter) == [.ask(.decide(variant: "int8", act: .chosen))])
        #expect(state.press(.character("D")) == [.ask(.decide(variant: "int8", act: .dropped))])
        state.feed(.events([.decided(VariantChoice(step: 410, variant: "int8", act: .dropped))]), .analyst(.idle))
        #expect(state.session?.variants.contains { $0.variant == "int8" } == false)
        #expect(state.press(.character("u")) == [.ask(.decide(variant: "int8", act: .restored))])
        state.feed(.events([.decided(VariantChoice(step: 410, variant: "int8", act: .restored))]), .analyst(.idle))
        #expect(state.session?.variants.contains { $0.variant == "int8" } == true)
        // The model itself is neither chosen nor dropped.
        state.session?.compare.selected = "baseline"
        #expect(state.press(.enter).isEmpty && state.press(.character("D")).isEmpty)
    }

    @Test func ordersAndDifferences() throws {
        var state = compared()
        state.press(.character("o"))
        var names = try #require(state.session?.variants.map(\.variant))
        #expect(names.first == "baseline" && names[1] == "prune80+cluster16")
        state.press(.character("o"), .character("o"))
        names = try #require(state.session?.variants.map(\.variant))
        #expect(names[1] == "channels30+int8" && names[2] == "int8")
        #expect(state.press(.character("d")).isEmpty && state.session?.compare.showsDifference == false)
        state.session?.compare.selected = "int8"
        state.press(.character("m"))
        state.session?.compare.selected = "f16"
        state.press(.character("m"), .character("d"))
        let pair = try #require(state.session?.comparedPair)
        #expect(pair.first.variant == "int8" && pair.second.variant == "f16")
        #expect(screen(state).text().contains("f16 against int8"))
    }

    @Test func refusesWhatHasNoVariants() {
        var state = State(120, 40)
        state.openFolds(Sample.folds(), .finished(.completed), screen: "5")
        #expect(screen(state).text().contains("keeps no model"))
        #expect(state.press(.character("a")).isEmpty && state.overlay == nil && state.notice != nil)
        state = State(120, 40)
        state.openNumbers(screen: "5")
        #expect(screen(state).text().contains("predicts a number"))
        state = State(120, 40)
        state.attach(steps: 20)
        state.press(.character("5"))
        #expect(screen(state).text().contains("when the run has ended"))
        #expect(state.press(.character("b")).isEmpty && state.overlay == nil)
    }

    @Test func aClickSelectsAVariant() throws {
        var state = compared()
        let pane = try #require(shownPanes(state).first { $0.id == .variants })
        state.take(.input(.click(row: pane.rect.row + 4, column: pane.rect.column + 5)))
        #expect(state.session?.compare.selected == "int8")
    }

    /// What a file holds may not fit its run.
    @Test func partsThatDoNotFit() {
        var state = State(120, 40)
        state.openWithFacts("digits-cnn", screen: "5")
        var odd = Sample.variant("int8", size: 0, lost: .nan, speedup: .infinity, arrays: ["nobody.weight"])
        odd.recalls = [1]
        odd.median = .nan
        odd.accuracy = .infinity
        let wide = WeightHistogram(
            name: state.session?.weightedLayers.first?.array ?? "", low: -1e308, high: 1e308, counts: [], mean: 0,
            deviation: .nan)
        odd.weights = [wide]
        var base = Sample.variant("baseline", size: 0, lost: 0, speedup: 0)
        base.weights = [wide]
        state.feed(
            .events([
                .compared(base), .compared(odd),
                .sensed(
                    LayerSensitivity(
                        step: 410, examples: -1, treatments: ["a", "b"],
                        layers: [
                            .init(number: 1, name: "", lostPoints: []), .init(number: 99, name: "x", lostPoints: [1]),
                        ])),
            ]))
        state.press(.down)
        for key in ["v", "v", "v", "v", "y", "o", "l", "l", "d", "m", "m", "d"] as [Unicode.Scalar] {
            state.press(.character(key))
            for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
                state.take(.input(.resized(rows: rows, columns: columns)))
                #expect(screen(state).rows == rows)
            }
        }
    }
}
