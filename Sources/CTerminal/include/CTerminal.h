// The terminal behind plain C functions: ncursesw, signals and the saved modes stay inside.
// All functions belong to one thread, but for wb_terminal_wake, which any thread and any signal handler may call.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// Why the terminal could not be started; 0 means that it was.
enum {
    WB_TERMINAL_OK = 0,
    WB_TERMINAL_STDIN_NOT_TTY,
    WB_TERMINAL_STDOUT_NOT_TTY,
    WB_TERMINAL_NO_TERM,       // TERM is unset or empty
    WB_TERMINAL_UNKNOWN_TERM,  // no entry in the terminfo database
    WB_TERMINAL_TOO_DUMB,      // the entry cannot place the cursor
    WB_TERMINAL_FAILED,
};

/// Attributes of a run of cells.
enum { WB_BOLD = 1, WB_UNDERLINE = 2, WB_REVERSE = 4, WB_DIM = 8 };

/// Kinds of input.
enum {
    WB_INPUT_NONE = 0,
    WB_INPUT_SCALAR,      // code: a Unicode scalar, control characters included
    WB_INPUT_KEY,         // code: one of the keys below
    WB_INPUT_MOUSE,       // code: 1 left button pressed, 4 wheel up, 5 wheel down; row, column: where
    WB_INPUT_PASTED,      // code: a Unicode scalar out of a bracketed paste
    WB_INPUT_PASTE_END,   // the paste is over
    WB_INPUT_RESIZED,     // the window has another size
    WB_INPUT_SUSPEND,     // SIGTSTP came from outside
    WB_INPUT_HANG_UP,     // the terminal has gone
};

/// Keys that are not characters.
enum {
    WB_KEY_UP = 1, WB_KEY_DOWN, WB_KEY_LEFT, WB_KEY_RIGHT, WB_KEY_HOME, WB_KEY_END, WB_KEY_PAGE_UP, WB_KEY_PAGE_DOWN,
    WB_KEY_BACK_TAB, WB_KEY_BACKSPACE, WB_KEY_DELETE, WB_KEY_ENTER, WB_KEY_F1, WB_KEY_OTHER,
};

/// One piece of input.
typedef struct {
    int kind;
    uint32_t code;
    int row;
    int column;
} wb_input;

/// Whether a full screen is possible, one of the WB_TERMINAL codes; changes nothing and writes nothing.
int wb_terminal_check(void);

/// Takes the terminal: alternate screen, no echo, keys one by one, stderr collected until the end, handlers on every
/// signal that ends or stops a process. Returns one of the WB_TERMINAL codes.
int wb_terminal_start(bool mouse);

/// Gives the terminal back and prints what stderr collected. Does nothing when it was not started.
void wb_terminal_stop(void);

/// Gives the terminal back, stops the process group as Ctrl-Z does, and takes the terminal again when continued.
void wb_terminal_suspend(void);

/// Whether the locale's character set is UTF-8. Sets the process' character classes from the environment.
bool wb_locale_is_utf8(void);

/// Rows and columns of the window.
void wb_terminal_size(int *rows, int *columns);

/// Colours that the terminal shows: 0, 8, 16, 88, 256 or more.
int wb_terminal_colours(void);

/// Pairs of colours that the terminal library keeps at once; past them the one used longest ago is given away.
int wb_terminal_pairs(void);

/// Puts `count` scalars side by side; 0 stands for the right half of the wide one before it. `foreground` and
/// `background` are numbers of the 256-colour palette, or -1 for the terminal's own. What the terminal would show at
/// another width than the caller counted becomes `?`.
void wb_terminal_put(
    int row, int column, const uint32_t *scalars, int count, int foreground, int background, unsigned attributes);

/// Shows what was put.
void wb_terminal_flush(void);

/// The next flush paints every cell anew.
void wb_terminal_redraw(void);

/// Waits until there is input, a wake or a signal, at most `milliseconds` (negative: for ever).
void wb_terminal_wait(int milliseconds);

/// Ends the wait of another thread.
void wb_terminal_wake(void);

/// The next piece of input; kind WB_INPUT_NONE when there is none now. Never waits.
wb_input wb_terminal_read(void);
