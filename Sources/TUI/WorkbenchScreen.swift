// WorkbenchScreen: the way in. Options, the main loop, and what is said after the screen is gone.

import Charts
import Engine
import Experiments
import Foundation

/// What the screens are started with.
public struct ScreenOptions: Sendable {
    /// How curves and borders are drawn.
    public typealias Glyphs = GlyphSet

    /// What is shown first.
    public enum Target: Sendable, Equatable {
        /// The list of sessions and presets.
        case none
        /// This session: live ones are attached to.
        case session(path: String)
        /// This session, played from its start or from `step` on, `speed` times as fast (nil: chosen by its length).
        case replay(path: String, speed: Double?, step: Int?)
    }

    /// Folder of the sessions; nil: as ``SessionFolder/resolve(explicit:)`` finds it.
    public var sessions: String?
    /// `dark`, `light`, `mono` or `safe`; nil: dark, or mono where NO_COLOR is set.
    public var theme: String?
    /// nil: braille where the locale is UTF-8, else ASCII.
    public var glyphs: Glyphs?
    /// Lines of text in place of a full screen.
    public var plain = false
    /// Whether clicks and the wheel are taken (selecting text then needs Shift).
    public var mouse = true
    public var target = Target.none
    /// Of a replayed cross-validation the fold that is shown; nil: all of it.
    public var fold: Int?
    public var presets: [PresetRow] = []

    public init() {}
}

/// The terminal interface.
public enum WorkbenchScreen {
    /// Shows the screens until a person leaves. Returns the exit status.
    public static func run(options: ScreenOptions) throws -> Int32 {
        let environment = ProcessInfo.processInfo.environment
        guard let theme = Theme.chosen(named: options.theme, environment: environment) else {
            throw ScreenError.unknownTheme(options.theme ?? "")
        }
        let folder = SessionFolder.resolve(explicit: options.sessions)
        if options.plain { return try PlainText(folder: folder, options: options).run() }
        if let refusal = Terminal.refusal() { throw refusal }
        var state = State()
        state.glyphs = options.glyphs ?? (Terminal.localeIsUTF8 ? .braille : .ascii)
        state.folder = shortened(folder.path, home: environment["HOME"])
        state.runs.presets = options.presets
        state.theme = theme
        var loop = MainLoop(
            state: state, folder: folder, terminal: try Terminal(theme: theme, mouse: options.mouse))
        loop.begin(options.target, fold: options.fold)
        loop.run()
        for line in farewell(loop.state) { print(line) }
        return 0
    }

    /// The screen Train of a session as text, `rows` lines of at most `columns` characters.
    /// - Parameters:
    ///   - atStep: the moment that is shown; nil: the end.
    ///   - fold: of a cross-validation the fold that is shown; nil: all of it.
    public static func renderFrame(
        sessionPath: String, fold: Int? = nil, columns: Int, rows: Int, glyphs: ScreenOptions.Glyphs, atStep: Int?
    ) throws -> String {
        let reader = try SessionReader(path: sessionPath, run: fold.map { $0 + 1 })
        let events = try reader.runEvents()
        let status = SessionStatus(of: events, isLive: LinkClient.isLive(sessionPath: sessionPath))
        var train = OpenSession(
            path: sessionPath, name: reader.info.name, opening: 0, source: status == .live ? .live : .ended(status))
        train.take(events)
        train.fold = fold
        if let atStep {
            var replay = Replay(of: events)
            replay.seek(step: atStep, in: events)
            train.replay = replay
        }
        var state = State()
        state.rows = rows
        state.columns = columns
        state.glyphs = glyphs
        state.screen = .train
        state.session = train
        return screen(state).text()
    }

    private static func shortened(_ path: String, home: String?) -> String {
        guard let home, !home.isEmpty, path.hasPrefix(home + "/") else { return path }
        return "~" + path.dropFirst(home.count)
    }

    /// What goes on when the screen has gone.
    static func farewell(_ state: State) -> [String] {
        let names = state.liveNames.map { sanitised($0) }
        guard let first = names.first else { return [] }
        if names.count == 1 { return ["\(first) goes on; see it again with: workbench attach \(first)"] }
        return ["\(names.count) runs go on (\(names.joined(separator: ", "))); workbench shows them again"]
    }
}

extension SessionStatus {
    /// What recorded events say of a run.
    init(of events: [RunEvent], isLive: Bool) {
        if isLive {
            self = .live
        } else if case .finished(let reason) = RunState(events).phase {
            self = .finished(reason)
        } else {
            self = .interrupted
        }
    }
}

/// One loop: messages in, state changed, commands done, frame shown.
struct MainLoop {
    private(set) var state: State
    private let folder: SessionFolder
    private var terminal: Terminal
    private let mailbox = Mailbox()
    private let clerk: Clerk
    private var feed: Feed?
    private var analysis: Analysis?
    private let clock = ContinuousClock()
    /// Where a replay that was asked for begins.
    private var pendingReplay: (speed: Double?, step: Int?)?

    /// At most this many frames a second.
    private static let frame = Duration.milliseconds(33)
    private static let listEvery = Duration.seconds(1)

    init(state: State, folder: SessionFolder, terminal: Terminal) {
        self.state = state
        self.folder = folder
        self.terminal = terminal
        clerk = Clerk(folder: folder, mailbox: mailbox)
        (self.state.rows, self.state.columns) = terminal.size
        self.state.now = Date()
    }

