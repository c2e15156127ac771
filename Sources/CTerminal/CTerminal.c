// The screen and the keys, by ncursesw. ncurses' own signal handlers are never used: Restore.c has ours.
#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1
#include "include/CTerminal.h"
#include "Restore.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

// term.h takes plain words as macros.
#undef columns
#undef lines

enum { KEY_PASTE_BEGIN = KEY_MAX + 1, KEY_PASTE_FINISH };

static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";
static const mmask_t mouse_events = BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED;

static SCREEN *screen;
static WINDOW *keys;  // never drawn to, so that reading a key does not refresh the screen
static bool with_mouse, utf8, pasting, gone;
static struct timespec last_input;
static int wake_read = -1;
static int wake_write = -1;

bool wb_locale_is_utf8(void) {
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int wb_terminal_check(void) {
    if (!isatty(STDIN_FILENO)) return WB_TERMINAL_STDIN_NOT_TTY;
    if (!isatty(STDOUT_FILENO)) return WB_TERMINAL_STDOUT_NOT_TTY;
    const char *name = getenv("TERM");
    if (name == NULL || *name == 0) return WB_TERMINAL_NO_TERM;
    // setupterm reports, where newterm would print and exit.
    int found = 0;
    if (setupterm(name, STDOUT_FILENO, &found) != OK) return found == 0 ? WB_TERMINAL_UNKNOWN_TERM : WB_TERMINAL_TOO_DUMB;
    bool able = cursor_address != NULL && clear_screen != NULL;
    del_curterm(cur_term);
    return able ? WB_TERMINAL_OK : WB_TERMINAL_TOO_DUMB;
}

// tputs drops padding marks; what is left is what the terminal must get.
static char collected_bytes[128];
static size_t collected_count;
static int collect(int byte) {
    if (collected_count < sizeof collected_bytes - 1) collected_bytes[collected_count++] = (char)byte;
    return byte;
}
static void add_capability(const char *capability) {
    if (capability == NULL) return;
    collected_count = 0;
    tputs(capability, 1, collect);
    collected_bytes[collected_count] = 0;
    wb_restore_add(collected_bytes);
}

static void say(const char *bytes) {
    fputs(bytes, stdout);
    fflush(stdout);
}

static void adapt_size(void) {
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return;
    if (size.ws_row != LINES || size.ws_col != COLS) resize_term(size.ws_row, size.ws_col);
    clearok(curscr, TRUE);
}

int wb_terminal_start(bool mouse) {
    int refused = wb_terminal_check();
    if (refused != WB_TERMINAL_OK) return refused;
    if (wake_read < 0) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return WB_TERMINAL_FAILED;
        wake_read = ends[0];
        wake_write = ends[1];
    }
    utf8 = wb_locale_is_utf8();
    if (!wb_restore_prepare()) return WB_TERMINAL_FAILED;
    // First our handlers: ncurses takes only the signals that nobody has.
    wb_signals_install();
    ESCDELAY = 25;
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL) {
        wb_signals_remove();
        return WB_TERMINAL_FAILED;
    }
    if (mouse) wb_restore_add("\033[?1006l\033[?1003l\033[?1002l\033[?1000l");
    wb_restore_add(paste_off);
    add_capability(keypad_local);
    add_capability(exit_attribute_mode);
    add_capability(cursor_normal);
    add_capability(exit_ca_mode);
    wb_restore_arm(true);
    wb_stderr_collect();

    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    // Ctrl-C, Ctrl-Z and Ctrl-S are keys; Ctrl-\ stays a signal, for a program that hangs.
    struct termios modes;
    if (tcgetattr(STDIN_FILENO, &modes) == 0) {
        modes.c_cc[VINTR] = _POSIX_VDISABLE;
        modes.c_cc[VSUSP] = _POSIX_VDISABLE;
        modes.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
        def_prog_mode();
    }
    curs_set(0);
    if (has_colors()) {
        start_color();
        use_default_colors();
    }
    keys = newwin(1, 1, 0, 0);
    keypad(keys, TRUE);
    nodelay(keys, TRUE);
    meta(keys, TRUE);
    define_key("\033[200~", KEY_PASTE_BEGIN);
    define_key("\033[201~", KEY_PASTE_FINISH);
    with_mouse = mouse;
    if (with_mouse) {
        mouseinterval(0);
        mousemask(mouse_events, NULL);
    }
    pasting = gone = false;
    leaveok(stdscr, TRUE);
    wrefresh(stdscr);
    say(paste_on);
    return WB_TERMINAL_OK;
}

