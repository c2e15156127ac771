// EngineLauncher: starts this program again as an engine that outlives the screen which started it.

import Foundation
import Synchronization

/// Starts engines.
public enum EngineLauncher {
    /// How the engines that ended did end, as waitpid(2) tells it.
    private static let ended = Mutex<[pid_t: Int32]>([:])

    /// Starts this executable with `arguments` (without the program's name) in an OS session of its own, so that
    /// neither the end of this process nor a closed terminal touches it. Standard input is /dev/null; output and errors
    /// are appended to the file `logPath`, or dropped.
    /// - Returns: The process, which is its own session and group.
    public static func launch(arguments: [String], logPath: String?) throws(LinkError) -> pid_t {
        try launch(executable: "/proc/self/exe", name: CommandLine.arguments.first ?? "workbench", arguments, logPath)
    }

    /// The exit status of a process that ``launch(arguments:logPath:)`` started: its code, or 128 and the signal that
    /// killed it; nil while it runs.
    public static func exitStatus(of process: pid_t) -> Int32? {
        guard let status = ended.withLock({ $0[process] }) else { return nil }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    static func launch(
        executable: String, name: String, _ arguments: [String], _ logPath: String?
    ) throws(LinkError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions, STDOUT_FILENO, logPath ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)

        // A screen may block or ignore signals for its own reasons; an engine starts with all of them as usual.
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // POSIX_SPAWN_SETSID of <spawn.h>, which is there only under _GNU_SOURCE.
        let setSession: Int32 = 0x80
        posix_spawnattr_setflags(&attributes, Int16(setSession | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var strings: [UnsafeMutablePointer<CChar>?] = ([name] + arguments).map { strdup($0) }
        strings.append(nil)
        defer { for string in strings { free(string) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, executable, &actions, &attributes, strings, environ)
        guard code == 0 else { throw .system("starting an engine", code: code) }

        // One thread an engine waits for its end: no zombies, and no handler for SIGCHLD that others could not have.
        let child = process
        let thread = Thread {
            var status: Int32 = 0
            while waitpid(child, &status, 0) < 0, errno == EINTR {}
            ended.withLock { $0[child] = status }
        }
        thread.name = "reaper"
        thread.stackSize = 128 << 10
        thread.start()
        return process
    }
}
