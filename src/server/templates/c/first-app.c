/*
 * first-app greets whoever comes, tells the others what somebody says, and adds numbers.
 */

#include <ringsocket.h>

#include <inttypes.h>
#include <stdio.h>

/* The app's state. Callbacks run one at a time, so it needs no lock. */
struct room {
    uint32_t here;
};

static rs_cb_ret init(rs_t *rs)
{
    RS_LOG(LOG_INFO, "first-app starts, with its state all zero");
    (void) rs;
    return RS_CB_OK;
}

static rs_cb_ret tell(rs_t *rs, const char *greeting)
{
    const struct room *room = rs_get_app_data(rs);
    char text[64];

    snprintf(text, sizeof(text), "%s%" PRIu32 " here", greeting, room->here);
    rs_w_str(rs, text);
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

static rs_cb_ret greet(rs_t *rs)
{
    struct room *room = rs_get_app_data(rs);

    room->here++;
    return tell(rs, "welcome: ");
}

/* "!hello" is for everybody else. */
static rs_cb_ret say(rs_t *rs, char *words, size_t size)
{
    rs_w_p(rs, words, size);
    rs_to_every_except_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

/* "?" asks how many are here. */
static rs_cb_ret count(rs_t *rs)
{
    return tell(rs, "");
}

/* 1, and two numbers in network byte order. */
static rs_cb_ret add(rs_t *rs, int32_t a, int32_t b)
{
    rs_w_int64_hton(rs, (int64_t) a + b);
    rs_to_cur(rs, RS_BIN);
    return RS_CB_OK;
}

static rs_cb_ret leave(rs_t *rs)
{
    struct room *room = rs_get_app_data(rs);

    room->here--;
    return RS_CB_OK;
}

/* The first byte of a message tells which it is. What fits none closes its sender. */
RS_APP(
    RS_INIT(init, sizeof(struct room)),
    RS_OPEN(greet),
    RS_READ_SWITCH(
        RS_CASE_UTF8('!', say, RS_STR(1, 500)),
        RS_CASE_UTF8('?', count),
        RS_CASE_BIN(1, add, RS_NTOH(int32_t), RS_NTOH(int32_t))
    ),
    RS_CLOSE(leave),
    RS_TIMER_NONE
);
