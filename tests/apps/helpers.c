/* A test app of the helpers: it does what a client tells it in words. Its log lines come from a
 * second file, as in apps of several. Not an example to follow. */

#include <ringsocket.h>

#include <pthread.h>

/* In helpers-more.c. */
void log_from_elsewhere(void);

struct counts {
    uint32_t clients, messages;
};

static rs_cb_ret init(rs_t *rs)
{
    const struct counts *const counts = rs_get_app_data(rs);
    const struct rs_conf *const conf = rs_get_conf(rs);

    RS_LOG(LOG_NOTICE, "data %u %u, worker_c %u, max_ws_msg_size %zu", counts->clients,
           counts->messages, conf->worker_c, (size_t) conf->max_ws_msg_size);
    return RS_CB_OK;
}

static void say(rs_t *rs, const char *format, ...)
{
    char text[500];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    rs_w_str(rs, text);
    rs_to_cur(rs, RS_UTF8);
}

static rs_cb_ret open_cb(rs_t *rs)
{
    struct counts *const counts = rs_get_app_data(rs);
    const struct rs_request request = rs_get_request(rs);
    const struct rs_bytes header = rs_get_header(rs, "X-NAME");
    const struct rs_bytes none = rs_get_header(rs, "x-none");

    counts->clients++;
    say(rs, "%.*s|%.*s|%.*s|%.*s|%d", (int) request.path.size, (const char *) request.path.data,
        (int) request.query.size, (const char *) request.query.data,
        (int) request.subprotocol.size, (const char *) request.subprotocol.data,
        (int) header.size, (const char *) header.data, none.data == NULL);
    return request.query.size == 4 && memcmp(request.query.data, "away", 4) == 0 ? 4123 : RS_CB_OK;
}

static void write_numbers(rs_t *rs)
{
    const uint8_t bytes[] = { 1, 2, 3 };

    rs_w_p(rs, bytes, sizeof(bytes));
    rs_w_p(rs, NULL, 0);
    rs_w_str(rs, "ab");
    rs_w_uint8(rs, 0xfe);
    rs_w_int8(rs, -2);
    rs_w_uint16(rs, RS_HTON16(0x0102));
    rs_w_int16(rs, (int16_t) RS_HTON16(0xfffe));
    rs_w_uint32(rs, RS_HTON32(0x01020304));
    rs_w_int32(rs, (int32_t) RS_HTON32(0xfffffffe));
    rs_w_uint64(rs, RS_HTON64(0x0102030405060708));
    rs_w_int64(rs, (int64_t) RS_HTON64(0xfffffffffffffffe));
    rs_w_uint16_hton(rs, 0x0102);
    rs_w_uint32_hton(rs, 0x01020304);
    rs_w_uint64_hton(rs, 0x0102030405060708);
    rs_w_int16_hton(rs, -2);
    rs_w_int32_hton(rs, -2);
    rs_w_int64_hton(rs, -2);
    rs_to_cur(rs, RS_BIN);
}

static void *other_thread(void *rs)
{
    rs_set_thread_id("diver");
    RS_LOG(LOG_NOTICE, "under water");
    rs_to_every(rs, RS_UTF8);
    return NULL;
}

