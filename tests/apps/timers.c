/* A test app of the timer: TIMER is its macro, and RESULTS, in braces, what its callback returns
 * one after the other, the last for ever. It tells a client that asks how often it was called, and
 * after how many milliseconds each time. Not an example to follow. */

#include <ringsocket.h>

#include <time.h>

static uint64_t calls[1000], start;
static size_t call_c;

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t) time.tv_sec * 1000 + (uint64_t) time.tv_nsec / 1000000;
}

static rs_cb_ret init(rs_t *rs)
{
    (void) rs;
    start = now();
    return RS_CB_OK;
}

static rs_cb_ret ask(rs_t *rs)
{
    char text[20];

    sprintf(text, "%zu", call_c);
    rs_w_str(rs, text);
    for (size_t i = 0; i < call_c; i++) {
        sprintf(text, " %u", (unsigned) (calls[i] - (i == 0 ? start : calls[i - 1])));
        rs_w_str(rs, text);
    }
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

static int tick(rs_t *rs)
{
    static const int results[] = RESULTS;
    const int result = results[RS_MIN(call_c, RS_ELEM_C(results) - 1)];

    (void) rs;
    if (call_c < RS_ELEM_C(calls)) {
        calls[call_c++] = now();
    }
    if (result == RS_TIMER_NEVER || result == RS_TIMER_FATAL) {
        RS_LOG(LOG_NOTICE, "that was the last");
    }
    return result;
}

RS_APP(RS_INIT(init), RS_OPEN_NONE, RS_READ_ANY(ask), RS_CLOSE_NONE, TIMER);
