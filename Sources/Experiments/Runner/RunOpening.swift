// RunOpening: what every run that is recorded begins with, a single one as a cross-validation: its head in the session, the socket, the
// recorder, and what a person should know at once.
import Engine
import Foundation

extension SessionInfo {
    /// The head of a run of `experiment` that begins here and now.
    init(
        _ experiment: Experiment, _ facts: DatasetFacts, programVersion: String, command: [String]
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        self.init(
            runID: UUID().uuidString, name: experiment.spec.name, createdAt: Date(), specYAML: experiment.yaml,
            preprocessingJSON: String(decoding: try encoder.encode(experiment.preprocessing), as: UTF8.self),
            datasetJSON: facts.json, host: ProcessInfo.processInfo.hostName, processor: HostFacts.processor,
            kernels: Machine.kernels, programVersion: programVersion, command: command, gitCommit: nil)
    }
}

extension Experiment {
    /// How the data were read, and which files were left out: sentences for the run's beginning.
    var dataWarnings: [String] {
        let skips = dataset.skipped.prefix(20).map { "\($0.path) was skipped: \($0.reason)" }
        let sum = dataset.skipped.count > 20 ? ["\(dataset.skipped.count) files were skipped in all."] : []
        return dataset.notes + skips + sum
    }
}

/// A recorder whose stored events go to the clients of the run's socket and to whoever observes it.
struct RecordedRun {
    let recorder: Recorder
    private let writer: SessionWriter
    private let server: LinkServer?

    /// Opens the socket of the session that `writer` writes; without one nobody can attach, and that is said.
    init(_ writer: SessionWriter, commands: CommandQueue, _ observer: RunObserver) {
        var server: LinkServer?
        do {
            server = try LinkServer(sessionPath: writer.path) { commands.push($0) }
        } catch {
            observer.complaint("Nobody can attach to this run: \(error)")
        }
        let link = server
        self.server = server
        self.writer = writer
        recorder = Recorder(
            writer,
            tell: { events in
                guard !events.isEmpty else { return }
                link?.publish(events)
                observer.events(events)
            }, complain: observer.complaint)
    }

    /// Stores what is left.
    /// - Throws: ``SessionError`` when the end could not be stored.
    func finish() throws { try recorder.finish() }

    /// Closes session and socket.
    func close() {
        writer.close()
        server?.close()
    }

    /// Sentences for a person, at the beginning.
    func warn(_ messages: [String]) {
        for message in messages { recorder.record(.warned(RunEvent.Warned(step: 0, message: message))) }
    }
}
