/* SPDX-License-Identifier: MIT */

/*
 * ringsocket.h: the interface between RingSocket, a WebSocket server, and an
 * app, a shared library that the server loads.
 *
 * In C, most apps are best made with the macro RS_APP and its helpers, which read
 * and check messages: see ringsocket/app.h and ringsocket/helpers.h. They rest on
 * what follows, and are source-compatible with the original RingSocket.
 *
 * By itself, an app exports one constant, `ringsocket_app`, a table of its
 * callbacks. Each callback gets an `rs_t`, through which it reaches the server's
 * functions.
 *
 *     #include <ringsocket.h>
 *
 *     static int echo(rs_t *rs, void *state, rs_client_id client,
 *                     enum rs_data_kind kind, const uint8_t *data, size_t size)
 *     {
 *         (void) state;
 *         rs->host->send(rs, kind, data, size, RS_TO_LISTED, &client, 1);
 *         return RS_CB_OK;
 *     }
 *
 *     const struct rs_app ringsocket_app = {
 *         .abi_version = RS_ABI_VERSION,
 *         .struct_size = sizeof(struct rs_app),
 *         .built_with = RS_BUILT_WITH,
 *         .read = echo
 *     };
 *
 *     gcc -std=c17 -fpic -shared -o echo.so echo.c $(pkg-config --cflags ringsocket)
 *
 * C11 or later, C++11 or later (designated initialisers: C++20).
 *
 * Threads. All callbacks of an app run one at a time, on a thread of the app's
 * own, unless the app says with RS_APP_ANY_THREAD that it does not matter where:
 * then the server spares it the way to that thread and back, as often as it can,
 * which is the faster the shorter its callbacks are. The server's functions may
 * be called only from within a callback, on its thread, with the `rs` that this
 * very call was given; an `rs_t *` kept for later is worthless. What an app does
 * on threads of its own it brings back by a handle (acquire, post).
 *
 * Order. init first. Then for each client: open once, read for each of its
 * messages in the order in which they arrived, close once. quit last. An app with
 * an upgrade callback is asked there about each client before all that.
 *
 * Restarts. When the server is stopped, its clients are closed. When it is restarted,
 * or its package upgraded, they live on where systemd can keep their connections: the
 * app of the old process is ended, one of the new process, perhaps another version of
 * it, is begun, and each client is still there, with the number that it had and its
 * subscriptions. What the app knows of them it hands over itself, by save and restore;
 * without these two, open is called for each client again, and is_resumed says so
 * there. The values of clients and the timer are not kept, and no close is called.
 *
 * Ownership. A pointer handed to either side is borrowed until that call returns,
 * unless its comment says otherwise; nobody frees what the other allocated. What
 * an app sends has been copied when send returns. What a callback wants to keep,
 * it copies. The only thing that changes hands is the app's own state: made by
 * init, handed back to every later callback untouched, freed by quit.
 *
 * Texts are pairs of pointer and size and not NUL-terminated, unless they are a
 * `const char *`. With a size of 0 the pointer may be NULL.
 *
 * A callback must return: no exception, longjmp or exit may leave it. As long as
 * it runs, the app's other clients wait; other apps do not.
 */

#ifndef RINGSOCKET_H
#define RINGSOCKET_H

/* The second part, for C, also needs what POSIX and Linux add to the C library. */
#if !defined(__cplusplus) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------------------- *
 * Version                                                                    *
 * -------------------------------------------------------------------------- */

/* An app is loaded only if its abi_version is that of the server. It changes
 * when something below changes its meaning or its place. What is added within a
 * version stands at the end of struct rs_app or struct rs_host, and shows in
 * their struct_size. What an app was built without counts as zero. */
#define RS_ABI_VERSION 1

/* For struct rs_app's built_with. */
#if defined(__cplusplus)
#define RS_BUILT_WITH "ringsocket.h, ABI version 1 (C++)"
#else
#define RS_BUILT_WITH "ringsocket.h, ABI version 1 (C)"
#endif

