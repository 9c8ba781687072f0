/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/session.h: what an app made with RS_APP keeps between its callbacks,
 * how it is found, and how a fault leaves a callback. Also the log, which is
 * reached without an rs_t.
 * Not for: apps, except RS_LOG, RS_LOG_ERRNO and rs_set_thread_id. Included by
 * ringsocket.h.
 */

#ifndef RINGSOCKET_SESSION_H
#define RINGSOCKET_SESSION_H

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

#include "arity.h"
#include "util.h"

/* Callbacks, for the set of those in which a helper may be called. */
enum {
    RS_IN_INIT_ = 1,
    RS_IN_OPEN_ = 2,
    RS_IN_READ_ = 4,
    RS_IN_CLOSE_ = 8,
    RS_IN_TIMER_ = 16,
    RS_IN_UPGRADE_ = 32,
    RS_IN_POSTED_ = 64,
    RS_IN_DRAIN_ = 128,
    RS_IN_SAVE_ = 256,
    RS_IN_RESTORE_ = 512,
    RS_IN_CLIENT_ = RS_IN_OPEN_ | RS_IN_READ_ | RS_IN_CLOSE_,
    RS_IN_ALL_BUT_INIT_ =
        RS_IN_CLIENT_ | RS_IN_TIMER_ | RS_IN_UPGRADE_ | RS_IN_POSTED_ | RS_IN_DRAIN_
        | RS_IN_SAVE_ | RS_IN_RESTORE_,
    RS_IN_ALL_ = RS_IN_ALL_BUT_INIT_ | RS_IN_INIT_
};

/* Payload that has not been decoded yet. */
struct rs_input_ {
    const uint8_t *data;
    size_t size;
};

/* Microseconds. */
struct rs_timer_ {
    uint64_t min, incr, max;
    uint64_t interval; /* to the next call */
    uint64_t last;     /* when it was called, or the app started */
    bool is_on;        /* declared, and not yet told never to come again */
    bool is_lazy;      /* waits only after traffic: RS_TIMER_SLEEP */
    bool is_armed;     /* the server has been asked to call */
    bool is_chosen;    /* interval is the callback's own choice: traffic leaves it */
};

struct rs_session_;
struct rs_posted_;

/* What RS_APP has made of its arguments; NULL for what there is not. */
struct rs_parts_ {
    int (*init)(struct rs_session_ *session);
    int (*open)(struct rs_session_ *session);
    int (*read)(struct rs_session_ *session, struct rs_input_ input);
    int (*close)(struct rs_session_ *session);
    int (*timer)(struct rs_session_ *session);
    int (*upgrade)(struct rs_session_ *session);
    int (*drain)(struct rs_session_ *session);
    int (*save)(struct rs_session_ *session);
    int (*restore)(struct rs_session_ *session);
    size_t (*app_data_size)(void);
    void (*set_timer)(struct rs_timer_ *timer);
};

/* Room that lasts until the callback returns. */
struct rs_block_ {
    struct rs_block_ *next;
    _Alignas(max_align_t) uint8_t bytes[];
};

/* The state of an app. */
struct rs_session_ {
    const struct rs_parts_ *parts;
    rs_t *rs;          /* of the running callback, like what follows */
    unsigned callback; /* RS_IN_... */
    rs_client_id client;
    enum rs_data_kind kind;
    uint16_t close_code;
    struct rs_bytes close_reason;
    const struct rs_upgrade *upgrade; /* NULL but in an upgrade callback */
    struct rs_block_ *blocks;
    const struct rs_posted_ *posted; /* what rs_post has brought */
    uint64_t drain_wait;             /* microseconds */
    struct rs_bytes saved;           /* for a restore callback, as what follows */
    const rs_client_id *resumed;
    size_t resumed_c;
    jmp_buf *fault;                  /* where a fault goes */

    struct rs_conf conf;
    void *app_data;
    uint8_t *message; /* written and not yet sent */
    size_t message_size, message_room;
    struct rs_timer_ timer;
};

/* The app whose callback runs on this thread, or NULL; what RS_LOG puts before its
 * lines; and the server, once there is a handle. Defined by RS_APP. */
extern __attribute__((visibility("hidden"))) _Thread_local struct rs_session_ *rs_session_;
extern __attribute__((visibility("hidden"))) _Thread_local char rs_thread_id_[33];
extern __attribute__((visibility("hidden"))) const struct rs_host *rs_host_;

/* -------------------------------------------------------------------------- *
 * Log                                                                        *
 * -------------------------------------------------------------------------- */

/* RS_LOG(level[, format[, ...]]): a line for the log, with the place in the source
 * where this stands; format and what follows as for printf(3), level as for
 * syslog(3). It may stand in any function, also one without an rs_t. From threads
 * of the app's own the line goes to standard error, which systemd takes to the
 * journal. errno stays as it is. */
#define RS_LOG(...) RS_CAT_(RS_LOG_, RS_ONE_OR_MORE_(__VA_ARGS__))(0, __VA_ARGS__)

/* The same, followed by what errno means. */
#define RS_LOG_ERRNO(...) RS_CAT_(RS_LOG_, RS_ONE_OR_MORE_(__VA_ARGS__))(errno, __VA_ARGS__)

