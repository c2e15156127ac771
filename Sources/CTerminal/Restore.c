// Every way out: signal handlers that give the terminal back, and stderr kept in memory meanwhile.
// What runs in a handler uses async-signal-safe calls only, and bytes that were made ready before.
#define _GNU_SOURCE
#include "Restore.h"
#include "include/CTerminal.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

volatile sig_atomic_t wb_resized, wb_stop_asked, wb_continued;

static struct termios saved_modes;
static char undo[512];
static size_t undo_length;
static volatile sig_atomic_t armed;
static volatile sig_atomic_t collected = -1;  // memory file that stands for stderr
static volatile sig_atomic_t real_stderr = -1;

static const int fatal_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT, SIGILL, SIGTRAP, SIGBUS, SIGFPE};
enum { FATAL_COUNT = sizeof fatal_signals / sizeof *fatal_signals };
static struct sigaction before_fatal[FATAL_COUNT], before_resize, before_stop, before_continue, before_pipe;

// Writes all of it; a terminal that nobody reads is waited for a tenth of a second, then its backlog is dropped.
static void write_all(int file, const char *bytes, size_t length) {
    bool dropped = false;
    while (length > 0) {
        struct pollfd wait = {.fd = file, .events = POLLOUT};
        if (poll(&wait, 1, 100) == 0) {
            if (dropped) return;
            tcflush(file, TCOFLUSH);
            dropped = true;
            continue;
        }
        ssize_t written = write(file, bytes, length < 256 ? length : 256);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        bytes += written;
        length -= (size_t)written;
    }
}

// Length of the UTF-8 sequence at `at` that may be shown, 0 when it is broken, a control or turns the text's direction.
static size_t shown_length(const unsigned char *at, size_t rest) {
    if (*at == '\n' || *at == '\t') return 1;
    if (*at < 0x20 || *at == 0x7F) return 0;
    if (*at < 0x80) return 1;
    size_t length = *at >= 0xF0 ? 4 : *at >= 0xE0 ? 3 : *at >= 0xC2 ? 2 : 0;
    if (length == 0 || *at > 0xF4 || length > rest) return 0;
    uint32_t scalar = *at & (0x7F >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) return 0;
        scalar = scalar << 6 | (at[i] & 0x3F);
    }
    if (scalar < 0xA0 || scalar == 0x61C || scalar == 0x200E || scalar == 0x200F) return 0;
    if ((scalar >= 0x2028 && scalar <= 0x202E) || (scalar >= 0x2066 && scalar <= 0x2069)) return 0;
    return length;
}

static void write_sanitised(int file, const char *bytes, size_t length) {
    size_t from = 0, at = 0;
    while (at < length) {
        size_t shown = shown_length((const unsigned char *)bytes + at, length - at);
        if (shown == 0) {
            write_all(file, bytes + from, at - from);
            write_all(file, "?", 1);
            from = at + 1;
        }
        at += shown == 0 ? 1 : shown;
    }
    write_all(file, bytes + from, at - from);
}

bool wb_restore_prepare(void) {
    undo_length = 0;
    return tcgetattr(STDIN_FILENO, &saved_modes) == 0;
}

void wb_restore_add(const char *bytes) {
    size_t length = strlen(bytes);
    if (undo_length + length > sizeof undo) return;
    memcpy(undo + undo_length, bytes, length);
    undo_length += length;
}

void wb_restore_arm(bool on) { armed = on; }

void wb_stderr_collect(void) {
    int memory = memfd_create("stderr", MFD_CLOEXEC);
    if (memory < 0) return;
    int copy = dup(STDERR_FILENO);
    if (copy < 0 || dup2(memory, STDERR_FILENO) < 0) {
        close(memory);
        if (copy >= 0) close(copy);
        return;
    }
    collected = memory;
    real_stderr = copy;
}

void wb_stderr_release(void) {
    if (collected < 0) return;
    int memory = collected;
    collected = -1;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    static char buffer[4096];
    off_t at = 0;
    ssize_t count;
    // A sequence cut by the end of the buffer would look broken, so the last few bytes are read again.
    while (at < 65536 && (count = pread(memory, buffer, sizeof buffer, at)) > 0) {
        if (count == sizeof buffer)
            while (count > 1 && (buffer[count - 1] & 0xC0) == 0x80) count--;
        if (count == sizeof buffer && (unsigned char)buffer[count - 1] >= 0xC0) count--;
        write_sanitised(STDERR_FILENO, buffer, (size_t)count);
        at += count;
    }
    close(memory);
}

static void on_fatal(int number) {
    if (armed) {
        armed = 0;
        write_all(STDOUT_FILENO, undo, undo_length);
        // TCSANOW: the other actions wait for the terminal to read its backlog. SIGTTOU is blocked by the handler's mask.
        tcsetattr(STDIN_FILENO, TCSANOW, &saved_modes);
        wb_stderr_release();
    }
    signal(number, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    _exit(128 + number);
}

static void on_resize(int number) {
    (void)number;
    wb_resized = 1;
    wb_terminal_wake();
}

static void on_stop(int number) {
    (void)number;
    wb_stop_asked = 1;
    wb_terminal_wake();
}

static void on_continue(int number) {
    (void)number;
    wb_continued = 1;
    wb_terminal_wake();
}

static void install(int number, void (*handler)(int), int flags, struct sigaction *before) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigfillset(&action.sa_mask);
    sigaction(number, &action, before);
}

void wb_signals_install(void) {
    // A stack of its own, so that a stack overflow can be told too. The runtime may have given one already.
    stack_t current;
    static char stack[64 * 1024];
    if (sigaltstack(NULL, &current) == 0 && (current.ss_flags & SS_DISABLE)) {
        stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
        sigaltstack(&own, NULL);
    }
    for (int i = 0; i < FATAL_COUNT; i++) {
        install(fatal_signals[i], on_fatal, SA_ONSTACK, &before_fatal[i]);
        // A signal that was ignored from the start (nohup) stays ignored.
        if (before_fatal[i].sa_handler == SIG_IGN) sigaction(fatal_signals[i], &before_fatal[i], NULL);
    }
    install(SIGWINCH, on_resize, SA_RESTART, &before_resize);
    install(SIGTSTP, on_stop, SA_RESTART, &before_stop);
    install(SIGCONT, on_continue, SA_RESTART, &before_continue);
    install(SIGPIPE, SIG_IGN, 0, &before_pipe);
}

void wb_signals_remove(void) {
    for (int i = 0; i < FATAL_COUNT; i++) sigaction(fatal_signals[i], &before_fatal[i], NULL);
    sigaction(SIGWINCH, &before_resize, NULL);
    sigaction(SIGTSTP, &before_stop, NULL);
    sigaction(SIGCONT, &before_continue, NULL);
    sigaction(SIGPIPE, &before_pipe, NULL);
}

void wb_stop_group(void) {
    struct sigaction ours;
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigaction(SIGTSTP, &plain, &ours);
    kill(0, SIGTSTP);
    sigaction(SIGTSTP, &ours, NULL);
}