/* -------------------------------------------------------------------------- *
 * Values                                                                     *
 * -------------------------------------------------------------------------- */

/* The context of one call. Its first member is public, see below. */
typedef struct rs rs_t;

/* A way into an app from threads of its own, see acquire. */
typedef struct rs_handle rs_handle_t;

/* Number of a client. Never 0, and never given to another client while the
 * server runs: a number kept too long reaches nobody. A client that lives through a
 * restart keeps it. */
typedef uint64_t rs_client_id;

/* What a callback returns. */
typedef enum rs_cb_ret {
    RS_CB_OK = 0,
    /* App fault, after which the server calls this app's quit and nothing else
     * of it: its clients are closed with 1011, other apps go on. Log the reason
     * first. */
    RS_CB_FATAL = -1,
    /* Of save and restore only: the clients that live on are to be opened again.
     * Anything but RS_CB_OK counts as RS_CB_FATAL in the other callbacks. */
    RS_CB_REOPEN = 1
} rs_cb_ret;

/* What a function of struct rs_host returns. */
enum rs_result {
    RS_OK = 0,
    /* No client of this app with that number is open. */
    RS_E_CLIENT = -1,
    /* The payload exceeds max_ws_msg_size, the reason RS_CLOSE_REASON_MAX_SIZE,
     * all that open or restore has sent outbound_block_budget, or all that save has
     * written RS_STATE_MAX_SIZE. */
    RS_E_SIZE = -2,
    /* A close code that an app must not send, or a status that refuses nothing. */
    RS_E_CODE = -3,
    /* Not allowed in this callback. */
    RS_E_CALL = -4,
    /* An argument makes no sense: an unknown kind, NULL with a size, text that
     * is not UTF-8. */
    RS_E_ARG = -5,
    /* A stated limit is reached: RS_POSTED_MAX_C, or max_topics_per_client or
     * max_topics_per_app of the configuration. */
    RS_E_LIMIT = -6
};

/* Kind of a message. */
enum rs_data_kind {
    RS_BIN = 0, /* binary data */
    RS_UTF8 = 1 /* text: valid UTF-8, from the server as well as to it */
};

/* Who receives a message. */
enum rs_recipients {
    RS_TO_LISTED = 0,    /* the clients listed */
    RS_TO_ALL = 1,       /* all clients of this app, also the one being opened; list none */
    RS_TO_ALL_EXCEPT = 2 /* all clients of this app but those listed */
};

/* Importance of a log line; the values are those of <syslog.h>. */
enum rs_level {
    RS_LEVEL_ERROR = 3,
    RS_LEVEL_WARNING = 4,
    RS_LEVEL_NOTICE = 5,
    RS_LEVEL_INFO = 6,
    RS_LEVEL_DEBUG = 7
};

/* What an app says of itself in struct rs_app's flags: a sum of these. */

/* The callbacks may run on any thread of the server, one at a time, each after
 * the one before has returned and with all its effects in view. Not for an app
 * that keeps something in thread-local variables between calls, or uses a
 * library that does. */
#define RS_APP_ANY_THREAD 1

/* Whatever the app sends as RS_UTF8 is UTF-8 indeed, so the server need not look.
 * If it is not, clients fail their connections (RFC 6455 section 8.1). */
#define RS_APP_UTF8_SENT 2

/* Largest reason of a close in bytes (RFC 6455 section 5.5). */
#define RS_CLOSE_REASON_MAX_SIZE 123

/* Largest name of a topic in bytes; the smallest has 1. */
#define RS_TOPIC_MAX_SIZE 255

/* Most subprotocols that an app may name. */
#define RS_SUBPROTOCOL_MAX_C 16

/* Most calls that wait for one app at a time. */
#define RS_POSTED_MAX_C 65536

/* Most bytes that save may write: 64 MiB. */
#define RS_STATE_MAX_SIZE 67108864

/* Families of struct rs_client_info: Linux's AF_INET and AF_INET6. */
#define RS_FAMILY_NONE 0
#define RS_FAMILY_IPV4 2
#define RS_FAMILY_IPV6 10

