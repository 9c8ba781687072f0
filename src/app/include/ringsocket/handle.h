/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/handle.h: a way into an app made with RS_APP from threads of its own,
 * such as one that waits for a database. Included by ringsocket.h.
 *
 *     static rs_cb_ret deliver(rs_t *rs, void *answer)
 *     {
 *         rs_w_str(rs, ((struct answer *) answer)->text);
 *         rs_to_single(rs, RS_UTF8, ((struct answer *) answer)->client);
 *         free(answer);
 *         return RS_CB_OK;
 *     }
 *
 *     ... on a thread of the app, with a handle that rs_acquire has made:
 *     if (rs_post(handle, deliver, answer, free) != RS_OK) {
 *         free(answer);
 *     }
 */

#ifndef RINGSOCKET_HANDLE_H
#define RINGSOCKET_HANDLE_H

#include "loop.h"

/* A handle of the app, for its threads, until rs_release. Any callback. */
static inline rs_handle_t *rs_acquire(rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_);

    if (session == NULL) {
        return NULL;
    }
    if (rs_host_ == NULL) { /* once, as threads that have a handle read it */
        rs_host_ = rs->host;
    }
    return rs->host->acquire(rs);
}

/* Gives it back. On any thread. */
static inline void rs_release(rs_handle_t *handle)
{
    if (handle != NULL) {
        rs_host_->release(handle);
    }
}

typedef rs_cb_ret (*rs_posted_cb)(rs_t *rs, void *argument);

/* A callback that was posted. */
struct rs_posted_ {
    rs_posted_cb cb;
    void *argument;
    void (*discard)(void *argument);
};

static inline int rs_posted_part_(struct rs_session_ *session)
{
    return (int) session->posted->cb(session->rs, session->posted->argument);
}

static inline int rs_on_posted_(rs_t *rs, void *state, void *argument)
{
    struct rs_session_ *const session = state;
    struct rs_posted_ *const posted = argument;

    session->posted = posted;
    const int result = rs_verdict_(session, rs,
                                   rs_call_(session, rs, RS_IN_POSTED_, rs_posted_part_));
    free(posted);
    return result;
}

static inline void rs_on_discarded_(void *argument)
{
    struct rs_posted_ *const posted = argument;

    if (posted->discard != NULL) {
        posted->discard(posted->argument);
    }
    free(posted);
}

/* On any thread, with a handle that is not released meanwhile: has cb called on the
 * app's thread, with rs and argument, as one more callback that may call whatever
 * that of a timer may. Those that one thread posts are called in that order. If the
 * app is over before, discard gets the argument instead, on some thread; it may be
 * NULL. RS_OK; RS_E_LIMIT if RS_POSTED_MAX_C wait, or there is no memory; RS_E_CALL
 * if the app is over: then neither is called, and argument stays the caller's. */
static inline int rs_post(rs_handle_t *handle, rs_posted_cb cb, void *argument,
                          void (*discard)(void *argument))
{
    if (handle == NULL || cb == NULL) {
        return RS_E_ARG;
    }
    struct rs_posted_ *const posted = malloc(sizeof(*posted));
    if (posted == NULL) {
        return RS_E_LIMIT;
    }
    *posted = (struct rs_posted_) { cb, argument, discard };
    const int result = rs_host_->post(handle, rs_on_posted_, posted, rs_on_discarded_);
    if (result != RS_OK) {
        free(posted);
    }
    return result;
}

#endif /* RINGSOCKET_HANDLE_H */