    /// Opens what was asked for on the command line.
    mutating func begin(_ target: ScreenOptions.Target, fold: Int? = nil) {
        let path: String
        switch target {
        case .none: return
        case .session(let session): path = session
        case .replay(let session, let speed, let step):
            path = session
            pendingReplay = (speed, step)
        }
        state.openings += 1
        let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        state.session = OpenSession(path: path, name: name, opening: state.openings, source: .reading)
        state.screen = .train
        state.session?.fold = fold
        perform(
            fold.map { .openFold(path: path, fold: $0, opening: state.openings) }
                ?? .open(path: path, opening: state.openings))
    }

    /// Runs until a person leaves or the terminal has gone.
    mutating func run() {
        var isDirty = true
        /// A person waits for the frame: it does not wait for its turn.
        var isAnswer = true
        var lastFrame = clock.now - MainLoop.frame
        var lastTick = clock.now
        var lastList = clock.now - MainLoop.listEvery
        while !state.isLeaving {
            let now = clock.now
            if now - lastList >= MainLoop.listEvery {
                lastList = now
                if state.screen == .runs { clerk.ask(.list) }
            }
            if isDirty, isAnswer || now - lastFrame >= MainLoop.frame {
                terminal.show(screen(state))
                isDirty = false
                isAnswer = false
                lastFrame = now
            }
            let isPlaying = state.session?.replay?.isPlaying == true
            let rest = isDirty || isPlaying ? MainLoop.frame - (clock.now - lastFrame) : .seconds(1)
            terminal.wait(milliseconds: max(0, Int(rest / .milliseconds(1)) + 1))

            let elapsed = clock.now - lastTick
            if isPlaying || elapsed >= .seconds(1) {
                lastTick = clock.now
                take(.tick(now: Date(), elapsed: elapsed / .seconds(1)))
                if isPlaying || state.screen == .runs { isDirty = true }
            } else if !isPlaying {
                // A replay that begins must not make up for the time before.
                lastTick = max(lastTick, clock.now - .seconds(1))
            }
            // A paste of a million characters is taken in portions, with frames between them.
            let portion = clock.now + MainLoop.frame
            while !state.isLeaving, clock.now < portion, let input = terminal.read() {
                take(.input(input))
                isDirty = true
                isAnswer = true
            }
            for message in mailbox.takeAll() {
                take(message)
                isDirty = true
            }
            if pendingReplay != nil { beginReplay() }
        }
        feed?.close()
        analysis?.close()
        clerk.close()
        terminal.stop()
    }

    private mutating func take(_ message: Message) {
        for command in update(&state, message) { perform(command) }
    }

    /// Starts the replay that the command line asked for, once everything was read.
    private mutating func beginReplay() {
        guard let train = state.session, case .ended = train.source, let wish = pendingReplay else { return }
        pendingReplay = nil
        var replay = train.freshReplay
        if let speed = wish.speed { replay.speed = min(max(speed, Replay.speeds.lowerBound), Replay.speeds.upperBound) }
        if let step = wish.step { replay.seek(step: step, in: train.events) }
        replay.isPlaying = true
        state.session?.replay = replay
    }

    private mutating func perform(_ command: Command) {
        switch command {
        case .list, .preview, .trash, .undoTrash, .save: clerk.ask(command)
        case .train(let preset, let data, let opening):
            let path = folder.newSessionPath(name: preset)
            state.session?.path = path
            var arguments = ["train", preset, "--session", path, "--sessions", folder.path, "--engine"]
            if let data { arguments += ["--data", (data as NSString).expandingTildeInPath] }
            openFeed(path, opening, .engine(arguments: arguments))
        case .crossValidate(let subject, let name, let folds, let data, let opening):
            let path = folder.newSessionPath(name: name)
            state.session?.path = path
            var arguments = ["cross-validate", subject, "--folds", "\(folds)"]
            arguments += ["--session", path, "--sessions", folder.path, "--engine"]
            if let data { arguments += ["--data", (data as NSString).expandingTildeInPath] }
            openFeed(path, opening, .engine(arguments: arguments))
        case .resume(let path, let opening):
            openFeed(path, opening, .engine(arguments: ["resume", path, "--engine"]))
        case .open(let path, let opening): openFeed(path, opening, .file)
        case .openFold(let path, let fold, let opening): openFeed(path, opening, .file, run: fold + 1)
        case .steer(let command): feed?.send(command)
        case .ask(let question): ask(question)
        case .suspend:
            terminal.suspend()
            let (rows, columns) = terminal.size
            take(.input(.resized(rows: rows, columns: columns)))
        case .redraw: terminal.redraw()
        case .setTheme(let theme): terminal.use(theme)
        }
    }

    private mutating func ask(_ question: AnalystQuestion) {
        guard let session = state.session else { return }
        if analysis?.opening != session.opening || analysis?.isClosed != false || analysis?.data != session.dataPath {
            if question == .cancel { return }
            analysis?.close()
            analysis = Analysis(
                path: session.path, opening: session.opening, after: session.events.count, data: session.dataPath,
                mailbox: mailbox)
        }
        analysis?.ask(question)
    }

    private mutating func openFeed(_ path: String, _ opening: Int, _ origin: Feed.Origin, run: Int? = nil) {
        feed?.close()
        analysis?.close()
        analysis = nil
        feed = Feed(path: path, opening: opening, origin: origin, run: run, mailbox: mailbox)
    }
}