/* Bounds of what an app adds to the response to an upgrade: header fields, the sum
 * of their names and values with four bytes for each field, the body in bytes. */
#define RS_RESPONSE_HEADER_MAX_C 32
#define RS_RESPONSE_HEADER_MAX_SIZE 8192
#define RS_RESPONSE_BODY_MAX_SIZE 32768

/* Borrowed bytes, not NUL-terminated. data may be NULL if size is 0. */
struct rs_bytes {
    const uint8_t *data;
    size_t size;
};

/* Who a client is. Behind proxies that the server trusts, address and port are
 * those that they tell, and the port is 0 if they tell none. */
struct rs_client_info {
    uint16_t endpoint_id; /* of the server's configuration */
    uint16_t family;      /* RS_FAMILY_...; NONE for a unix socket */
    uint16_t port;        /* of the client, host byte order */
    uint16_t reserved;    /* 0 */
    uint8_t ip[16];       /* network byte order; IPv4 in the first 4 */
};

/* One header field of a request. */
struct rs_header {
    struct rs_bytes name;  /* as sent; compare without regard to case */
    struct rs_bytes value; /* without surrounding white space; any bytes */
};

/* The request that became a client's connection. */
struct rs_request {
    struct rs_bytes path;        /* without the query, not decoded */
    struct rs_bytes query;       /* after the first '?', not decoded; may be empty */
    struct rs_bytes host;        /* the Host field */
    struct rs_bytes subprotocol; /* as the 101 names it; may be empty */
    const struct rs_header *headers;
    size_t header_c;
};

/* The TLS connection by which a client has come. Of a client that came without TLS to
 * this server (a proxy before it may have spoken TLS with the client) all is empty and
 * 0. What is added within an ABI version stands at the end and shows in struct_size. */
struct rs_tls {
    uint32_t struct_size;     /* sizeof(struct rs_tls), see the server's tls */
    uint32_t has_certificate; /* 1 if the client has shown one, which was verified; or 0 */
    struct rs_bytes version;  /* "TLSv1.3" or "TLSv1.2" */
    /* The host that the client asked for (SNI, RFC 6066 section 3); empty if it has
     * named none. The host of its request is the same. */
    struct rs_bytes server_name;
    /* Of the client's certificate: the subject's distinguished name in the form of RFC
     * 4514, such as "CN=Ann,O=Example"; may be empty where there are other names. */
    struct rs_bytes subject;
    /* And the subject alternative names (RFC 5280 section 4.2.1.6), in its order, each
     * with its kind: "DNS:a.example", "email:ann@a.example", "URI:spiffe://a/b",
     * "IP:192.0.2.1". All that is told of a connection is at most 8 KiB; who has more
     * names is refused by the server. */
    const struct rs_bytes *alternative_names;
    size_t alternative_name_c;
};

/* A request for an upgrade, about which the app decides. What is added within an
 * ABI version stands at the end and shows in struct_size. */
struct rs_upgrade {
    uint32_t struct_size; /* sizeof(struct rs_upgrade) of the server */
    uint32_t reserved;    /* 0 */
    struct rs_bytes method; /* GET */
    /* Its subprotocol is the one that the server would choose by those that the
     * app names; may be empty. */
    struct rs_request request;
    struct rs_client_info client;
    const struct rs_bytes *offered; /* subprotocols, the client's favourite first */
    size_t offered_c;
    const struct rs_tls *tls; /* never NULL */
};

/* How an upgrade is accepted. Header fields, here and in struct rs_refusal: names
 * are tokens, and values neither begin nor end with white space and hold no control
 * characters but tabs (RFC 9110 sections 5.6.2 and 5.5). The server itself writes
 * Connection, Content-Length, Content-Type, Date, HTTP2-Settings, Keep-Alive,
 * Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade, X-Content-Type-Options
 * and whatever begins with Sec-WebSocket-: these are RS_E_ARG. */
