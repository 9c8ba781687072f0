/* SPDX-License-Identifier: MIT */

/*
 * Simulated prices for everybody, four times a second, in C. The same as apps/ticker, where what
 * clients receive is described; an example of a timer and of an app that keeps data.
 */

#define _DEFAULT_SOURCE /* for erand48(3) and getentropy(3) */

#include <ringsocket.h>

#include <stdlib.h>
#include <unistd.h>

#define TICK_US 250000
#define DAY_US (24 * 60 * 60 * UINT64_C(1000000))
#define HISTORY 240
/* Of the way back to its first price, the part that a price goes in each tick. */
#define DRAW 0.004

/* Wildness is the standard deviation of a tick, in millionths of the price. */
static const struct stock {
    const char *symbol;
    uint32_t price; /* in hundredths; the one to which it is drawn back */
    double wildness;
} stocks[] = {
    { "ASH", 10400, 900 },
    { "BIRCH", 5120, 1400 },
    { "CEDAR", 23875, 600 },
    { "ELM", 1860, 2200 },
    { "OAK", 41250, 1100 },
};

struct market {
    unsigned short random[3];
    size_t client_c;
    uint64_t number; /* of the last tick */
    uint32_t ticks[HISTORY][RS_ELEM_C(stocks)]; /* tick n at n % HISTORY */
};

/* Nearly a standard normal deviate: the sum of twelve uniform ones. */
static double normal(struct market *market)
{
    double sum = -6;

    for (int i = 0; i < 12; i++) {
        sum += erand48(market->random);
    }
    return sum;
}

static void step(struct market *market)
{
    const uint32_t *const last = market->ticks[market->number++ % HISTORY];
    uint32_t *const next = market->ticks[market->number % HISTORY];

    for (size_t i = 0; i < RS_ELEM_C(stocks); i++) {
        const double drawn = (stocks[i].price - (double) last[i]) * DRAW;
        const double pushed = last[i] * stocks[i].wildness / 1e6 * normal(market);
        next[i] = (uint32_t) RS_MAX(last[i] + drawn + pushed + 0.5, 1.0);
    }
}

static void w_number(rs_t *rs, const char *before, uint64_t number)
{
    char digits[21];

    snprintf(digits, sizeof digits, "%" PRIu64, number);
    rs_w_str(rs, before);
    rs_w_str(rs, digits);
}

static void w_prices(rs_t *rs, const struct market *market, uint64_t number)
{
    for (size_t i = 0; i < RS_ELEM_C(stocks); i++) {
        w_number(rs, i == 0 ? "[" : ",", market->ticks[number % HISTORY][i]);
    }
    rs_w_str(rs, "]");
}

static rs_cb_ret init_cb(rs_t *rs)
{
    struct market *const market = rs_get_app_data(rs);

    if (getentropy(market->random, sizeof market->random) != 0) {
        RS_LOG_ERRNO(LOG_ERR, "getentropy");
        return RS_CB_FATAL;
    }
    for (size_t i = 0; i < RS_ELEM_C(stocks); i++) {
        market->ticks[0][i] = stocks[i].price;
    }
    while (market->number + 1 < HISTORY) {
        step(market);
    }
    return RS_CB_OK;
}

static rs_cb_ret open_cb(rs_t *rs)
{
    struct market *const market = rs_get_app_data(rs);
    const uint64_t first = market->number + 1 - HISTORY;

    market->client_c++;
    w_number(rs, "{\"type\":\"market\",\"every_ms\":", TICK_US / 1000);
    for (size_t i = 0; i < RS_ELEM_C(stocks); i++) {
        rs_w_str(rs, i == 0 ? ",\"symbols\":[\"" : "\",\"");
        rs_w_str(rs, stocks[i].symbol);
    }
    w_number(rs, "\"],\"first\":", first);
    for (uint64_t number = first; number <= market->number; number++) {
        rs_w_str(rs, number == first ? ",\"ticks\":[" : ",");
        w_prices(rs, market, number);
    }
    rs_w_str(rs, "]}");
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

static rs_cb_ret read_cb(rs_t *rs, uint8_t *data, size_t size)
{
    static const char reason[] = "nothing is for sale here";

    (void) data, (void) size;
    /* rs_close is for codes of apps' own, 4000 to 4899; this one is everybody's. */
    rs->host->close(rs, rs_get_client_id(rs), 1008, (const uint8_t *) reason, strlen(reason));
    return RS_CB_OK;
}

static rs_cb_ret close_cb(rs_t *rs)
{
    struct market *const market = rs_get_app_data(rs);

    market->client_c--;
    return RS_CB_OK;
}

static rs_timer_ret tick(rs_t *rs)
{
    struct market *const market = rs_get_app_data(rs);

    if (market->client_c == 0) {
        return RS_TIMER_MAX; /* until somebody comes */
    }
    step(market);
    w_number(rs, "{\"type\":\"tick\",\"number\":", market->number);
    rs_w_str(rs, ",\"prices\":");
    w_prices(rs, market, market->number);
    rs_w_str(rs, "}");
    rs_to_every(rs, RS_UTF8);
    return RS_TIMER_MIN;
}

RS_APP(
    RS_INIT(init_cb, sizeof(struct market)),
    RS_OPEN(open_cb),
    RS_READ_ANY(read_cb, RS_NET(uint8_t, 0, 1000)), /* more is closed before, with 4900 */
    RS_CLOSE(close_cb),
    RS_TIMER_WAKE(tick, TICK_US, 0, DAY_US)
);
