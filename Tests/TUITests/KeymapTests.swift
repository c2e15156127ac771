// The key table: no clashes, everything reachable, and docs/keys.md says the same.

import Testing

@testable import TUI

struct KeymapTests {
    @Test(arguments: Context.stacks)
    func keysDoNotClash(_ stack: [Context]) {
        var seen: [Key: Context] = [:]
        for context in stack {
            for binding in Keymap.bindings where binding.context == context {
                for key in binding.keys {
                    #expect(seen[key] == nil, "\(key) is bound in \(context) and in \(String(describing: seen[key]))")
                    seen[key] = context
                }
            }
        }
    }

    @Test func everyContextIsInAStack() {
        #expect(Set(Context.stacks.flatMap { $0 }) == Set(Context.allCases))
    }

    @Test func statesUseTheStacks() {
        var state = State(80, 24)
        #expect(Context.stacks.contains(state.contexts))
        for scene in Scene.all {
            state = State(80, 24)
            scene.reach(&state)
            #expect(Context.stacks.contains(state.contexts), "\(scene.name)")
        }
    }

    @Test func leavingWorksEverywhere() {
        for stack in Context.stacks {
            #expect(Keymap.action(for: .control("C"), in: stack) == .leave)
            #expect(Keymap.action(for: .control("Z"), in: stack) == .suspend)
            #expect(Keymap.action(for: .control("L"), in: stack) == .redraw)
        }
    }

    @Test func helpNamesEveryKey() {
        let lines = helpLines(State(80, 24))
        for binding in Keymap.bindings {
            let keys = binding.keys.map { $0.name(ascii: false) }.joined(separator: " ")
            #expect(lines.contains(.key(keys, binding.help)), "\(binding.help)")
        }
    }

    @Test func documentIsMadeFromTheTable() throws {
        try expectGolden(Keymap.document, keysDocument)
    }
}