static void ask_about(rs_t *rs, const char *what)
{
    struct counts *const counts = rs_get_app_data(rs);
    char host[INET6_ADDRSTRLEN];
    struct sockaddr_storage storage;
    struct sockaddr_in in;

    if (strcmp(what, "id") == 0) {
        say(rs, "%" PRIu64, rs_get_client_id(rs));
    } else if (strcmp(what, "address") == 0) {
        const int result = rs_get_client_addr(rs, &storage);
        memcpy(&in, &storage, sizeof(in));
        say(rs, "%d %d %s:%u", result, storage.ss_family == AF_INET,
            inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host)), RS_NTOH16(in.sin_port));
    } else if (strcmp(what, "endpoint") == 0) {
        say(rs, "%u", rs_get_endpoint_id(rs));
    } else if (strcmp(what, "kind") == 0) {
        say(rs, "%s", rs_get_read_data_kind(rs) == RS_UTF8 ? "text" : "binary");
    } else if (strcmp(what, "counts") == 0) {
        say(rs, "%u %u", counts->clients, counts->messages);
    } else if (strcmp(what, "numbers") == 0) {
        write_numbers(rs);
    } else if (strcmp(what, "log") == 0) {
        log_from_elsewhere();
    } else if (strcmp(what, "thread") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, other_thread, rs);
        pthread_join(thread, NULL);
    } else if (strcmp(what, "no text") == 0) {
        rs_w_uint8(rs, 0xff);
        rs_to_cur(rs, RS_UTF8);
    } else {
        say(rs, "what is '%s'?", what);
    }
}

static rs_cb_ret read_cb(rs_t *rs, char *text, size_t size)
{
    struct counts *const counts = rs_get_app_data(rs);
    char verb[20], rest[100] = "";
    uint64_t ids[4];

    (void) size;
    counts->messages++;
    if (strcmp(text, "return 4321") == 0) {
        return (rs_cb_ret) 4321;
    }
    const int count = sscanf(text, "%19s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, verb, &ids[0],
                             &ids[1], &ids[2], &ids[3]) - 1;
    if (strncmp(text, "to_", 3) == 0) {
        rs_w_str(rs, verb);
    }
    if (strcmp(verb, "to_cur") == 0) {
        rs_to_cur(rs, RS_UTF8);
    } else if (strcmp(verb, "to_single") == 0) {
        rs_to_single(rs, RS_UTF8, ids[0]);
    } else if (strcmp(verb, "to_multi") == 0) {
        rs_to_multi(rs, RS_UTF8, ids, (size_t) RS_MAX(count, 0));
    } else if (strcmp(verb, "to_every") == 0) {
        rs_to_every(rs, RS_UTF8);
    } else if (strcmp(verb, "to_ex_cur") == 0) {
        rs_to_every_except_cur(rs, RS_UTF8);
    } else if (strcmp(verb, "to_ex_single") == 0) {
        rs_to_every_except_single(rs, RS_UTF8, ids[0]);
    } else if (strcmp(verb, "to_ex_multi") == 0) {
        rs_to_every_except_multi(rs, RS_UTF8, ids, (size_t) RS_MAX(count, 0));
    } else if (sscanf(text, "close %" SCNu64 " %" SCNu64 " %99s", &ids[0], &ids[1], rest) == 3) {
        rs_close_reason(rs, ids[0], (unsigned) ids[1], rest);
    } else if (strcmp(verb, "close") == 0) {
        rs_close(rs, ids[0], (unsigned) ids[1]);
    } else if (strcmp(verb, "close_cur") == 0) {
        rs_close_cur(rs, (unsigned) ids[0]);
    } else {
        ask_about(rs, text);
    }
    return RS_CB_OK;
}

static rs_cb_ret close_cb(rs_t *rs)
{
    const struct rs_bytes reason = rs_get_close_reason(rs);
    char text[200];

    sprintf(text, "gone %" PRIu64 " from %u with %u %.*s", rs_get_client_id(rs),
            rs_get_endpoint_id(rs), rs_get_close_code(rs), (int) reason.size,
            (const char *) reason.data);
    rs_w_str(rs, text);
    rs_to_every(rs, RS_UTF8);
    rs_close_cur(rs, 4000);
    return RS_CB_OK;
}

RS_APP(
    RS_INIT(init, sizeof(struct counts)),
    RS_OPEN(open_cb),
    RS_READ_ANY(read_cb, RS_STR(0, 200)),
    RS_CLOSE(close_cb),
    RS_TIMER_NONE,
    RS_SUBPROTOCOLS("helpers.v1", "helpers.v2"),
    RS_FLAGS(HELPERS_FLAGS)
);
