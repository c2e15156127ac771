// Helpers that take tiles of a small job if they come in time: nobody waits for one that does not.
#include "CPrimitives.h"
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#define wb_relax() _mm_pause()
#else
#define wb_relax() ((void)0)
#endif

struct wb_crew {
    // Number of the job in the upper half, then its tiles and how many are taken, 16 bits each: one exchange takes a tile of
    // just the job that was seen.
    _Alignas(64) _Atomic uint64_t job;
    _Alignas(64) _Atomic uint32_t done; // tiles of the job
    _Alignas(64) _Atomic uint32_t bell; // rung where helpers sleep
    _Atomic uint32_t sleepers;
    _Atomic int ended;
    int spin;
};

wb_crew *wb_crew_create(int spins) {
    wb_crew *crew = aligned_alloc(64, (sizeof *crew + 63) / 64 * 64);
    *crew = (wb_crew){.spin = spins ? 4000 : 0};
    return crew;
}

void wb_crew_destroy(wb_crew *crew) { free(crew); }

static void ring(wb_crew *crew) {
    atomic_fetch_add(&crew->bell, 1);
    syscall(SYS_futex, &crew->bell, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

int wb_crew_take(wb_crew *crew) {
    uint64_t job = atomic_load(&crew->job);
    while ((job & 0xffff) < (job >> 16 & 0xffff))
        if (atomic_compare_exchange_weak(&crew->job, &job, job + 1)) return (int)(job & 0xffff);
    return -1;
}

void wb_crew_post(wb_crew *crew, int tiles) {
    uint64_t number = (atomic_load(&crew->job) >> 32) + 1;
    atomic_store(&crew->done, 0);
    atomic_store(&crew->job, number << 32 | (uint64_t)tiles << 16);
    if (atomic_load(&crew->sleepers)) ring(crew);
}

void wb_crew_did(wb_crew *crew) { atomic_fetch_add(&crew->done, 1); }

void wb_crew_finish(wb_crew *crew, int tiles) {
    for (int i = 0; atomic_load(&crew->done) < (uint32_t)tiles; i++) {
        if (i < 4000) wb_relax();
        else sched_yield();
    }
}

int wb_crew_await(wb_crew *crew) {
    for (;;) {
        for (int i = 0; i <= crew->spin; i++) {
            int tile = wb_crew_take(crew);
            if (tile >= 0) return tile;
            if (atomic_load_explicit(&crew->ended, memory_order_relaxed)) return -1;
            wb_relax();
        }
        // Whoever posts looks for sleepers after the job is there, a sleeper for the job after it counts as one.
        uint32_t bell = atomic_load(&crew->bell);
        atomic_fetch_add(&crew->sleepers, 1);
        int tile = wb_crew_take(crew);
        if (tile < 0 && !atomic_load(&crew->ended))
            syscall(SYS_futex, &crew->bell, FUTEX_WAIT_PRIVATE, bell, NULL, NULL, 0);
        atomic_fetch_sub(&crew->sleepers, 1);
        if (tile >= 0) return tile;
    }
}

void wb_crew_end(wb_crew *crew) {
    atomic_store(&crew->ended, 1);
    ring(crew);
}
