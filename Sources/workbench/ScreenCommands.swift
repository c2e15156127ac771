// attach and replay: the screen on one session, live or recorded.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation
import TUI

extension ScreenArguments {
    /// The options that a screen takes when none were given.
    static func parseOrDefault() -> ScreenArguments {
        do {
            return try ScreenArguments.parse([])
        } catch {
            preconditionFailure("every option of the screen has a default: \(error)")
        }
    }

    func options(_ sessions: SessionOptions, target: String?) throws -> ScreenOptions {
        var glyphSet: GlyphSet?
        if let glyphs {
            guard let known = GlyphSet(rawValue: glyphs) else {
                throw ValidationError(
                    "--glyphs \(glyphs) is unknown: choose \(GlyphSet.allCases.map(\.rawValue).joined(separator: ", "))."
                )
            }
            glyphSet = known
        }
        return ScreenOptions(
            sessionsFolder: sessions.folder.path, themeName: theme, glyphs: glyphSet, plain: plain, noMouse: noMouse,
            target: target)
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
            throw ExitCode(try WorkbenchScreen.run(options: screen.options(sessionOptions, target: path)))
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
    @Option(help: "The moment to show, as a step (default: the end).") var at: Int?
    @Flag(help: "Print one frame as text and end.") var once = false
    @Option(help: "Columns of the frame.") var columns = 120
    @Option(help: "Rows of the frame.") var rows = 40

    func run() throws {
        let path = sessionOptions.path(of: session)
        if once {
            let options = try screen.options(sessionOptions, target: path)
            Output.line(
                try renderFrame(
                    sessionPath: path, columns: columns, rows: rows, glyphs: options.glyphs ?? .braille, atStep: at))
            return
        }
        try SessionReader(path: path).close()
        throw ExitCode(try WorkbenchScreen.run(options: screen.options(sessionOptions, target: path)))
    }
}
