/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/upgrade.h: RS_UPGRADE, by which an app made with RS_APP decides about
 * each client before it is let in; and values that belong to clients. Included by
 * ringsocket.h.
 *
 *     static rs_cb_ret check(rs_t *rs)
 *     {
 *         const struct rs_bytes token = rs_get_cookie(rs, "token");
 *
 *         if (token.data == NULL) {
 *             return 403;
 *         }
 *         return rs_accept(rs, rs_get_client_id(rs), NULL) == RS_OK ? RS_CB_OK : RS_CB_FATAL;
 *     }
 *
 *     RS_APP(RS_INIT_NONE, RS_OPEN_NONE, RS_READ_ANY(read), RS_CLOSE_NONE, RS_TIMER_NONE,
 *            RS_UPGRADE(check));
 *
 * The callback returns RS_CB_OK after rs_accept or rs_refuse, or to answer later, in
 * any callback but that of RS_INIT; RS_CB_FATAL; or a status from 300 to 599 with
 * which the client is refused at once. What the server does with all that: see the
 * upgrade of struct rs_app.
 */

#ifndef RINGSOCKET_UPGRADE_H
#define RINGSOCKET_UPGRADE_H

#include "loop.h"

/* For struct rs_accept and struct rs_refusal: bytes of a literal, a header of two. */
#define RS_BYTES(text) { (const uint8_t *) (text), sizeof(text) - 1 }
#define RS_HEADER(name, value) { RS_BYTES(name), RS_BYTES(value) }

/* All that is known of the client asked about. Upgrade. */
static inline const struct rs_upgrade *rs_get_upgrade(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_UPGRADE_);

    (void) rs;
    return session == NULL ? NULL : session->upgrade;
}

/* Value of the first cookie of that name (RFC 6265 section 5.4), as it was sent; data is
 * NULL if there is none. Upgrade, open. */
static inline struct rs_bytes rs_get_cookie(const rs_t *rs, const char *name)
{
    const struct rs_bytes cookies = rs_get_header(rs, "Cookie");
    const size_t size = strlen(name);
    size_t at = 0;

    while (at < cookies.size) {
        const uint8_t *const start = cookies.data + at;
        const uint8_t *const stop = memchr(start, ';', cookies.size - at);
        const size_t pair = stop == NULL ? cookies.size - at : (size_t) (stop - start);
        if (pair > size && memcmp(start, name, size) == 0 && start[size] == '=') {
            return (struct rs_bytes) { .data = start + size + 1, .size = pair - size - 1 };
        }
        at += pair + 1;
        while (at < cookies.size && cookies.data[at] == ' ') {
            at++;
        }
    }
    return (struct rs_bytes) { .data = NULL, .size = 0 };
}

/* Says in the log what the app has done wrong; a client that has left is no mistake. */
static inline int rs_decided_(const char *helper, int result)
{
    if (result != RS_OK && result != RS_E_CLIENT) {
        RS_NOTE_(LOG_ERR, "%s(): %s", helper,
                 result == RS_E_SIZE ? "too many or too large header fields, or body"
                 : result == RS_E_CODE ? "a status that refuses nothing"
                                       : "a bad header field, or a subprotocol not offered");
    }
    return result;
}

/* Accepts the client; its struct_size need not be set. NULL: as the server would without
 * RS_UPGRADE. RS_OK, RS_E_CLIENT if there is nothing left to decide, or RS_E_ARG or
 * RS_E_SIZE, with a line in the log. All callbacks but init. */
static inline int rs_accept(rs_t *rs, uint64_t client, const struct rs_accept *accept)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_BUT_INIT_);
    struct rs_accept whole = { .header_c = 0 };

    if (session == NULL) {
        return RS_E_CALL;
    }
    if (accept != NULL) {
        whole = *accept;
    }
    whole.struct_size = sizeof(whole);
    return rs_decided_(__func__, rs->host->accept(rs, client, &whole));
}

/* Refuses the client; likewise. */
static inline int rs_refuse_with(rs_t *rs, uint64_t client, const struct rs_refusal *refusal)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_BUT_INIT_);

    if (session == NULL) {
        return RS_E_CALL;
    }
    if (refusal == NULL) {
        return rs_decided_(__func__, RS_E_ARG);
    }
    struct rs_refusal whole = *refusal;
    whole.struct_size = sizeof(whole);
    return rs_decided_(__func__, rs->host->refuse(rs, client, &whole));
}

/* Refuses the client with a status and a line of plain text. */
static inline int rs_refuse(rs_t *rs, uint64_t client, unsigned status, const char *text)
{
    const struct rs_refusal refusal = {
        .status = status, .body = { (const uint8_t *) text, strlen(text) }
    };

    return rs_refuse_with(rs, client, &refusal);
}

/* The value of a client, from open until close has returned; NULL if it has none. All
 * callbacks but init. */
static inline void *rs_get_client_data(rs_t *rs, uint64_t client)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_BUT_INIT_);
    void *data = NULL;

    if (session != NULL) {
        rs->host->client_data(rs, client, &data);
    }
    return data;
}

/* Gives an open client a value, for which free_data (may be NULL) is called once: when
 * it gets another, or after its close. RS_OK, or RS_E_CLIENT, and the value stays yours.
 * All callbacks but init. */
static inline int rs_set_client_data(rs_t *rs, uint64_t client, void *data,
                                     void (*free_data)(void *data))
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_BUT_INIT_);

    return session == NULL ? RS_E_CALL : rs->host->set_client_data(rs, client, data, free_data);
}

/* The upgrade of struct rs_app. */
static inline int rs_on_upgrade_(rs_t *rs, void *state, rs_client_id client,
                                 const struct rs_upgrade *upgrade)
{
    struct rs_session_ *const session = state;

    session->client = client;
    session->upgrade = upgrade;
    const int result = rs_call_(session, rs, RS_IN_UPGRADE_, session->parts->upgrade);
    session->upgrade = NULL;
    if (result >= 300 && result <= 599) {
        struct rs_refusal refusal = {
            .struct_size = sizeof(refusal), .status = (uint32_t) result
        };
        rs_session_ = session;
        if (rs_decided_("RS_UPGRADE", rs->host->refuse(rs, client, &refusal)) == RS_E_CODE) {
            refusal.status = 500; /* rather than to leave it without an answer */
            rs->host->refuse(rs, client, &refusal);
        }
        rs_session_ = NULL;
        return RS_CB_OK;
    }
    return rs_verdict_(session, rs, result);
}

#define RS_DO_RS_UPGRADE(cb) RS_SIMPLE_(rs_do_upgrade_, cb)
#define RS_PART_RS_UPGRADE(cb) , .upgrade = rs_do_upgrade_
#define RS_TABLE_RS_UPGRADE(cb) .upgrade = rs_on_upgrade_

#endif /* RINGSOCKET_UPGRADE_H */
