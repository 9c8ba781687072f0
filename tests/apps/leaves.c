/* A test app made with RS_APP and all that may follow its five arguments. It answers `version` with
 * the text VERSION that it was compiled with; when it is to go it tells its clients, and closes those
 * that have sent `early`. Not an example to follow. */

#include <ringsocket.h>

static uint64_t early;

static rs_cb_ret let_in(rs_t *rs)
{
    return rs_accept(rs, rs_get_client_id(rs), NULL) == RS_OK ? RS_CB_OK : RS_CB_FATAL;
}

static rs_cb_ret answer(rs_t *rs, char *text, size_t size)
{
    if (size == 5 && strcmp(text, "early") == 0) {
        early = rs_get_client_id(rs);
    }
    rs_w_str(rs, strcmp(text, "version") == 0 ? RS_STRINGIFY(VERSION) : text);
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

static rs_cb_ret leave(rs_t *rs, uint64_t microseconds)
{
    char text[64];

    snprintf(text, sizeof(text), "draining %" PRIu64, microseconds);
    rs_w_str(rs, text);
    rs_to_every(rs, RS_UTF8);
    if (early != 0) {
        rs_close_reason(rs, early, 4000, "you wanted it");
    }
#ifdef MISUSE
    rs_to_cur(rs, RS_UTF8);
#endif
    return RS_CB_OK;
}

RS_APP(
    RS_INIT_NONE,
    RS_OPEN_NONE,
    RS_READ_UTF8(answer, RS_STR(1, 1000)),
    RS_CLOSE_NONE,
    RS_TIMER_NONE,
    RS_DRAIN(leave),
    RS_FLAGS(RS_APP_ANY_THREAD),
    RS_UPGRADE(let_in),
    RS_SUBPROTOCOLS("leaves")
);
