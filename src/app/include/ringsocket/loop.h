/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/loop.h: joins the callbacks of the binary interface with those of an
 * app made with RS_APP: sessions, results, timers.
 * Not for: apps. Included by ringsocket.h.
 */

#ifndef RINGSOCKET_LOOP_H
#define RINGSOCKET_LOOP_H

#include <time.h>

#include "helpers.h"

/* What a timer callback returns, beside a number of microseconds (1 or more) after
 * which it wants to be called again. */
typedef enum rs_timer_ret {
    RS_TIMER_NEVER = 0,  /* do not call again */
    RS_TIMER_FATAL = -1, /* app fault, as RS_CB_FATAL */
    RS_TIMER_MIN = -2,   /* again after the minimum */
    RS_TIMER_HOLD = -3,  /* again after as long as this time */
    RS_TIMER_INCR = -4,  /* again after that and the increment, but at most the maximum */
    RS_TIMER_MAX = -5    /* again after the maximum */
} rs_timer_ret;

/* With what code a message is answered that is not as RS_READ_... declares it. */
enum rs_app_ws_close {
    RS_APP_WS_CLOSE_WRONG_SIZE = 4900,      /* too short, too long, or no multiple */
    RS_APP_WS_CLOSE_WRONG_DATA_TYPE = 4901, /* text for binary, or the reverse */
    RS_APP_WS_CLOSE_UNKNOWN_CASE = 4902     /* no RS_CASE_... for the first byte */
};

/* Closes the client whose message it is. The callback is not called. */
static inline int rs_refuse_(struct rs_session_ *session, enum rs_app_ws_close code)
{
    rs_t *const rs = session->rs;

    rs->host->close(rs, session->client, (uint16_t) code, NULL, 0);
    return RS_CB_OK;
}

/* -------------------------------------------------------------------------- *
 * Calls                                                                      *
 * -------------------------------------------------------------------------- */

typedef int rs_part_(struct rs_session_ *session);

/* Runs `part`, or else `read`. No variable changes between setjmp and longjmp. */
static inline int rs_run_(struct rs_session_ *session, rs_t *rs, unsigned callback,
                          rs_part_ *part, struct rs_input_ input)
{
    jmp_buf fault;
    int result;

    session->rs = rs;
    session->callback = callback;
    session->fault = &fault;
    rs_session_ = session;
    if (setjmp(fault) == 0) {
        result = part != NULL ? part(session) : session->parts->read(session, input);
    } else {
        result = RS_CB_FATAL;
    }
    rs_session_ = NULL;
    rs_free_blocks_(session);
    return result;
}

static inline int rs_call_(struct rs_session_ *session, rs_t *rs, unsigned callback,
                           rs_part_ *part)
{
    return rs_run_(session, rs, callback, part, (struct rs_input_) { NULL, 0 });
}

/* What the result of a callback says: from open and read also a code to close the
 * client with. */
static inline int rs_verdict_(struct rs_session_ *session, rs_t *rs, int result)
{
    const bool may_close = (session->callback & (RS_IN_OPEN_ | RS_IN_READ_)) != 0;

    if (result == RS_CB_OK || result == RS_CB_FATAL) {
        return result;
    }
    if (may_close && result >= 4000 && result < RS_CLOSE_CODE_END_) {
        rs->host->close(rs, session->client, (uint16_t) result, NULL, 0);
        return RS_CB_OK;
    }
    rs_session_ = session;
    RS_NOTE_(LOG_ERR, "a callback returned %d, which is neither RS_CB_OK nor RS_CB_FATAL", result);
    rs_session_ = NULL;
    return RS_CB_FATAL;
}

/* -------------------------------------------------------------------------- *
 * Timer                                                                      *
 * -------------------------------------------------------------------------- */