// Leaves the alternate screen; ncurses can come back from here.
static void leave(void) {
    say(paste_off);
    if (with_mouse) mousemask(0, NULL);
    endwin();
    fflush(stdout);
}

static void enter(void) {
    reset_prog_mode();
    if (with_mouse) mousemask(mouse_events, NULL);
    adapt_size();
    clearok(curscr, TRUE);
    wrefresh(stdscr);
    curs_set(0);
    say(paste_on);
}

void wb_terminal_stop(void) {
    if (screen == NULL) return;
    leave();
    wb_restore_arm(false);
    wb_signals_remove();
    delwin(keys);
    delscreen(screen);
    screen = NULL;
    wb_stderr_release();
}

void wb_terminal_suspend(void) {
    if (screen == NULL) return;
    leave();
    wb_stop_group();
    // The handler of SIGCONT has asked for what follows; once is enough.
    wb_continued = 0;
    enter();
}

void wb_terminal_size(int *rows, int *columns) {
    *rows = LINES;
    *columns = COLS;
}

int wb_terminal_colours(void) { return has_colors() ? COLORS : 0; }
int wb_terminal_pairs(void) { return has_colors() ? COLOR_PAIRS : 0; }

// Palettes past 256 colours number colours by their red, green and blue.
static int colour_number(int index) {
    if (index < 0) return -1;
    if (COLORS <= 256) return index < COLORS ? index : index & 7;
    if (index < 8) return index;
    static const int ramp[] = {0, 95, 135, 175, 215, 255};
    if (index >= 232) return (8 + 10 * (index - 232)) * 0x010101;
    if (index < 16) return index == 8 ? 0x666666 : (index & 1 ? 0xFF0000 : 0) | (index & 2 ? 0xFF00 : 0) | (index & 4 ? 0xFF : 0);
    index -= 16;
    return ramp[index / 36] << 16 | ramp[index / 6 % 6] << 8 | ramp[index % 6];
}

void wb_terminal_put(
    int row, int column, const uint32_t *scalars, int count, int foreground, int background, unsigned attributes
) {
    attr_t look = 0;
    if (attributes & WB_BOLD) look |= A_BOLD;
    if (attributes & WB_UNDERLINE) look |= A_UNDERLINE;
    if (attributes & WB_REVERSE) look |= A_REVERSE;
    if (attributes & WB_DIM) look |= A_DIM;
    int pair = 0;
    // alloc_pair finds a pair that exists and recycles the one used longest ago when the table is full.
    if (has_colors() && (foreground >= 0 || background >= 0))
        pair = alloc_pair(colour_number(foreground), colour_number(background));
    if (pair < 0) pair = 0;
    for (int i = 0; i < count; i++) {
        wchar_t text[2] = {(wchar_t)scalars[i], 0};
        bool wide = i + 1 < count && scalars[i + 1] == 0;
        if (text[0] == 0) text[0] = L' ';
        bool plain = text[0] >= 0x20 && text[0] < 0x7F;
        if (!plain && (!utf8 || wcwidth(text[0]) != (wide ? 2 : 1))) text[0] = L'?';
        cchar_t cell;
        setcchar(&cell, text, look, 0, &pair);
        mvadd_wch(row, column + i, &cell);
        if (wide && text[0] != L'?') i++;
    }
}

void wb_terminal_flush(void) { wrefresh(stdscr); }

void wb_terminal_redraw(void) { clearok(curscr, TRUE); }

