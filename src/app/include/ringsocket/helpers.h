/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/helpers.h: the functions that callbacks of an app made with RS_APP
 * may call. Included by ringsocket.h.
 *
 * Each says in which callbacks. Called elsewhere it is an app fault: a line in the
 * log says which helper it was, the callback is left at once, and the server stops
 * this app, as with RS_CB_FATAL.
 */

#ifndef RINGSOCKET_HELPERS_H
#define RINGSOCKET_HELPERS_H

#include <arpa/inet.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session.h"

/* -------------------------------------------------------------------------- *
 * Who and what                                                               *
 * -------------------------------------------------------------------------- */

/* Number of the client that the callback is about, never 0. Upgrade, open, read,
 * close. */
static inline uint64_t rs_get_client_id(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_CLIENT_ | RS_IN_UPGRADE_);

    (void) rs;
    return session == NULL ? 0 : session->client;
}

static inline int rs_client_info_(const struct rs_session_ *session, struct rs_client_info *info)
{
    return session->rs->host->client_info(session->rs, session->client, info);
}

/* Address of that client: behind trusted proxies the one that they tell; of a unix
 * socket only the family. 0, or -1 with errno. Upgrade, open,
 * read. */
static inline int rs_get_client_addr(const rs_t *rs, struct sockaddr_storage *addr)
{
    const struct rs_session_ *const session =
        rs_here_(__func__, RS_IN_UPGRADE_ | RS_IN_OPEN_ | RS_IN_READ_);
    struct rs_client_info info;

    (void) rs;
    if (session == NULL || rs_client_info_(session, &info) != RS_OK) {
        errno = ENOTCONN;
        return -1;
    }
    memset(addr, 0, sizeof(*addr));
    if (info.family == RS_FAMILY_IPV4) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = RS_HTON16(info.port) };
        memcpy(&in.sin_addr, info.ip, sizeof(in.sin_addr));
        memcpy(addr, &in, sizeof(in));
    } else if (info.family == RS_FAMILY_IPV6) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = RS_HTON16(info.port) };
        memcpy(&in6.sin6_addr, info.ip, sizeof(in6.sin6_addr));
        memcpy(addr, &in6, sizeof(in6));
    } else {
        addr->ss_family = AF_UNIX;
    }
    return 0;
}

/* endpoint_id, from the configuration, of where that client came in. Upgrade, open,
 * read, close. */
static inline uint16_t rs_get_endpoint_id(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_CLIENT_ | RS_IN_UPGRADE_);
    struct rs_client_info info;

    (void) rs;
    return session != NULL && rs_client_info_(session, &info) == RS_OK ? info.endpoint_id : 0;
}

/* Kind of the message: RS_BIN or RS_UTF8. Read. */
static inline enum rs_data_kind rs_get_read_data_kind(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_READ_);

    (void) rs;
    return session == NULL ? RS_BIN : session->kind;
}

/* What an app may know of the configuration: max_ws_msg_size, worker_c, app_name,
 * log_level. All callbacks. */
static inline const struct rs_conf *rs_get_conf(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_);

    (void) rs;
    return session == NULL ? NULL : &session->conf;
}

/* The app's own data, of the size that RS_INIT names, zeroed at the start; NULL if it
 * names none. All callbacks. */
static inline void *rs_get_app_data(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_);

    (void) rs;
    return session == NULL ? NULL : session->app_data;
}

/* The request of the client being opened or asked about; what it points to is gone
 * when the callback returns. Upgrade, open. */
static inline struct rs_request rs_get_request(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_OPEN_ | RS_IN_UPGRADE_);
    struct rs_request request = { .header_c = 0 };

    (void) rs;
    if (session != NULL) {
        session->rs->host->request(session->rs, &request);
    }
    return request;
}

/* Value of the first header field of that name, in any case; data is NULL if there
 * is none. Upgrade, open. */
static inline struct rs_bytes rs_get_header(const rs_t *rs, const char *name)
{
    const struct rs_request request = rs_get_request(rs);
    const size_t size = strlen(name);

    for (size_t i = 0; i < request.header_c; i++) {
        const struct rs_header *const header = request.headers + i;
        if (header->name.size == size
            && strncasecmp((const char *) header->name.data, name, size) == 0) {
            return header->value;
        }
    }
    return (struct rs_bytes) { .data = NULL, .size = 0 };
}

/* With what code and reason (UTF-8) the client has gone, see struct rs_app. Close. */
static inline uint16_t rs_get_close_code(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_CLOSE_);

    (void) rs;
    return session == NULL ? 0 : session->close_code;
}

static inline struct rs_bytes rs_get_close_reason(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_CLOSE_);

    (void) rs;
    return session == NULL ? (struct rs_bytes) { .data = NULL, .size = 0 }
                           : session->close_reason;
}

