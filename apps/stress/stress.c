/* SPDX-License-Identifier: MIT */

/*
 * Checks that messages reach whom they are for, in every way there is to send: an app that tests
 * the server and itself. Its clients are `ringsocket-soak stress`.
 *
 * A client is given a seat, and asks for messages: in which way, to which seats, how large. Each
 * message has a number of its own and content that follows from it. Whoever gets one checks it and
 * sends it back, and the app compares that with what it knows: who was to get it, in what order,
 * how large, which bytes. Numbers are in network byte order.
 *
 *     to the app    01 way:8 number:32 size:32 seat:32...   an ask, see enum way
 *                   02 id:64 size:32 content...             a message, sent back
 *                   "?"                                     asks for a report
 *     from the app  00 seat:32                              first of all
 *                   01 id:64 seat:32 number:32 way:8 size:32 content...
 *                                                           a message, and whose ask it answers
 *                   {"seat":...}                            the report, see report()
 *
 * An error is logged when it is seen; ten seconds after traffic the log gets a summary.
 */

#include <ringsocket.h>

#include "seats.h"

/* Largest content of a message. */
#define CONTENT_MAX 0x40000
/* All content lies in one block of random bytes, and begins anywhere in the first SPREAD. */
#define SPREAD 0x100000
#define BLOCK_SEED 0x72696e67

#define SUMMARY_US 10000000

enum asked { ASKED_MESSAGE = 1, ASKED_BACK = 2 };
enum told { TOLD_SEAT = 0, TOLD_MESSAGE = 1 };

enum way {
    TO_CUR,
    TO_SINGLE,
    TO_MULTI,
    TO_EVERY,
    TO_EVERY_EXCEPT_CUR,
    TO_EVERY_EXCEPT_SINGLE,
    TO_EVERY_EXCEPT_MULTI,
    WAY_C
};

enum error {
    ERROR_LOST,  /* a later message came back, this one did not */
    ERROR_STRAY, /* it was not awaited: never sent there, back before, or lost before */
    ERROR_SIZE,
    ERROR_CONTENT,
    ERROR_C
};

struct stress {
    struct seats seats;
    uint8_t *block;
    uint64_t last_id;
    uint64_t sent; /* once for each recipient */
    uint64_t returned;
    uint64_t gone; /* not back when their client left */
    uint64_t errors[ERROR_C];
};

/* The finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t word)
{
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    return word ^ (word >> 31);
}

static const uint8_t *content_of(const struct stress *s, uint64_t id)
{
    return s->block + mix(id) % SPREAD;
}

static rs_cb_ret init(rs_t *rs)
{
    struct stress *const s = rs_get_app_data(rs);
    uint64_t state = BLOCK_SEED;

    s->block = malloc(SPREAD + CONTENT_MAX);
    if (s->block == NULL) {
        RS_LOG_ERRNO(LOG_ERR, "No memory for %d bytes", SPREAD + CONTENT_MAX);
        return RS_CB_FATAL;
    }
    for (size_t i = 0; i < SPREAD + CONTENT_MAX; i += 8) {
        const uint64_t word = mix(state += 0x9e3779b97f4a7c15);
        for (size_t j = 0; j < 8; j++) {
            s->block[i + j] = (uint8_t) (word >> 8 * j);
        }
    }
    return RS_CB_OK;
}

/* -------------------------------------------------------------------------- *
 * Coming and going                                                           *
 * -------------------------------------------------------------------------- */

static struct seat *seat_of_cur(rs_t *rs)
{
    struct stress *const s = rs_get_app_data(rs);

    return seat_of(&s->seats, rs_get_client_id(rs));
}

static rs_cb_ret close_cur(rs_t *rs, unsigned code, const char *reason)
{
    rs_close_reason(rs, rs_get_client_id(rs), code, reason);
    return RS_CB_OK;
}

static rs_cb_ret come(rs_t *rs)
{
    struct stress *const s = rs_get_app_data(rs);
    const struct seat *const seat = sit_down(&s->seats, rs_get_client_id(rs));

    if (seat == NULL) {
        return close_cur(rs, 4002, "no seat is left");
    }
    rs_w_uint8(rs, TOLD_SEAT);
    rs_w_uint32_hton(rs, (uint32_t) number_of(&s->seats, seat));
    rs_to_cur(rs, RS_BIN);
    return RS_CB_OK;
}