#define RS_LOG_ONE(error, level) RS_LOG_MORE(error, level, "%s()", __func__)
#define RS_LOG_MORE(error, level, ...) \
    do { \
        if (rs_is_logged_(level)) { \
            rs_log_(__FILE__, __LINE__, __func__, (error), (level), __VA_ARGS__); \
        } \
    } while (0)

/* Whether a line of that level is worth making. Servers of before say 0, for unknown. */
static inline bool rs_is_logged_(int level)
{
    const struct rs_session_ *const session = rs_session_;

    return session == NULL || session->conf.log_level == 0 || level <= session->conf.log_level;
}

/* For what the helpers have to say: their own place in the source helps nobody. */
#define RS_NOTE_(level, ...) rs_log_(NULL, 0, NULL, 0, (level), __VA_ARGS__)

/* Longest line of the log that is not cut, in bytes. */
#define RS_LOG_SIZE_ 4096

static inline __attribute__((cold, format(printf, 6, 7))) void
rs_log_(const char *file, unsigned line, const char *func, int error, int level,
        const char *format, ...)
{
    const int saved = errno;
    const struct rs_session_ *const session = rs_session_;
    char text[RS_LOG_SIZE_];
    size_t size = 0;
    va_list arguments;

    if (rs_thread_id_[0] != '\0') {
        size += (size_t) snprintf(text, sizeof(text), "%s: ", rs_thread_id_);
    }
    va_start(arguments, format);
    const int wanted = vsnprintf(text + size, sizeof(text) - size, format, arguments);
    va_end(arguments);
    if (wanted > 0) {
        size = RS_MIN(size + (size_t) wanted, sizeof(text) - 1);
    }
    if (error != 0) {
        const int more = snprintf(text + size, sizeof(text) - size, ": %s", strerror(error));
        size = RS_MIN(size + (size_t) RS_MAX(more, 0), sizeof(text) - 1);
    }
    if (session != NULL) {
        session->rs->host->log(session->rs, level, file, line, func, (const uint8_t *) text, size);
    } else if (file != NULL) {
        /* <level> is for systemd, see sd-daemon(3). */
        fprintf(stderr, "<%d>%s (%s:%u, %s)\n", level & 7, text, file, line, func);
    } else {
        fprintf(stderr, "<%d>%s\n", level & 7, text);
    }
    errno = saved;
}

/* Has RS_LOG begin its lines on this thread with `id`, up to 32 bytes of it; with ""
 * they begin without. For threads of the app's own: the log knows the app. */
static inline void rs_set_thread_id(const char *id)
{
    snprintf(rs_thread_id_, sizeof(rs_thread_id_), "%s", id);
}

/* -------------------------------------------------------------------------- *
 * Faults                                                                     *
 * -------------------------------------------------------------------------- */

/* App fault: writes why, and leaves the callback that runs. The server then stops
 * the app, and only this app. */
#define RS_FAULT_(session, ...) \
    do { \
        RS_NOTE_(LOG_ERR, __VA_ARGS__); \
        longjmp(*(session)->fault, 1); \
    } while (0)

static inline __attribute__((cold)) void rs_misused_(const char *helper,
                                                     struct rs_session_ *session)
{
    if (session == NULL) {
        RS_NOTE_(LOG_ERR, "%s() is for callbacks, on their thread, and does nothing here", helper);
        return;
    }
    const char *const callback = session->callback == RS_IN_INIT_ ? "RS_INIT"
                                 : session->callback == RS_IN_OPEN_ ? "RS_OPEN"
                                 : session->callback == RS_IN_READ_ ? "RS_READ"
                                 : session->callback == RS_IN_CLOSE_ ? "RS_CLOSE"
                                 : session->callback == RS_IN_TIMER_ ? "RS_TIMER"
                                 : session->callback == RS_IN_UPGRADE_ ? "RS_UPGRADE"
                                 : session->callback == RS_IN_DRAIN_ ? "RS_DRAIN"
                                 : session->callback == RS_IN_SAVE_ ? "RS_SAVE"
                                 : session->callback == RS_IN_RESTORE_ ? "RS_RESTORE"
                                                                     : "rs_post";
    RS_FAULT_(session, "%s() must not be called from an %s callback", helper, callback);
}

/* The session, if this helper may be called now. NULL on a thread where no callback
 * runs; does not return if the callback that runs is not one of `allowed`. */
static inline struct rs_session_ *rs_here_(const char *helper, unsigned allowed)
{
    struct rs_session_ *const session = rs_session_;

    if (__builtin_expect(session == NULL || (session->callback & allowed) == 0, 0)) {
        rs_misused_(helper, session);
        return NULL;
    }
    return session;
}

/* Zeroed room for count elements until the callback returns. */
static inline void *rs_block_(struct rs_session_ *session, size_t count, size_t size)
{
    const size_t bytes = count * size; /* constants of the app */
    struct rs_block_ *const block = calloc(1, sizeof(*block) + bytes);

    if (block == NULL) {
        RS_FAULT_(session, "no memory for %zu bytes", bytes);
    }
    block->next = session->blocks;
    session->blocks = block;
    return block->bytes;
}

static inline void rs_free_blocks_(struct rs_session_ *session)
{
    while (session->blocks != NULL) {
        struct rs_block_ *const block = session->blocks;
        session->blocks = block->next;
        free(block);
    }
}

#endif /* RINGSOCKET_SESSION_H */