/* -------------------------------------------------------------------------- *
 * rs_w_...: write a message, piece by piece. All callbacks but init.         *
 * -------------------------------------------------------------------------- */

/* What has been written is kept until a function of the next section sends it. More
 * than max_ws_msg_size bytes are an app fault. */

static inline __attribute__((cold)) void rs_grow_(struct rs_session_ *session, size_t size)
{
    const size_t most = (size_t) session->conf.max_ws_msg_size;

    if (size > most - session->message_size) {
        RS_FAULT_(session, "a message of more than max_ws_msg_size, %zu bytes, is written", most);
    }
    const size_t needed = session->message_size + size;
    const size_t room = RS_MAX(RS_MIN(2 * session->message_room, most), RS_MAX(needed, 256));
    uint8_t *const message = realloc(session->message, room);
    if (message == NULL) {
        RS_FAULT_(session, "no memory for a message of %zu bytes", room);
    }
    session->message = message;
    session->message_room = room;
}

static inline void rs_write_(const char *helper, const void *from, size_t size)
{
    struct rs_session_ *const session = rs_here_(helper, RS_IN_ALL_BUT_INIT_);

    if (session == NULL || size == 0) {
        return;
    }
    if (__builtin_expect(size > session->message_room - session->message_size, 0)) {
        rs_grow_(session, size);
    }
    memcpy(session->message + session->message_size, from, size);
    session->message_size += size;
}

/* Bytes, from anywhere. */
static inline void rs_w_p(rs_t *rs, const void *from, size_t size)
{
    (void) rs;
    rs_write_(__func__, from, size);
}

/* A NUL-terminated string, without its NUL. */
static inline void rs_w_str(rs_t *rs, const char *string)
{
    (void) rs;
    rs_write_(__func__, string, strlen(string));
}

/* Numbers, in host byte order; with _hton in network byte order. */
#define RS_WRITER_(name, type, make) \
    static inline void name(rs_t *rs, type number) \
    { \
        const type ordered = (type) make(number); \
        (void) rs; \
        rs_write_(__func__, &ordered, sizeof(ordered)); \
    }

RS_WRITER_(rs_w_uint8, uint8_t, )
RS_WRITER_(rs_w_uint16, uint16_t, )
RS_WRITER_(rs_w_uint32, uint32_t, )
RS_WRITER_(rs_w_uint64, uint64_t, )
RS_WRITER_(rs_w_int8, int8_t, )
RS_WRITER_(rs_w_int16, int16_t, )
RS_WRITER_(rs_w_int32, int32_t, )
RS_WRITER_(rs_w_int64, int64_t, )
RS_WRITER_(rs_w_uint16_hton, uint16_t, RS_HTON16)
RS_WRITER_(rs_w_uint32_hton, uint32_t, RS_HTON32)
RS_WRITER_(rs_w_uint64_hton, uint64_t, RS_HTON64)
RS_WRITER_(rs_w_int16_hton, int16_t, RS_HTON16)
RS_WRITER_(rs_w_int32_hton, int32_t, RS_HTON32)
RS_WRITER_(rs_w_int64_hton, int64_t, RS_HTON64)

/* -------------------------------------------------------------------------- *
 * rs_to_...: send it. All callbacks but init, except for the _cur ones.      *
 * -------------------------------------------------------------------------- */

/* Numbers of clients that have left are skipped, and a number that is listed twice
 * counts once. Nothing can be sent to the client whose close is running: to name it
 * is an app fault. Text that is not UTF-8 is not sent, and the log says so. */

static inline int rs_compare_clients_(const void *a, const void *b)
{
    rs_client_id one, other;

    memcpy(&one, a, sizeof(one));
    memcpy(&other, b, sizeof(other));
    return (one > other) - (one < other);
}

/* Copies the list in order, each number once, and returns how many are left. */
static inline size_t rs_unique_clients_(rs_client_id *to, const rs_client_id *from, size_t count)
{
    size_t kept = 0;

    memcpy(to, from, count * sizeof(*from));
    qsort(to, count, sizeof(*to), rs_compare_clients_);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || to[kept - 1] != to[i]) {
            to[kept++] = to[i];
        }
    }
    return kept;
}

/* What the server says to a message that was to be sent. */
static inline void rs_take_result_(struct rs_session_ *session, const char *helper, int result)
{
    if (result == RS_E_ARG) {
        RS_NOTE_(LOG_ERR, "%s(): the message is no UTF-8 text, and is not sent", helper);
    } else if (result != RS_OK) {
        RS_FAULT_(session, "%s() of %zu bytes: %s", helper, session->message_size,
                  result == RS_E_SIZE ? "more than RS_OPEN may send" : "the server refuses it");
    }
    session->message_size = 0;
}