struct rs_accept {
    uint32_t struct_size; /* set by the app to sizeof(struct rs_accept) */
    uint32_t reserved;    /* 0 */
    /* One of those that the client offers. With data NULL the server chooses; with
     * another pointer and size 0 there is none. */
    struct rs_bytes subprotocol;
    const struct rs_header *headers; /* beside those that the server writes */
    size_t header_c;
    /* A value of the app's own, which client_data tells from open until close has
     * returned. If accept returns RS_OK, it is the server's to give back: free_data
     * (may be NULL) is called with it once, after the client's close has returned,
     * or when it turns out that the client never opens, and before quit in any case.
     * It runs between callbacks, on the thread of one, and must not call the server.
     * If accept does not return RS_OK, the value stays the app's. */
    void *data;
    void (*free_data)(void *data);
};

/* How an upgrade is refused. */
struct rs_refusal {
    uint32_t struct_size; /* set by the app to sizeof(struct rs_refusal) */
    /* 300 to 599, but neither 304 nor 426 (RFC 9110 section 15). Some need a header:
     * 401 WWW-Authenticate, redirections Location. */
    uint32_t status;
    const struct rs_header *headers; /* beside those that the server writes */
    size_t header_c;
    struct rs_bytes content_type; /* of the body; empty: text/plain; charset=utf-8 */
    struct rs_bytes body;         /* may be empty */
};

/* What an app may know of the configuration. */
struct rs_conf {
    uint32_t struct_size;     /* set by the caller to sizeof(struct rs_conf) */
    uint32_t worker_c;        /* number of worker threads */
    uint64_t max_ws_msg_size; /* largest payload in bytes, both ways */
    struct rs_bytes app_name; /* of this app; valid for the life of the process */
    int log_level;            /* the least important enum rs_level that is logged */
};

/* -------------------------------------------------------------------------- *
 * What an app exports                                                        *
 * -------------------------------------------------------------------------- */

/* The table of an app, to be defined by it under the name `ringsocket_app`. The
 * server never writes to it and expects that nobody does. A callback that is
 * NULL is not called.
 *
 * All functions of struct rs_host may be called from init, open, read, close, timer,
 * upgrade, drain, save and restore, and only log from quit, where their comments do
 * not say otherwise. */
struct rs_app {
    uint32_t abi_version;   /* RS_ABI_VERSION */
    uint32_t struct_size;   /* sizeof(struct rs_app) */
    const char *built_with; /* for the server's error lines; may be NULL */

    /* First call. May set *state, which is NULL before, to whatever the app
     * wishes to get in its other callbacks. If it returns RS_CB_FATAL, nothing
     * else is called, not even quit: free what was made. */
    int (*init)(rs_t *rs, void **state);

    /* A client has connected. What is sent here, to whomever, goes out when open
     * has returned, before anything that is sent later, and up to the server's
     * outbound_block_budget (64 MiB unless configured); more is RS_E_SIZE. It is
     * called once for each client in the life of a process: is_resumed tells those
     * who have lived on over a restart. Of such a client client_info is told as
     * before; of its request path, host and subprotocol, and of its connection tls,
     * as far as the server still knows them; the query and the header fields, and
     * so the cookies, are empty. */
    int (*open)(rs_t *rs, void *state, rs_client_id client);

    /* A client has sent a message, put together from its frames. data is not
     * NULL, even if size is 0; it has no particular alignment, and no NUL
     * follows. */
    int (*read)(rs_t *rs, void *state, rs_client_id client,
                enum rs_data_kind kind, const uint8_t *data, size_t size);

    /* A client is gone: nothing reaches it any more. code and reason (UTF-8) are
     * those of its Close frame, or else 1005 for a frame without a code, 1006
     * for a connection that was lost, also while its answer to a Close frame of
     * ours was awaited, or the code with which the server gave it up: 1013 for
     * reading too slowly, 1001 at the end of a stop (RFC 6455 section 7.4). */
    int (*close)(rs_t *rs, void *state, rs_client_id client, uint16_t code,
                 struct rs_bytes reason);