static rs_cb_ret go(rs_t *rs)
{
    struct stress *const s = rs_get_app_data(rs);
    struct seat *const seat = seat_of_cur(rs);

    if (seat != NULL) {
        s->gone += seat->awaited_c;
        stand_up(&s->seats, seat);
    }
    return RS_CB_OK;
}

/* -------------------------------------------------------------------------- *
 * Sending                                                                    *
 * -------------------------------------------------------------------------- */

/* Whether the message of this number, sent in this way, is for a seat. */
static bool is_for(const struct seat *seat, enum way way, uint64_t id, const struct seat *cur)
{
    if (seat->client == 0) {
        return false;
    }
    switch (way) {
    case TO_CUR: return seat == cur;
    case TO_SINGLE:
    case TO_MULTI: return seat->named == id;
    case TO_EVERY: return true;
    case TO_EVERY_EXCEPT_CUR: return seat != cur;
    default: return seat->named != id;
    }
}

/* Notes who is to get the message. False, with nothing noted, if one of them owes too many. */
static bool note(struct stress *s, struct awaited message, enum way way, const struct seat *cur)
{
    struct seat *const end = s->seats.all + SEATS_MAX;

    for (const struct seat *seat = s->seats.all; seat < end; seat++) {
        if (seat->awaited_c == AWAITED_MAX && is_for(seat, way, message.id, cur)) {
            return false;
        }
    }
    for (struct seat *seat = s->seats.all; seat < end; seat++) {
        if (is_for(seat, way, message.id, cur)) {
            owe(seat, message);
            s->sent++;
        }
    }
    return true;
}

static void send_to(rs_t *rs, enum way way, const uint64_t *clients, size_t client_c)
{
    switch (way) {
    case TO_CUR: rs_to_cur(rs, RS_BIN); break;
    case TO_SINGLE: rs_to_single(rs, RS_BIN, clients[0]); break;
    case TO_MULTI: rs_to_multi(rs, RS_BIN, clients, client_c); break;
    case TO_EVERY: rs_to_every(rs, RS_BIN); break;
    case TO_EVERY_EXCEPT_CUR: rs_to_every_except_cur(rs, RS_BIN); break;
    case TO_EVERY_EXCEPT_SINGLE: rs_to_every_except_single(rs, RS_BIN, clients[0]); break;
    default: rs_to_every_except_multi(rs, RS_BIN, clients, client_c); break;
    }
}

/* Whether an ask of this way may name so many seats. */
static bool is_count(enum way way, size_t seat_c)
{
    switch (way) {
    case TO_SINGLE:
    case TO_EVERY_EXCEPT_SINGLE: return seat_c == 1;
    case TO_MULTI:
    case TO_EVERY_EXCEPT_MULTI: return true;
    default: return seat_c == 0;
    }
}

static rs_cb_ret ask(rs_t *rs, uint8_t way, uint32_t number, uint32_t size, uint32_t *seats,
                     size_t seat_c)
{
    struct stress *const s = rs_get_app_data(rs);
    const struct seat *const cur = seat_of_cur(rs);
    uint64_t clients[SEATS_MAX];

    if (cur == NULL || way >= WAY_C || size > CONTENT_MAX || !is_count(way, seat_c)) {
        return close_cur(rs, 4000, "no such ask");
    }
    const uint64_t id = ++s->last_id;
    for (size_t i = 0; i < seat_c; i++) {
        if (seats[i] >= SEATS_MAX || s->seats.all[seats[i]].client == 0) {
            return close_cur(rs, 4000, "nobody sits there");
        }
        s->seats.all[seats[i]].named = id;
        clients[i] = s->seats.all[seats[i]].client;
    }
    if (!note(s, (struct awaited) { .id = id, .size = size }, way, cur)) {
        return close_cur(rs, 4001, "a recipient owes too many messages");
    }
    rs_w_uint8(rs, TOLD_MESSAGE);
    rs_w_uint64_hton(rs, id);
    rs_w_uint32_hton(rs, (uint32_t) number_of(&s->seats, cur));
    rs_w_uint32_hton(rs, number);
    rs_w_uint8(rs, way);
    rs_w_uint32_hton(rs, size);
    rs_w_p(rs, content_of(s, id), size);
    send_to(rs, way, clients, seat_c);
    return RS_CB_OK;
}

/* -------------------------------------------------------------------------- *
 * What comes back                                                            *
 * -------------------------------------------------------------------------- */