static inline uint64_t rs_now_(void)
{
    struct timespec now;

#ifdef CLOCK_MONOTONIC
    clock_gettime(CLOCK_MONOTONIC, &now);
#else
    timespec_get(&now, TIME_UTC); /* all that strict C has */
#endif
    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

/* Asks the server for the next call. */
static inline void rs_arm_(struct rs_timer_ *timer, rs_t *rs)
{
    const uint64_t passed = rs_now_() - timer->last;

    rs->host->set_timer(rs, passed < timer->interval ? timer->interval - passed : 1);
    timer->is_armed = true;
}

/* After traffic the interval is the minimum again, and a timer that sleeps wakes. */
static inline void rs_note_traffic_(struct rs_timer_ *timer, rs_t *rs)
{
    if (!timer->is_on) {
        return;
    }
    const bool is_reset = timer->interval != timer->min && !timer->is_chosen;
    if (is_reset) {
        timer->interval = timer->min;
    }
    if (is_reset || !timer->is_armed) {
        rs_arm_(timer, rs);
    }
}

static inline void rs_start_timer_(struct rs_session_ *session, rs_t *rs)
{
    struct rs_timer_ *const timer = &session->timer;

    if (session->parts->set_timer == NULL) {
        return;
    }
    session->parts->set_timer(timer);
    timer->is_on = true;
    timer->interval = timer->min;
    timer->last = rs_now_();
    if (!timer->is_lazy) {
        rs_arm_(timer, rs);
    }
}

/* Takes what the timer callback has returned for an interval; false for a fault. */
static inline bool rs_take_interval_(struct rs_timer_ *timer, int result)
{
    timer->is_chosen = result > 0 || (timer->is_chosen && result == RS_TIMER_HOLD);
    switch (result) {
    case RS_TIMER_NEVER:
        timer->is_on = false;
        return true;
    case RS_TIMER_MIN:
        timer->interval = timer->min;
        return true;
    case RS_TIMER_HOLD:
        return true;
    case RS_TIMER_INCR:
        timer->interval = timer->max - RS_MIN(timer->interval, timer->max) > timer->incr
                              ? timer->interval + timer->incr
                              : timer->max;
        return true;
    case RS_TIMER_MAX:
        timer->interval = timer->max;
        return true;
    default:
        timer->interval = (uint64_t) RS_MAX(result, 0);
        return result > 0;
    }
}

/* -------------------------------------------------------------------------- *
 * The callbacks of struct rs_app                                             *
 * -------------------------------------------------------------------------- */

static inline void rs_on_quit_(rs_t *rs, void *state)
{
    struct rs_session_ *const session = state;

    (void) rs;
    free(session->app_data);
    free(session->message);
    free(session);
}

static inline int rs_begin_(rs_t *rs, void **state, const struct rs_parts_ *parts)
{
    struct rs_session_ *const session = calloc(1, sizeof(*session));

    if (session == NULL) {
        return RS_CB_FATAL;
    }
    session->parts = parts;
    session->conf.struct_size = sizeof(session->conf);
    rs->host->get_conf(rs, &session->conf);
    const size_t size = parts->app_data_size == NULL ? 0 : parts->app_data_size();
    session->app_data = size == 0 ? NULL : calloc(1, size);
    int result = size != 0 && session->app_data == NULL ? RS_CB_FATAL : RS_CB_OK;
    if (result == RS_CB_OK && parts->init != NULL) {
        result = rs_verdict_(session, rs, rs_call_(session, rs, RS_IN_INIT_, parts->init));
    }
    if (result != RS_CB_OK) {
        rs_on_quit_(rs, session); /* the server calls nothing else */
        return result;
    }
    rs_start_timer_(session, rs);
    *state = session;
    return RS_CB_OK;
}

static inline int rs_on_open_(rs_t *rs, void *state, rs_client_id client)
{
    struct rs_session_ *const session = state;

    rs_note_traffic_(&session->timer, rs);
    if (session->parts->open == NULL) {
        return RS_CB_OK;
    }
    session->client = client;
    return rs_verdict_(session, rs, rs_call_(session, rs, RS_IN_OPEN_, session->parts->open));
}

static inline int rs_on_read_(rs_t *rs, void *state, rs_client_id client, enum rs_data_kind kind,
                              const uint8_t *data, size_t size)
{
    struct rs_session_ *const session = state;

    rs_note_traffic_(&session->timer, rs);
    session->client = client;
    session->kind = kind;
    return rs_verdict_(session, rs,
                       rs_run_(session, rs, RS_IN_READ_, NULL, (struct rs_input_) { data, size }));
}

static inline int rs_on_close_(rs_t *rs, void *state, rs_client_id client, uint16_t code,
                               struct rs_bytes reason)
{
    struct rs_session_ *const session = state;

    rs_note_traffic_(&session->timer, rs);
    if (session->parts->close == NULL) {
        return RS_CB_OK;
    }
    session->client = client;
    session->close_code = code;
    session->close_reason = reason;
    return rs_verdict_(session, rs, rs_call_(session, rs, RS_IN_CLOSE_, session->parts->close));
}

static inline int rs_on_timer_(rs_t *rs, void *state)
{
    struct rs_session_ *const session = state;
    struct rs_timer_ *const timer = &session->timer;

    timer->is_armed = false;
    timer->last = rs_now_();
    const int result = rs_call_(session, rs, RS_IN_TIMER_, session->parts->timer);
    if (!rs_take_interval_(timer, result)) {
        return result == RS_TIMER_FATAL ? RS_CB_FATAL : rs_verdict_(session, rs, result);
    }
    if (timer->is_on && !timer->is_lazy) {
        rs_arm_(timer, rs);
    }
    return RS_CB_OK;
}

#endif /* RINGSOCKET_LOOP_H */