    /* The time that set_timer asked for has come. */
    int (*timer)(rs_t *rs, void *state);

    /* Last call, once, if init succeeded, also after RS_CB_FATAL: frees state.
     * There are no clients any more. */
    void (*quit)(rs_t *rs, void *state);

    /* The subprotocols that the app speaks (RFC 6455 section 1.9), at most
     * RS_SUBPROTOCOL_MAX_C; NULL and 0 for none. Each is a token of RFC 9110
     * section 5.6.2, such as "chat.example.com", or the app is not loaded. Of
     * those that a client offers, the first in the client's order that is listed
     * here is agreed on, and struct rs_request's subprotocol says which. A client
     * that offers none of them is let in without one, and so is one that offers
     * none at all: an app that wants neither closes such clients in open. The
     * table and its names stay as they are for the life of the process. */
    const struct rs_bytes *subprotocols;
    size_t subprotocol_c;

    uint64_t flags; /* RS_APP_...; 0 for none */

    /* A client asks for an upgrade, which the server would grant: the app decides,
     * with the server's accept or refuse, here or in a later callback (of the timer,
     * say, if somebody else has to be asked), within upgrade_wait (10 s unless
     * configured); after that the client gets 504. Accepted clients are opened as
     * usual. Of a client that leaves before that the app hears no more: RS_E_CLIENT
     * of accept or refuse says that there is nothing left to decide. All that upgrade
     * points to is gone when the callback returns. If this is NULL, all clients are
     * let in. */
    int (*upgrade)(rs_t *rs, void *state, rs_client_id client,
                   const struct rs_upgrade *upgrade);

    /* The app is replaced or removed while the server runs: no client comes any
     * more, and those there are may stay for so many microseconds (drain_wait of
     * the configuration; 0 if they may not). Those who are still there then are
     * closed with 1012. Called at most once; when the last client has gone, quit
     * follows. An app may take leave here, or close its clients by itself. */
    int (*drain)(rs_t *rs, void *state, uint64_t microseconds);

    /* The server is restarted: gives write_state what the app of the next process is
     * to know, in a form that tells which version of the app has written it. Called
     * once, after all that clients have sent till now has been read, and after all
     * calls that were posted have been made; more of them are refused. What is sent
     * here still goes out. Afterwards only quit is called, which must not undo what
     * restore relies on: no close, no timer.
     * RS_CB_OK keeps what was written, also if that is nothing. After RS_CB_REOPEN,
     * and after RS_CB_FATAL, which the server logs, nothing is kept. */
    int (*save)(rs_t *rs, void *state);

    /* The server has been restarted: takes up what save has written (data is not
     * NULL, even if size is 0, and has no particular alignment), and the clients
     * that live on, in no particular order. Called once, after init and before all
     * else, if something has been kept, also if there are no clients.
     * After RS_CB_OK the clients are the app's from then on, without an open; those
     * whom it knew and who are not listed are gone, without a close. Values of
     * clients and the timer may be set again here. A client is subscribed to what it
     * was; to subscribe it again does nothing. What is sent here goes out when
     * restore has returned, as from open.
     * RS_CB_REOPEN says that the app does not take it up, because it cannot read it,
     * say: what has been written is dropped, what restore has sent and attached is
     * forgotten, and open is called for each client, as if there had been no save. */
    int (*restore)(rs_t *rs, void *state, const uint8_t *data, size_t size,
                   const rs_client_id *clients, size_t client_c);
};

/* -------------------------------------------------------------------------- *
 * What the server offers                                                     *
 * -------------------------------------------------------------------------- */

/* Valid for the life of the process. Results are of enum rs_result. */
struct rs_host {
    uint32_t abi_version; /* RS_ABI_VERSION of the server */
    uint32_t struct_size; /* sizeof(struct rs_host) of the server */

