/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/topics.h: the helpers for topics of an app made with RS_APP. Clients
 * are subscribed to names, and what is sent to a name goes to all of them; see
 * struct rs_host. Included by ringsocket.h.
 *
 * A name is a NUL-terminated string of 1 to RS_TOPIC_MAX_SIZE bytes; any other is
 * an app fault, as is a helper in a callback where it is not allowed.
 */

#ifndef RINGSOCKET_TOPICS_H
#define RINGSOCKET_TOPICS_H

#include "helpers.h"

/* Size of a name. Also makes sure that the server knows topics: the app may have been
 * built with a newer header. */
static inline size_t rs_topic_size_(struct rs_session_ *session, const char *helper,
                                    const char *topic)
{
    const struct rs_host *const host = session->rs->host;
    const size_t size = strlen(topic);

    if (host->struct_size < offsetof(struct rs_host, publish) + sizeof(host->publish)) {
        RS_FAULT_(session, "%s() needs a newer server", helper);
    }
    if (size < 1 || size > RS_TOPIC_MAX_SIZE) {
        RS_FAULT_(session, "%s(): the name of a topic has 1 to %d bytes, not %zu", helper,
                  RS_TOPIC_MAX_SIZE, size);
    }
    return size;
}

/* -------------------------------------------------------------------------- *
 * rs_subscribe..., rs_unsubscribe...: who gets what is sent to a topic. All    *
 * callbacks but init, except for the _cur ones.                                *
 * -------------------------------------------------------------------------- */

/* To subscribe a client twice, to unsubscribe one that is not subscribed, and to name
 * one that has left, does nothing. A client that is gone is subscribed to nothing any
 * more, already in its RS_CLOSE callback. */

static inline int rs_set_subscription_(struct rs_session_ *session, const char *helper,
                                       rs_client_id client, const char *topic, bool begins)
{
    rs_t *const rs = session->rs;
    const size_t size = rs_topic_size_(session, helper, topic);
    const uint8_t *const name = (const uint8_t *) topic;
    const int result = begins ? rs->host->subscribe(rs, client, name, size)
                              : rs->host->unsubscribe(rs, client, name, size);

    if (result == RS_OK || result == RS_E_CLIENT) {
        return RS_OK;
    }
    if (result != RS_E_LIMIT) {
        RS_FAULT_(session, "%s(): %s", helper,
                  result == RS_E_SIZE ? "more than RS_OPEN may do" : "the server refuses it");
    }
    return result;
}

/* RS_OK, or RS_E_LIMIT: the client is subscribed to max_topics_per_client topics, or the
 * app has max_topics_per_app. */
static inline int rs_subscribe(rs_t *rs, uint64_t client, const char *topic)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_BUT_INIT_);

    (void) rs;
    return session == NULL ? RS_OK
                           : rs_set_subscription_(session, __func__, client, topic, true);
}

/* The same for the client that the callback is about. Open, read. */
static inline int rs_subscribe_cur(rs_t *rs, const char *topic)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_OPEN_ | RS_IN_READ_);

    (void) rs;
    return session == NULL
               ? RS_OK
               : rs_set_subscription_(session, __func__, session->client, topic, true);
}

static inline void rs_unsubscribe(rs_t *rs, uint64_t client, const char *topic)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_ALL_BUT_INIT_);

    (void) rs;
    if (session != NULL) {
        rs_set_subscription_(session, __func__, client, topic, false);
    }
}

/* The same for the client that the callback is about. Open, read. */
static inline void rs_unsubscribe_cur(rs_t *rs, const char *topic)
{
    struct rs_session_ *const session = rs_here_(__func__, RS_IN_OPEN_ | RS_IN_READ_);

    (void) rs;
    if (session != NULL) {
        rs_set_subscription_(session, __func__, session->client, topic, false);
    }
}

/* -------------------------------------------------------------------------- *
 * rs_to_topic...: send what rs_w_... has written to the subscribers of a       *
 * topic, if there are any. All callbacks but init, except for the _cur one.    *
 * -------------------------------------------------------------------------- */

static inline void rs_publish_(struct rs_session_ *session, const char *helper,
                               enum rs_data_kind kind, const char *topic,
                               const rs_client_id *except, size_t except_c)
{
    rs_t *const rs = session->rs;
    const size_t size = rs_topic_size_(session, helper, topic);
    const int result = rs->host->publish(rs, (const uint8_t *) topic, size, kind, session->message,
                                         session->message_size, except, except_c);

    rs_take_result_(session, helper, result);
}

#define RS_PUBLISHER_(name, allowed, clients, client_c, ...) \
    static inline void name(rs_t *rs, enum rs_data_kind kind, const char *topic __VA_ARGS__) \
    { \
        struct rs_session_ *const session = rs_here_(__func__, allowed); \
        (void) rs; \
        if (session != NULL) { \
            rs_publish_(session, __func__, kind, topic, clients, client_c); \
        } \
    }

/* All subscribers. */
RS_PUBLISHER_(rs_to_topic, RS_IN_ALL_BUT_INIT_, NULL, 0, )
/* All but one client. */
RS_PUBLISHER_(rs_to_topic_except_single, RS_IN_ALL_BUT_INIT_, &client, 1, , uint64_t client)
/* All but some clients. */
RS_PUBLISHER_(rs_to_topic_except_multi, RS_IN_ALL_BUT_INIT_, clients, client_c,
              , const uint64_t *clients, size_t client_c)
/* All but the client that the callback is about. Open, read. */
RS_PUBLISHER_(rs_to_topic_except_cur, RS_IN_OPEN_ | RS_IN_READ_, &session->client, 1, )

#endif /* RINGSOCKET_TOPICS_H */
