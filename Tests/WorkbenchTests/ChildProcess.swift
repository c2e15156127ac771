// ChildProcess: a process by posix_spawn. Foundation's waits for every process that its child leaves behind, a terminal's
// server or an engine in the background.
import Foundation

/// A started process.
final class ChildProcess {
    let pid: pid_t
    private var status: Int32?

    struct NotStarted: Error { var path: String, reason: String }

    /// Starts `arguments[0]` (searched in PATH) in `folder`; its output goes to files, or nowhere.
    init(
        _ arguments: [String], environment: [String: String], folder: String, output: String? = nil,
        error: String? = nil
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, error ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // Changes the folder, then becomes the program.
        var words = (["env", "-C", folder] + arguments).map { strdup($0) } + [nil]
        var settings = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + settings { free(text) } }
        // The test runner ignores or blocks signals that a shell's child would not.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var pid: pid_t = 0
        let failure = posix_spawnp(&pid, "env", &actions, &attributes, &words, &settings)
        guard failure == 0 else { throw NotStarted(path: arguments[0], reason: String(cString: strerror(failure))) }
        self.pid = pid
    }

    /// Whether it has not ended.
    var isRunning: Bool {
        if status != nil { return false }
        var raw: Int32 = 0
        guard waitpid(pid, &raw, WNOHANG) == pid else { return true }
        let signal = raw & 0x7f
        status = signal == 0 ? (raw >> 8) & 0xff : 128 + signal
        return false
    }

    /// Waits for the end, at most `seconds`, then kills it.
    /// - Returns: the exit status, or 128 plus the number of the signal that ended it.
    func wait(atMost seconds: Double = 120) -> Int32 {
        let end = ContinuousClock.now + .seconds(seconds)
        while isRunning {
            if ContinuousClock.now > end { kill(pid, SIGKILL) }
            usleep(2000)
        }
        return status ?? -1
    }
}