    /* Sends one message to one, several or all clients of this app. data and
     * clients are copied. Numbers of clients that have left are skipped, as a
     * client may leave at any time. Each recipient gets messages in the order of
     * the calls.
     * RS_OK, RS_E_SIZE, RS_E_ARG; RS_E_CALL in init and quit. */
    int (*send)(rs_t *rs, enum rs_data_kind kind, const uint8_t *data, size_t size,
                enum rs_recipients to, const rs_client_id *clients, size_t client_c);

    /* Closes a client: after what was sent to it before, with a Close frame of
     * this code (1000 to 1003, 1007 to 1009, 1011 to 1014, 3000 to 4999) and
     * reason (UTF-8, copied). Its messages that are still under way may be read
     * before its close is called.
     * RS_OK, RS_E_CLIENT, RS_E_SIZE, RS_E_CODE, RS_E_ARG; RS_E_CALL in init and
     * quit. */
    int (*close)(rs_t *rs, rs_client_id client, uint16_t code,
                 const uint8_t *reason, size_t reason_size);

    /* Fills *info, from the client's upgrade or open on, until its close has returned.
     * RS_OK, RS_E_CLIENT, RS_E_ARG. */
    int (*client_info)(rs_t *rs, rs_client_id client, struct rs_client_info *info);

    /* Fills *request with the request of the client whose open or upgrade this is.
     * All it points to is gone when the callback returns.
     * RS_OK, RS_E_ARG; RS_E_CALL outside open and upgrade. */
    int (*request)(rs_t *rs, struct rs_request *request);

    /* Has timer called once, after at least so many microseconds, in place of
     * any earlier wish; 0 cancels.
     * RS_OK; RS_E_CALL in quit. */
    int (*set_timer)(rs_t *rs, uint64_t microseconds);

    /* Fills as much of *conf as conf->struct_size allows.
     * RS_OK, RS_E_ARG. */
    int (*get_conf)(rs_t *rs, struct rs_conf *conf);

    /* Writes a line of UTF-8 text to the log, if level (enum rs_level) is
     * important enough. file and func name the place in the app's source and are
     * NUL-terminated; they may be NULL, and line 0. All are copied. */
    void (*log)(rs_t *rs, int level, const char *file, uint32_t line,
                const char *func, const uint8_t *text, size_t size);

    /* A topic is a name, 1 to RS_TOPIC_MAX_SIZE bytes of any value, that clients
     * of this app can be subscribed to; it exists while one is. A publish goes to
     * its subscribers of that moment, in order with all else that is sent; it
     * costs the same however many other clients there are.
     *
     * Subscribes a client to a topic, whose name is copied; does nothing if it is
     * subscribed already. Ends with unsubscribe, and when the client is gone,
     * before its close is called. In open, too, where the client being opened can
     * be subscribed already.
     * RS_OK, RS_E_CLIENT, RS_E_LIMIT, RS_E_ARG; RS_E_SIZE for another size of a
     * name, or if open has done too much; RS_E_CALL in init and quit. */
    int (*subscribe)(rs_t *rs, rs_client_id client, const uint8_t *topic, size_t size);

    /* Ends a subscription; does nothing if there is none.
     * RS_OK, RS_E_CLIENT, RS_E_SIZE, RS_E_ARG; RS_E_CALL in init and quit. */
    int (*unsubscribe)(rs_t *rs, rs_client_id client, const uint8_t *topic, size_t size);

    /* Sends one message to all subscribers of a topic but those in the list
     * `except`, which may be NULL if except_c is 0. All is copied. RS_OK also if
     * nobody is subscribed.
     * RS_OK, RS_E_SIZE, RS_E_ARG; RS_E_CALL in init and quit. */
    int (*publish)(rs_t *rs, const uint8_t *topic, size_t topic_size,
                   enum rs_data_kind kind, const uint8_t *data, size_t size,
                   const rs_client_id *except, size_t except_c);

