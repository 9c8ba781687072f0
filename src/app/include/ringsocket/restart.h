/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/restart.h: RS_SAVE and RS_RESTORE, by which an app made with RS_APP keeps
 * what it knows of its clients over a restart of the server that they live through.
 * Included by ringsocket.h.
 *
 *     static rs_cb_ret save(rs_t *rs)
 *     {
 *         const struct scores *scores = rs_get_app_data(rs);
 *         rs_write_state(rs, scores, sizeof(*scores));
 *         return RS_CB_OK;
 *     }
 *
 *     static rs_cb_ret restore(rs_t *rs, const uint8_t *data, size_t size,
 *                              const uint64_t *clients, size_t client_c)
 *     {
 *         struct scores *scores = rs_get_app_data(rs), saved;
 *         if (size != sizeof(saved)) {
 *             return RS_CB_REOPEN; // of another version of this app
 *         }
 *         memcpy(&saved, data, size);
 *         if (saved.version != SCORES_VERSION) {
 *             return RS_CB_REOPEN;
 *         }
 *         *scores = saved;
 *         return RS_CB_OK;
 *     }
 *
 *     RS_APP(RS_INIT(init, sizeof(struct scores)), RS_OPEN(open), RS_READ_ANY(read),
 *            RS_CLOSE(close), RS_TIMER_NONE, RS_SAVE(save), RS_RESTORE(restore));
 *
 * See the save and restore of struct rs_app. Both may call what a timer's callback may,
 * and return RS_CB_REOPEN in place of RS_CB_OK. The timer of RS_APP begins anew.
 */

#ifndef RINGSOCKET_RESTART_H
#define RINGSOCKET_RESTART_H

#include "loop.h"

/* Appends bytes, which are copied, to what is saved: RS_STATE_MAX_SIZE in all. RS_OK;
 * RS_E_SIZE after more, of which nothing is kept. Save. */
static inline int rs_write_state(rs_t *rs, const void *data, size_t size)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_SAVE_);

    return session == NULL ? RS_E_CALL : rs->host->write_state(session->rs, data, size);
}

/* Whether the client being opened has lived on over a restart: the connection is the
 * one of before, and header fields, cookies and the query are not known any more. Open. */
static inline bool rs_is_resumed(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_OPEN_);

    if (session == NULL) {
        return false;
    }
    /* The app may have been built with a newer header. */
    const struct rs_host *const host = rs->host;
    return host->struct_size >= offsetof(struct rs_host, is_resumed) + sizeof(host->is_resumed)
           && host->is_resumed(session->rs) == 1;
}

/* What the result of save or restore says: one more than that of others. */
static inline int rs_restart_verdict_(struct rs_session_ *session, rs_t *rs, int result)
{
    return result == RS_CB_REOPEN ? result : rs_verdict_(session, rs, result);
}

/* The save of struct rs_app. */
static inline int rs_on_save_(rs_t *rs, void *state)
{
    struct rs_session_ *const session = state;

    return rs_restart_verdict_(session, rs,
                               rs_call_(session, rs, RS_IN_SAVE_, session->parts->save));
}

/* The restore of struct rs_app. */
static inline int rs_on_restore_(rs_t *rs, void *state, const uint8_t *data, size_t size,
                                 const rs_client_id *clients, size_t client_c)
{
    struct rs_session_ *const session = state;

    session->saved = (struct rs_bytes) { data, size };
    session->resumed = clients;
    session->resumed_c = client_c;
    return rs_restart_verdict_(session, rs,
                               rs_call_(session, rs, RS_IN_RESTORE_, session->parts->restore));
}

#define RS_DO_RS_SAVE(cb) RS_SIMPLE_(rs_do_save_, cb)
#define RS_PART_RS_SAVE(cb) , .save = rs_do_save_
#define RS_TABLE_RS_SAVE(cb) .save = rs_on_save_

#define RS_DO_RS_RESTORE(cb) \
    static int rs_do_restore_(struct rs_session_ *s_) \
    { \
        return (int) cb(s_->rs, s_->saved.data, s_->saved.size, s_->resumed, s_->resumed_c); \
    }
#define RS_PART_RS_RESTORE(cb) , .restore = rs_do_restore_
#define RS_TABLE_RS_RESTORE(cb) .restore = rs_on_restore_

#endif /* RINGSOCKET_RESTART_H */
