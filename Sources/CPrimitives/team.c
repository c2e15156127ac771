// Workers that take tiles and meet: a barrier that spins a little and then sleeps on a futex.
#include "CPrimitives.h"
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#define wb_relax() _mm_pause()
#else
#define wb_relax() ((void)0)
#endif

// Counters of four consecutive phases: while phase s is at work, worker 0 clears those of s + 2, which nobody reads.
enum { RING = 4 };

typedef struct {
    _Alignas(64) _Atomic int next[RING]; // tiles of this worker's share that are taken
    uint32_t phase;                      // how many phases this worker has been through
    uint32_t run;
} wb_seat;

struct wb_team {
    int workers, spin;
    wb_seat *seats;
    _Alignas(64) _Atomic uint32_t arrived;
    _Alignas(64) _Atomic uint32_t generation; // barriers passed
    _Atomic uint32_t sleepers;
    _Alignas(64) _Atomic uint32_t run; // runs opened
    _Atomic int ended;
};

static void sleep_on(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
static void wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }

uint64_t wb_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

wb_team *wb_team_create(int workers, int cores) {
    wb_team *team = aligned_alloc(64, (sizeof *team + 63) / 64 * 64);
    *team = (wb_team){.workers = workers, .spin = workers <= cores ? 4000 : 0};
    team->seats = aligned_alloc(64, sizeof(wb_seat) * (size_t)workers);
    for (int i = 0; i < workers; i++) {
        for (int r = 0; r < RING; r++) atomic_init(&team->seats[i].next[r], 0);
        team->seats[i].phase = team->seats[i].run = 0;
    }
    return team;
}

void wb_team_destroy(wb_team *team) {
    free(team->seats);
    free(team);
}

// Spins, then sleeps, until `word` is no longer `seen`.
static void await_change(wb_team *team, _Atomic uint32_t *word, uint32_t seen) {
    for (int i = 0; i < team->spin; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen) return;
        wb_relax();
    }
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(word) == seen) sleep_on(word, seen);
    atomic_fetch_sub(&team->sleepers, 1);
}

void wb_team_open(wb_team *team) {
    atomic_fetch_add(&team->run, 1);
    if (atomic_load(&team->sleepers)) wake(&team->run);
}

int wb_team_await(wb_team *team, int worker) {
    wb_seat *seat = &team->seats[worker];
    await_change(team, &team->run, seat->run);
    seat->run++;
    return !atomic_load(&team->ended);
}

void wb_team_end(wb_team *team) {
    atomic_store(&team->ended, 1);
    atomic_fetch_add(&team->run, 1);
    wake(&team->run);
}

int wb_team_next(wb_team *team, int worker, int tiles) {
    int slot = (int)(team->seats[worker].phase % RING);
    for (int i = 0; i < team->workers; i++) {
        int owner = (worker + i) % team->workers;
        int from = (int)((long)tiles * owner / team->workers), to = (int)((long)tiles * (owner + 1) / team->workers);
        _Atomic int *next = &team->seats[owner].next[slot];
        if (atomic_load_explicit(next, memory_order_relaxed) >= to - from) continue;
        int taken = atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
        if (taken < to - from) return from + taken;
    }
    return -1;
}

void wb_team_meet(wb_team *team, int worker) {
    wb_seat *seat = &team->seats[worker];
    if (worker == 0)
        for (int i = 0; i < team->workers; i++)
            atomic_store_explicit(&team->seats[i].next[(seat->phase + 2) % RING], 0, memory_order_relaxed);
    seat->phase++;
    uint32_t generation = atomic_load_explicit(&team->generation, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) == (uint32_t)team->workers - 1) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_fetch_add(&team->generation, 1);
        if (atomic_load(&team->sleepers)) wake(&team->generation);
    } else {
        await_change(team, &team->generation, generation);
    }
}