void wb_terminal_wait(int milliseconds) {
    struct pollfd files[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = wake_read, .events = POLLIN}};
    if (poll(files, 2, milliseconds) < 0) return;
    if (files[0].revents & (POLLHUP | POLLERR | POLLNVAL)) gone = true;
    if (files[0].revents & POLLIN) {
        // Readable without bytes is the end of the file.
        int waiting = 0;
        if (ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0) gone = true;
    }
    if (files[1].revents & POLLIN) {
        char drop[64];
        while (read(wake_read, drop, sizeof drop) > 0) {}
    }
}

void wb_terminal_wake(void) {
    int error = errno;
    // A full pipe wakes as well.
    if (wake_write >= 0) (void)!write(wake_write, "w", 1);
    errno = error;
}

static uint32_t named_key(wint_t key) {
    switch (key) {
    case KEY_UP: return WB_KEY_UP;
    case KEY_DOWN: return WB_KEY_DOWN;
    case KEY_LEFT: return WB_KEY_LEFT;
    case KEY_RIGHT: return WB_KEY_RIGHT;
    case KEY_HOME: return WB_KEY_HOME;
    case KEY_END: return WB_KEY_END;
    case KEY_PPAGE: return WB_KEY_PAGE_UP;
    case KEY_NPAGE: return WB_KEY_PAGE_DOWN;
    case KEY_BTAB: return WB_KEY_BACK_TAB;
    case KEY_BACKSPACE: return WB_KEY_BACKSPACE;
    case KEY_DC: return WB_KEY_DELETE;
    case KEY_ENTER: return WB_KEY_ENTER;
    case KEY_F(1): return WB_KEY_F1;
    default: return WB_KEY_OTHER;
    }
}

static bool mouse_input(wb_input *input) {
    MEVENT event;
    if (getmouse(&event) != OK) return false;
    *input = (wb_input){.kind = WB_INPUT_MOUSE, .row = event.y, .column = event.x};
    if (event.bstate & BUTTON1_PRESSED) input->code = 1;
    else if (event.bstate & BUTTON4_PRESSED) input->code = 4;
    else if (event.bstate & BUTTON5_PRESSED) input->code = 5;
    return input->code != 0;
}

wb_input wb_terminal_read(void) {
    if (gone) return (wb_input){.kind = WB_INPUT_HANG_UP};
    if (wb_stop_asked) {
        wb_stop_asked = 0;
        return (wb_input){.kind = WB_INPUT_SUSPEND};
    }
    if (wb_continued) {
        // Stopped by SIGSTOP: the shell has taken the terminal's modes back meanwhile.
        wb_continued = 0;
        wb_resized = 0;
        endwin();
        enter();
        return (wb_input){.kind = WB_INPUT_RESIZED};
    }
    if (wb_resized) {
        wb_resized = 0;
        adapt_size();
        return (wb_input){.kind = WB_INPUT_RESIZED};
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (;;) {
        wint_t key = 0;
        int status = wget_wch(keys, &key);
        if (status == ERR) {
            // A paste whose end never comes must not swallow keys for ever.
            if (pasting && now.tv_sec - last_input.tv_sec > 5) {
                pasting = false;
                return (wb_input){.kind = WB_INPUT_PASTE_END};
            }
            return (wb_input){.kind = WB_INPUT_NONE};
        }
        last_input = now;
        if (status == KEY_CODE_YES && key == KEY_PASTE_BEGIN) {
            pasting = true;
            continue;
        }
        if (status == KEY_CODE_YES && key == KEY_PASTE_FINISH) {
            pasting = false;
            return (wb_input){.kind = WB_INPUT_PASTE_END};
        }
        if (pasting) {
            if (status == KEY_CODE_YES) continue;
            return (wb_input){.kind = WB_INPUT_PASTED, .code = (uint32_t)key};
        }
        if (status != KEY_CODE_YES) return (wb_input){.kind = WB_INPUT_SCALAR, .code = (uint32_t)key};
        wb_input input = {.kind = WB_INPUT_KEY, .code = named_key(key)};
        if (key != KEY_MOUSE || mouse_input(&input)) return input;
    }
}