    /* Accepts the upgrade of a client that upgrade was called for; NULL stands for an
     * rs_accept of zeros. All but data is copied. Its open comes later.
     * RS_OK; RS_E_CLIENT if it has left, is decided about already, or was never asked
     * about; RS_E_ARG for a subprotocol that it does not offer, or a bad header;
     * RS_E_SIZE for too many headers or bytes; RS_E_CALL in init and quit. */
    int (*accept)(rs_t *rs, rs_client_id client, const struct rs_accept *accept);

    /* Refuses it. All is copied.
     * As accept; RS_E_CODE for the status, RS_E_ARG for the content type, RS_E_SIZE
     * for the body. */
    int (*refuse)(rs_t *rs, rs_client_id client, const struct rs_refusal *refusal);

    /* Sets *data to the value of a client, from open until close has returned; NULL
     * if it has none.
     * RS_OK, RS_E_CLIENT, RS_E_ARG. */
    int (*client_data)(rs_t *rs, rs_client_id client, void **data);

    /* Gives an open client a value, as struct rs_accept's data, also in an app without
     * an upgrade callback. A value that it has is given back first, within this call.
     * RS_OK; RS_E_CLIENT if it is not open, or if its close is running. */
    int (*set_client_data)(rs_t *rs, rs_client_id client, void *data,
                           void (*free_data)(void *data));

    /* Makes a handle of this app, for threads of the app's own. It stays valid,
     * also beyond quit, until it is given to release. NULL in quit. */
    rs_handle_t *(*acquire)(rs_t *rs);

    /* From any thread: has the server call `call` as one more callback of the app,
     * which may do and return what timer may. Wakes the app if it sleeps, and does
     * not wait. Calls that one thread posts are made in that order, each once, after
     * init and before quit. If the app is over before its turn comes, `discard` is
     * called in its place, on some thread; NULL if there is nothing to throw away.
     * RS_OK; RS_E_LIMIT while RS_POSTED_MAX_C calls wait; RS_E_CALL if the app is
     * over; RS_E_ARG if `call` or handle is NULL. Where it is not RS_OK, neither of
     * the two is called, and argument stays the caller's. */
    int (*post)(rs_handle_t *handle,
                int (*call)(rs_t *rs, void *state, void *argument), void *argument,
                void (*discard)(void *argument));

    /* From any thread: gives back what acquire has made. Nothing for NULL. */
    void (*release)(rs_handle_t *handle);

    /* Fills as much of *tls as tls->struct_size, set by the caller, allows, with the
     * connection of the client whose open or upgrade this is. All it points to is gone
     * when the callback returns.
     * RS_OK, RS_E_ARG; RS_E_CALL outside open and upgrade. */
    int (*tls)(rs_t *rs, struct rs_tls *tls);

    /* Appends bytes, which are copied, to what save saves. As often as need be, up to
     * RS_STATE_MAX_SIZE in all. After too much, nothing is kept.
     * RS_OK, RS_E_SIZE, RS_E_ARG; RS_E_CALL outside save. */
    int (*write_state)(rs_t *rs, const uint8_t *data, size_t size);

    /* 1 in the open of a client that has lived on over a restart; 0 otherwise. */
    int (*is_resumed)(rs_t *rs);
};

/* What a callback sees of its context. The server's part follows; do not copy
 * it, or make one. */
struct rs {
    const struct rs_host *host; /* never NULL */
};

/* An app's definition takes its linkage from this declaration, also in C++, and
 * its visibility, also with -fvisibility=hidden. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const struct rs_app ringsocket_app;

/* The size of an enum is part of the interface: do not use -fshort-enums. */
#if defined(__cplusplus)
static_assert(sizeof(enum rs_data_kind) == sizeof(int), "-fshort-enums changes the ABI");
#else
_Static_assert(sizeof(enum rs_data_kind) == sizeof(int), "-fshort-enums changes the ABI");
#endif

#ifdef __cplusplus
}
#endif

/* What makes apps short: typed messages, and helpers with a state of their own. */
#if !defined(__cplusplus)
#include "ringsocket/app.h"
#include "ringsocket/tls.h"
#include "ringsocket/topics.h"
#endif

#endif /* RINGSOCKET_H */
