// Keys of the screen Compare: what they do to the state, and what they ask of the analyst.

import Engine
import Experiments
import Foundation

/// Why there is nothing to compare here; nil: there is.
func compareRefusal(_ session: OpenSession) -> String? {
    if session.isFolds { return "A cross-validation keeps no model: train one to make it smaller" }
    if session.predictsNumbers { return "Only models of classes are compared: this one predicts a number" }
    guard case .ended = session.source else { return "Variants are made when the run has ended" }
    return nil
}

/// Asks the analyst about variants.
private func askAboutVariants(_ question: AnalystQuestion, _ state: inout State) -> [Command] {
    guard let session = state.session else { return [] }
    if let reason = compareRefusal(session) {
        state.notice = Notice(text: reason, role: .warning)
        return []
    }
    state.session?.explain.fraction = 0
    state.session?.explain.failure = nil
    state.session?.compare.subject = ""
    // A person who looks back would not see the answer.
    state.session?.replay = nil
    return [.ask(question)]
}

/// Keys that only Compare has; nil: not one of them.
func performInCompare(_ action: Action, _ state: inout State) -> [Command]? {
    guard state.screen == .compare, let session = state.session else { return nil }
    let all = session.variants
    let selected = session.selectedVariant.map { all[$0] }
    switch action {
    case .up, .down: moveInCompare(by: action == .down ? 1 : -1, &state)
    case .addVariant:
        if let reason = compareRefusal(session) {
            state.notice = Notice(text: reason, role: .warning)
            return []
        }
        state.overlay = .prompt(Prompt(kind: .variant, text: ""))
    case .fineTune: state.overlay = .prompt(Prompt(kind: .epochs, text: ""))
    case .budget:
        if let reason = compareRefusal(session) {
            state.notice = Notice(text: reason, role: .warning)
            return []
        }
        state.overlay = .prompt(Prompt(kind: .budget, text: ""))
    case .sensitivity: return askAboutVariants(.sensitivity, &state)
    case .open:
        guard let selected, !selected.isBaseline else {
            state.notice = Notice(text: "Select a variant to choose it")
            return []
        }
        state.notice = Notice(text: "\(selected.variant) is the one to take", role: .good)
        return askAboutVariants(.decide(variant: selected.variant, act: .chosen), &state)
    case .dropVariant:
        guard let selected, !selected.isBaseline, let index = session.selectedVariant else { return [] }
        state.session?.compare.dropped = selected.variant
        state.session?.compare.marked.removeAll { $0 == selected.variant }
        state.session?.compare.selected =
            all.indices.contains(index + 1) ? all[index + 1].variant : all[index - 1].variant
        state.notice = Notice(text: "\(selected.variant) dropped; u brings it back")
        return askAboutVariants(.decide(variant: selected.variant, act: .dropped), &state)
    case .takeBack:
        guard let dropped = session.compare.dropped else { return [] }
        state.session?.compare.dropped = nil
        state.session?.compare.selected = dropped
        return askAboutVariants(.decide(variant: dropped, act: .restored), &state)
    case .markVariant:
        guard let selected else { return [] }
        if session.compare.marked.contains(selected.variant) {
            state.session?.compare.marked.removeAll { $0 == selected.variant }
        } else {
            state.session?.compare.marked.append(selected.variant)
        }
        moveInCompare(by: 1, &state)
    case .difference:
        guard session.compare.marked.count >= 2 else {
            state.notice = Notice(text: "Mark two variants with m, then d holds them against each other")
            return []
        }
        state.session?.compare.showsDifference.toggle()
        state.session?.compare.pane = .change
    case .sortVariants:
        let orders = VariantOrder.allCases
        let next = orders[((orders.firstIndex(of: session.compare.order) ?? 0) + 1) % orders.count]
        state.session?.compare.order = next
    case .latencyAxis:
        state.session?.compare.showsLatency.toggle()
        state.session?.compare.pane = .front
    case .nextChart:
        let panes: [PaneID] = [.front, .change, .sensitivity, .histograms]
        let next = panes[((panes.firstIndex(of: session.compare.pane) ?? 0) + 1) % panes.count]
        state.session?.compare.pane = next
        if shownPanes(state).contains(where: { $0.id == next }), state.focusedPane != .variants {
            state.focus[.compare] = next
        }
    case .columnsLeft: state.session?.compare.column = max(0, session.compare.column - 1)
    case .columnsRight:
        state.session?.compare.column = min(variantColumns(session).count - 1, session.compare.column + 1)
    case .keepLayer:
        guard let layer = selectedLayer(session) else { return [] }
        state.session?.compare.sparsity[layer] = nil
        if session.compare.kept.contains(layer) {
            state.session?.compare.kept.remove(layer)
        } else {
            state.session?.compare.kept.insert(layer)
        }
        showLayers(&state)
    case .layerSparsity:
        guard selectedLayer(session) != nil else { return [] }
        showLayers(&state)
        state.overlay = .prompt(Prompt(kind: .sparsity, text: ""))
    default: return nil
    }
    return []
}

