// Inside of CTerminal: the way out. What Restore.c needs to know to give the terminal back from a signal handler.
#pragma once

#include <stdbool.h>
#include <signal.h>

/// Events that handlers leave for the loop; each is set by a handler and cleared by wb_terminal_read.
extern volatile sig_atomic_t wb_resized, wb_stop_asked, wb_continued;

/// Keeps the terminal's modes and the bytes that undo everything; call before the screen is taken.
bool wb_restore_prepare(void);
/// Adds to the bytes that undo everything.
void wb_restore_add(const char *bytes);
/// From here on a signal gives the terminal back.
void wb_restore_arm(bool armed);

/// Sends file descriptor 2 into memory.
void wb_stderr_collect(void);
/// Gives file descriptor 2 back and prints what was collected, control characters replaced.
void wb_stderr_release(void);

void wb_signals_install(void);
void wb_signals_remove(void);

/// Stops this process group as the terminal driver would; returns when continued.
void wb_stop_group(void);
