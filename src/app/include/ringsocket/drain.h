/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/drain.h: RS_DRAIN, by which an app made with RS_APP hears that it is
 * replaced or removed while the server runs. Included by ringsocket.h.
 *
 *     static rs_cb_ret leave(rs_t *rs, uint64_t microseconds)
 *     {
 *         if (microseconds > 0) {
 *             rs_w_str(rs, "please come again");
 *             rs_to_every(rs, RS_UTF8);
 *         }
 *         return RS_CB_OK;
 *     }
 *
 *     RS_APP(RS_INIT_NONE, RS_OPEN_NONE, RS_READ_ANY(read), RS_CLOSE_NONE, RS_TIMER_NONE,
 *            RS_DRAIN(leave));
 *
 * Those who are still there after so many microseconds are closed with 1012: see the
 * drain of struct rs_app. The callback may call what that of a timer may.
 */

#ifndef RINGSOCKET_DRAIN_H
#define RINGSOCKET_DRAIN_H

#include "loop.h"

/* The drain of struct rs_app. */
static inline int rs_on_drain_(rs_t *rs, void *state, uint64_t microseconds)
{
    struct rs_session_ *const session = state;

    session->drain_wait = microseconds;
    return rs_verdict_(session, rs,
                       rs_call_(session, rs, RS_IN_DRAIN_, session->parts->drain));
}

#define RS_DO_RS_DRAIN(cb) \
    static int rs_do_drain_(struct rs_session_ *s_) \
    { \
        return (int) cb(s_->rs, s_->drain_wait); \
    }
#define RS_PART_RS_DRAIN(cb) , .drain = rs_do_drain_
#define RS_TABLE_RS_DRAIN(cb) .drain = rs_on_drain_

#endif /* RINGSOCKET_DRAIN_H */