static inline void rs_send_(struct rs_session_ *session, const char *helper,
                            enum rs_data_kind kind, enum rs_recipients to,
                            const rs_client_id *clients, size_t client_c)
{
    rs_t *const rs = session->rs;

    if (client_c > 1) {
        rs_client_id *const unique = rs_block_(session, client_c, sizeof(*clients));
        client_c = rs_unique_clients_(unique, clients, client_c);
        clients = unique;
    }
    const bool is_closing = session->callback == RS_IN_CLOSE_ && to == RS_TO_LISTED;
    for (size_t i = 0; is_closing && i < client_c; i++) {
        if (clients[i] == session->client) {
            RS_FAULT_(session, "%s() to the client whose RS_CLOSE callback this is", helper);
        }
    }
    const int result = rs->host->send(rs, kind, session->message, session->message_size, to,
                                      clients, client_c);
    rs_take_result_(session, helper, result);
}

#define RS_SENDER_(name, allowed, to, clients, client_c, ...) \
    static inline void name(rs_t *rs, enum rs_data_kind kind __VA_ARGS__) \
    { \
        struct rs_session_ *const session = rs_here_(__func__, allowed); \
        (void) rs; \
        if (session != NULL) { \
            rs_send_(session, __func__, kind, to, clients, client_c); \
        } \
    }

/* One client. */
RS_SENDER_(rs_to_single, RS_IN_ALL_BUT_INIT_, RS_TO_LISTED, &client, 1, , uint64_t client)
/* Some clients. */
RS_SENDER_(rs_to_multi, RS_IN_ALL_BUT_INIT_, RS_TO_LISTED, clients, client_c,
           , const uint64_t *clients, size_t client_c)
/* The client that the callback is about. Open, read. */
RS_SENDER_(rs_to_cur, RS_IN_OPEN_ | RS_IN_READ_, RS_TO_LISTED, &session->client, 1, )
/* All clients of this app. */
RS_SENDER_(rs_to_every, RS_IN_ALL_BUT_INIT_, RS_TO_ALL, NULL, 0, )
/* All but one. */
RS_SENDER_(rs_to_every_except_single, RS_IN_ALL_BUT_INIT_, RS_TO_ALL_EXCEPT, &client, 1,
           , uint64_t client)
/* All but some. */
RS_SENDER_(rs_to_every_except_multi, RS_IN_ALL_BUT_INIT_, RS_TO_ALL_EXCEPT, clients, client_c,
           , const uint64_t *clients, size_t client_c)
/* All but the client that the callback is about. Open, read. */
RS_SENDER_(rs_to_every_except_cur, RS_IN_OPEN_ | RS_IN_READ_, RS_TO_ALL_EXCEPT,
           &session->client, 1, )

/* -------------------------------------------------------------------------- *
 * rs_close...: end a connection. All callbacks but init, _cur not from timer. *
 * -------------------------------------------------------------------------- */

/* Codes from here on are the server's own: see enum rs_app_ws_close. */
#define RS_CLOSE_CODE_END_ 4900

static inline void rs_close_(struct rs_session_ *session, const char *helper, uint64_t client,
                             unsigned code, const char *reason)
{
    rs_t *const rs = session->rs;
    const size_t size = strlen(reason);

    if (code < 4000 || code >= RS_CLOSE_CODE_END_) {
        RS_NOTE_(LOG_ERR, "%s(): %u becomes 4899, as apps close with 4000 to 4899", helper, code);
        code = 4899;
    }
    /* A client that has left already needs no closing. */
    const int result = rs->host->close(rs, client, (uint16_t) code, (const uint8_t *) reason, size);
    if (result == RS_E_SIZE || result == RS_E_ARG) {
        RS_FAULT_(session, "%s(): a reason is UTF-8 and at most %d bytes", helper,
                  RS_CLOSE_REASON_MAX_SIZE);
    }
}

/* Closes a client, after what was sent to it before, with a code from 4000 to 4899; any
 * other becomes 4899, and the log says so. */
static inline void rs_close(rs_t *rs, uint64_t client, unsigned code)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_BUT_INIT_);

    (void) rs;
    if (session != NULL) {
        rs_close_(session, __func__, client, code, "");
    }
}

/* The same with a reason: UTF-8, at most RS_CLOSE_REASON_MAX_SIZE bytes. */
static inline void rs_close_reason(rs_t *rs, uint64_t client, unsigned code, const char *reason)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_BUT_INIT_);

    (void) rs;
    if (session != NULL) {
        rs_close_(session, __func__, client, code, reason);
    }
}

/* The same for the client that the callback is about. Open, read, close (where there is
 * nothing left to do). */
static inline void rs_close_cur(rs_t *rs, unsigned code)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_CLIENT_);

    (void) rs;
    if (session != NULL) {
        rs_close_(session, __func__, session->client, code, "");
    }
}

#endif /* RINGSOCKET_HELPERS_H */