/// What is done to layers is seen where they are listed.
private func showLayers(_ state: inout State) {
    state.session?.compare.pane = .sensitivity
}

private func selectedLayer(_ session: OpenSession) -> Int? {
    let layers = session.weightedLayers
    return layers.indices.contains(session.compare.layer) ? layers[session.compare.layer].number : layers.first?.number
}

private func moveInCompare(by rows: Int, _ state: inout State) {
    guard let session = state.session else { return }
    switch state.focusedPane {
    case .sensitivity, .histograms:
        let count = session.weightedLayers.count
        state.session?.compare.layer = min(max(0, session.compare.layer + rows), max(0, count - 1))
    default:
        let all = session.variants
        guard let selected = session.selectedVariant else { return }
        state.session?.compare.selected = all[min(max(0, selected + rows), all.count - 1)].variant
    }
}

/// Takes the names of variants and has them made.
func acceptVariant(_ prompt: Prompt, _ state: inout State) -> [Command] {
    guard let session = state.session else { return [] }
    do throws(VariantError) {
        var names: [String] = []
        for name in prompt.text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let recipe = try VariantRecipe(String(name) + session.layerSuffix)
            if !names.contains(recipe.name) { names.append(recipe.name) }
        }
        guard let last = names.last else {
            state.overlay = nil
            return []
        }
        state.overlay = nil
        state.session?.compare.selected = last
        return askAboutVariants(.compare(variants: names, epochs: session.compare.epochs), &state)
    } catch {
        return complain(prompt, error.description, &state)
    }
}

/// Takes how many epochs variants are trained on for; the selected one is made again with them.
func acceptEpochs(_ prompt: Prompt, _ state: inout State) -> [Command] {
    guard let epochs = Int(prompt.text.trimmingCharacters(in: .whitespaces)), (0...1_000).contains(epochs) else {
        return complain(prompt, "epochs of training, 0 to 1,000; 0: none", &state)
    }
    state.overlay = nil
    state.session?.compare.epochs = epochs
    guard let session = state.session, let selected = session.selectedVariant else { return [] }
    let variant = session.variants[selected].variant
    if epochs > 0, let recipe = try? VariantRecipe(variant), recipe.isTrainable {
        return askAboutVariants(.compare(variants: [variant], epochs: epochs), &state)
    }
    state.notice = Notice(
        text: epochs == 0
            ? "New variants are not trained on" : "New variants that lose weights are trained on for \(epochs) epochs")
    return []
}

/// Takes how many points may be lost and has the smallest variant looked for.
func acceptBudget(_ prompt: Prompt, _ state: inout State) -> [Command] {
    let text = prompt.text.trimmingCharacters(in: .whitespaces)
    guard let points = Double(text.isEmpty ? "0.5" : text), (0...100).contains(points) else {
        return complain(prompt, "points of accuracy that may be lost, such as 0.5", &state)
    }
    state.overlay = nil
    let epochs = state.session?.compare.epochs ?? 0
    return askAboutVariants(.search(points: points, epochs: epochs), &state)
}

/// Takes the sparsity of the selected layer.
func acceptSparsity(_ prompt: Prompt, _ state: inout State) -> [Command] {
    let text = prompt.text.trimmingCharacters(in: .whitespaces)
    guard let session = state.session, let layer = selectedLayer(session) else { return [] }
    guard let percent = Int(text), percent == 0 || VariantRecipe.percentRange.contains(percent) else {
        return complain(prompt, "percent of the layer's weights, 1 to 99; 0: as the others", &state)
    }
    state.overlay = nil
    state.session?.compare.kept.remove(layer)
    state.session?.compare.sparsity[layer] = percent == 0 ? nil : percent
    return []
}

private func complain(_ prompt: Prompt, _ text: String, _ state: inout State) -> [Command] {
    var prompt = prompt
    prompt.complaint = text
    state.overlay = .prompt(prompt)
    return []
}

/// A click into the table of variants.
func selectVariant(_ pane: Pane, at row: Int, _ state: inout State) {
    guard let session = state.session, let place = listedVariant(session, pane, at: row) else { return }
    state.session?.compare.selected = session.variants[place].variant
}
