/* Decides about upgrades in the style of RS_APP: the query says how, as in gate/src/lib.rs. */

#include <ringsocket.h>

struct gate {
    uint64_t waiting;
    int freed;
};

static struct gate *gate_; /* for free_name, which gets no rs_t */

static void free_name(void *name)
{
    gate_->freed++;
    free(name);
}

static rs_cb_ret begin(rs_t *rs)
{
    gate_ = rs_get_app_data(rs);
    return RS_CB_OK;
}

static bool asks(rs_t *rs, const char *for_what)
{
    const struct rs_bytes query = rs_get_request(rs).query;

    return query.size == strlen(for_what) && memcmp(query.data, for_what, query.size) == 0;
}

static int decide(rs_t *rs)
{
    const struct rs_header headers[] = { RS_HEADER("X-Gate", "open") };
    const struct rs_bytes cookie = rs_get_cookie(rs, "name");

    if (asks(rs, "status")) {
        return 403;
    }
    if (asks(rs, "no-refusal")) {
        return 304;
    }
    if (asks(rs, "text")) {
        rs_refuse(rs, rs_get_client_id(rs), 429, "too many of you\n");
        return RS_CB_OK;
    }
    if (asks(rs, "wait")) {
        gate_->waiting = rs_get_client_id(rs);
        return RS_CB_OK;
    }
    if (asks(rs, "misuse")) {
        rs_to_cur(rs, RS_BIN);
    }
    struct rs_accept accept = { .headers = headers, .header_c = 1 };
    if (rs_get_upgrade(rs)->offered_c > 1) {
        accept.subprotocol = rs_get_upgrade(rs)->offered[1];
    }
    if (cookie.data != NULL) {
        char *const name = malloc(cookie.size + 1);
        memcpy(name, cookie.data, cookie.size);
        name[cookie.size] = '\0';
        accept.data = name;
        accept.free_data = free_name;
    }
    return rs_accept(rs, rs_get_client_id(rs), &accept) == RS_OK ? RS_CB_OK : RS_CB_FATAL;
}

static rs_cb_ret tell(rs_t *rs)
{
    const char *const name = rs_get_client_data(rs, rs_get_client_id(rs));

    if (gate_->waiting != 0) {
        rs_accept(rs, gate_->waiting, NULL);
        gate_->waiting = 0;
    }
    rs_w_str(rs, name == NULL ? "nobody" : name);
    rs_w_uint8(rs, (uint8_t) ('0' + gate_->freed));
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

RS_APP(
    RS_INIT(begin, sizeof(struct gate)),
    RS_OPEN_NONE,
    RS_READ_ANY(tell),
    RS_CLOSE_NONE,
    RS_TIMER_NONE,
    RS_UPGRADE(decide),
    RS_FLAGS(RS_APP_ANY_THREAD)
);
