// Clerk: the thread that reads and moves session files for the list, so that the main loop never waits for a disk.

import Engine
import Experiments
import Foundation
import Synchronization

/// A named thread with a queue of jobs; answers go to the mailbox.
final class Clerk: Sendable {
    private struct Desk {
        var jobs: [Command] = []
        var isClosed = false
    }
    private let folder: SessionFolder
    private let mailbox: Mailbox
    private let desk = Mutex(Desk())
    private let bell = DispatchSemaphore(value: 0)

    init(folder: SessionFolder, mailbox: Mailbox) {
        self.folder = folder
        self.mailbox = mailbox
        let thread = Thread { [self] in work() }
        thread.name = "clerk"
        thread.start()
    }

    /// Queues a job; one that waits already is not queued again.
    func ask(_ job: Command) {
        desk.withLock { desk in
            // Only the newest selection is worth a look.
            if case .preview = job {
                desk.jobs.removeAll { if case .preview = $0 { true } else { false } }
            }
            if !desk.jobs.contains(job) { desk.jobs.append(job) }
        }
        bell.signal()
    }

    func close() {
        desk.withLock { $0.isClosed = true }
        bell.signal()
    }

    private func work() {
        var previews = Previews()
        /// Paths in the trash, the newest last.
        var trashed: [String] = []
        while true {
            bell.wait()
            let (job, isClosed) = desk.withLock { ($0.jobs.isEmpty ? nil : $0.jobs.removeFirst(), $0.isClosed) }
            if isClosed { return }
            guard let job else { continue }
            do {
                switch job {
                case .list: mailbox.post(.listed(try folder.list()))
                case .preview(let path): mailbox.post(.previewed(path: path, try previews.run(at: path)))
                case .trash(let path):
                    trashed.append(try folder.moveToTrash(SessionSummary(path: path)))
                    let name = URL(fileURLWithPath: path).lastPathComponent
                    mailbox.post(.noticed(Notice(text: "\(name) is in the trash; u brings it back")))
                case .undoTrash: try undo(&trashed)
                case .save(let name, let csv, let svg):
                    let saved = try Clerk.save(name, csv: csv, svg: svg)
                    mailbox.post(.noticed(Notice(text: "Written: \(saved).csv and \(saved).svg", role: .good)))
                default: break
                }
            } catch {
                switch job {
                case .list: mailbox.post(.listFailed("\(error)"))
                case .preview: break  // The list says already what is wrong with it.
                default: mailbox.post(.noticed(Notice(text: "\(error)", role: .bad)))
                }
            }
        }
    }

    /// Writes two files into the working folder under a name that is free, and returns that.
    private static func save(_ name: String, csv: String, svg: String) throws -> String {
        let safe = String(name.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
        var free = safe
        var number = 2
        while ["csv", "svg"].contains(where: { FileManager.default.fileExists(atPath: "\(free).\($0)") }) {
            free = "\(safe)-\(number)"
            number += 1
        }
        try Data(csv.utf8).write(to: URL(fileURLWithPath: free + ".csv"), options: .withoutOverwriting)
        try Data(svg.utf8).write(to: URL(fileURLWithPath: free + ".svg"), options: .withoutOverwriting)
        return free
    }

    private func undo(_ trashed: inout [String]) throws {
        guard let last = trashed.last else {
            return mailbox.post(.noticed(Notice(text: "Nothing was moved to the trash", role: .warning)))
        }
        let path = try folder.restore(last)
        trashed.removeLast()
        let name = URL(fileURLWithPath: path).lastPathComponent
        mailbox.post(.noticed(Notice(text: "\(name) is back", role: .good)))
    }
}

/// Folds of the sessions looked at last; of one that grows only the new events are read.
private struct Previews {
    private var path = ""
    private var run = RunState()
    private var sequence = 0

    mutating func run(at path: String) throws -> RunState {
        if path != self.path {
            self.path = path
            run = RunState()
            sequence = 0
        }
        sequence = try SessionReader(path: path).fold(into: &run, after: sequence)
        return run
    }
}
