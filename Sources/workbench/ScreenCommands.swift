// attach and replay: the screen on one session, live or recorded.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation
import TUI

extension ScreenArguments {
    /// What the screen needs to show `target`.
    func options(_ sessions: SessionOptions, _ target: ScreenOptions.Target) throws -> ScreenOptions {
        var glyphSet: GlyphSet?
        if let glyphs {
            guard let known = GlyphSet(rawValue: glyphs) else {
                throw ValidationError(
                    "--glyphs \(glyphs) is unknown: choose \(GlyphSet.allCases.map(\.rawValue).joined(separator: ", "))."
                )
            }
            glyphSet = known
        }
        var options = ScreenOptions()
        options.sessions = sessions.folder.path
        options.theme = theme
        options.glyphs = glyphSet
        options.plain = plain
        options.mouse = !noMouse
        options.target = target
        options.presets = Presets.all.map { preset in
            // The presets are under test: one that could not be read would only go without a question for its data.
            let spec = try? SpecFile.parse(yaml: preset.yaml, file: preset.name).spec
            return PresetRow(
                name: preset.name, summary: preset.summary, detail: preset.yaml, dataPath: spec?.data.path)
        }
        return options
    }
}

struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "attach", abstract: "Watch a running session.")

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @OptionGroup var sessionOptions: SessionOptions
    @OptionGroup var screen: ScreenArguments
    @Flag(help: "One JSON object a line for each event, on stdout, until the run ends.") var json = false

    func run() throws {
        let path = sessionOptions.path(of: session)
        let reader = try SessionReader(path: path)
        guard json else {
            reader.close()
            throw ExitCode(try WorkbenchScreen.run(options: screen.options(sessionOptions, .session(path: path))))
        }
        var last = 0
        for event in try reader.events(after: 0) {
            Output.line(EventLine.encode(event))
            last = event.sequence
        }
        reader.close()
        guard let client = LinkClient.connect(sessionPath: path) else { return }
        let ended = DispatchSemaphore(value: 0)
        client.follow(after: last) { message in
            switch message {
            case .event(let event): Output.line(EventLine.encode(event))
            case .news: break
            case .gap, .closed: ended.signal()
            }
        }
        ended.wait()
        client.close()
    }
}

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Show a recorded session; with --once print one frame as text.")

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @OptionGroup var sessionOptions: SessionOptions
    @OptionGroup var screen: ScreenArguments
    @Option(help: "How many times as fast as it was recorded (default: by its length).") var speed: Double?
    @Option(help: "The moment to show, as a step (default: the end).") var at: Int?
    @Option(help: "Of a cross-validation, the fold to show (default: all of them).") var fold: Int?
    @Flag(help: "Print one frame as text and end.") var once = false
    @Option(help: "Columns of the frame.") var columns = 120
    @Option(help: "Rows of the frame.") var rows = 40

    func validate() throws {
        guard (1...1000).contains(columns), (1...1000).contains(rows) else {
            throw ValidationError("--columns and --rows go from 1 to 1000.")
        }
        if let fold, !FoldPlan.range.contains(max(2, fold)) || fold < 1 {
            throw ValidationError("--fold \(fold) is not between 1 and \(FoldPlan.range.upperBound).")
        }
        if let speed, !(speed > 0 && speed.isFinite) { throw ValidationError("--speed must be more than 0.") }
    }

    func run() throws {
        let path = sessionOptions.path(of: session)
        if once {
            let options = try screen.options(sessionOptions, .none)
            Output.line(
                try WorkbenchScreen.renderFrame(
                    sessionPath: path, fold: fold, columns: columns, rows: rows, glyphs: options.glyphs ?? .braille,
                    atStep: at))
            return
        }
        try SessionReader(path: path, run: fold.map { $0 + 1 }).close()
        var options = try screen.options(sessionOptions, .replay(path: path, speed: speed, step: at))
        options.fold = fold
        throw ExitCode(try WorkbenchScreen.run(options: options))
    }
}