static rs_cb_ret fail(struct stress *s, const struct seat *seat, uint64_t id, enum error error)
{
    static const char *const names[ERROR_C] = {
        "did not come back", "came back without being awaited", "came back in another size",
        "came back with other content"
    };

    s->errors[error]++;
    RS_LOG(LOG_ERR, "Message %" PRIu64 " of seat %zu %s", id, number_of(&s->seats, seat),
           names[error]);
    return RS_CB_OK;
}

static rs_cb_ret back(rs_t *rs, uint64_t id, uint32_t size, uint8_t *content, size_t content_size)
{
    struct stress *const s = rs_get_app_data(rs);
    struct seat *const seat = seat_of_cur(rs);

    if (seat == NULL) {
        return close_cur(rs, 4000, "without a seat");
    }
    size_t lost_c = ahead_of(seat, id);
    if (lost_c == seat->awaited_c) {
        return fail(s, seat, id, ERROR_STRAY);
    }
    for (; lost_c > 0; lost_c--) {
        fail(s, seat, take_oldest(seat).id, ERROR_LOST);
    }
    const struct awaited message = take_oldest(seat);
    seat->returned++;
    s->returned++;
    if (size != message.size || content_size != message.size) {
        return fail(s, seat, id, ERROR_SIZE);
    }
    if (memcmp(content, content_of(s, id), size) != 0) {
        return fail(s, seat, id, ERROR_CONTENT);
    }
    return RS_CB_OK;
}

/* -------------------------------------------------------------------------- *
 * Telling                                                                    *
 * -------------------------------------------------------------------------- */

static uint64_t waiting(const struct stress *s)
{
    return s->sent - s->returned - s->gone - s->errors[ERROR_LOST];
}

/* The asker's own figures, which count all that it has sent before, and those of all. */
static rs_cb_ret report(rs_t *rs)
{
    struct stress *const s = rs_get_app_data(rs);
    const struct seat *const seat = seat_of_cur(rs);
    const uint64_t *const errors = s->errors;
    char text[1000];

    if (seat == NULL) {
        return close_cur(rs, 4000, "without a seat");
    }
    snprintf(text, sizeof(text),
             "{\"seat\":%zu,\"sent\":%" PRIu64 ",\"returned\":%" PRIu64 ",\"waiting\":%zu,"
             "\"all\":{\"clients\":%zu,\"sent\":%" PRIu64 ",\"returned\":%" PRIu64
             ",\"waiting\":%" PRIu64 ",\"gone\":%" PRIu64 "},"
             "\"errors\":{\"lost\":%" PRIu64 ",\"stray\":%" PRIu64 ",\"size\":%" PRIu64
             ",\"content\":%" PRIu64 "}}",
             number_of(&s->seats, seat), seat->sent, seat->returned, seat->awaited_c,
             s->seats.sitter_c, s->sent, s->returned, waiting(s), s->gone, errors[ERROR_LOST],
             errors[ERROR_STRAY], errors[ERROR_SIZE], errors[ERROR_CONTENT]);
    rs_w_str(rs, text);
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

static rs_timer_ret summary(rs_t *rs)
{
    const struct stress *const s = rs_get_app_data(rs);
    uint64_t error_c = 0;

    for (size_t i = 0; i < ERROR_C; i++) {
        error_c += s->errors[i];
    }
    RS_LOG(error_c == 0 ? LOG_INFO : LOG_ERR,
           "%zu clients; %" PRIu64 " messages sent, %" PRIu64 " back, %" PRIu64 " under way, %"
           PRIu64 " gone with their clients; %" PRIu64 " errors",
           s->seats.sitter_c, s->sent, s->returned, waiting(s), s->gone, error_c);
    return RS_TIMER_HOLD;
}

/* All state is in the app's data, so any thread will do. */
RS_APP(
    RS_INIT(init, sizeof(struct stress)),
    RS_OPEN(come),
    RS_READ_SWITCH(
        RS_CASE_BIN(ASKED_MESSAGE, ask, RS_NTOH(uint8_t), RS_NTOH(uint32_t), RS_NTOH(uint32_t),
                    RS_NTOH(uint32_t, 0, SEATS_MAX)),
        RS_CASE_BIN(ASKED_BACK, back, RS_NTOH(uint64_t), RS_NTOH(uint32_t),
                    RS_NET(uint8_t, 0, CONTENT_MAX)),
        RS_CASE_UTF8('?', report)
    ),
    RS_CLOSE(go),
    RS_TIMER_SLEEP(summary, SUMMARY_US),
    RS_FLAGS(RS_APP_ANY_THREAD)
);
