/* Looks at TLS connections, and tells of them, in the style of RS_APP: as warden/src/lib.rs. */

#include <ringsocket.h>

/* Has room for all that the server tells of a connection. */
struct text {
    char bytes[8256];
    size_t size;
};

static void append(struct text *text, const char *words, struct rs_bytes bytes)
{
    const size_t size = strlen(words);

    if (text->size + size + bytes.size >= sizeof(text->bytes)) {
        return;
    }
    memcpy(text->bytes + text->size, words, size);
    text->size += size;
    if (bytes.size > 0) {
        memcpy(text->bytes + text->size, bytes.data, bytes.size);
        text->size += bytes.size;
    }
    text->bytes[text->size] = '\0';
}

static struct text describe(rs_t *rs)
{
    const struct rs_bytes none = RS_BYTES("-"), nothing = { .size = 0 };
    const struct rs_tls tls = rs_get_tls(rs);
    struct text text = { .size = 0 };

    if (tls.version.size == 0) {
        append(&text, "plain", nothing);
        return text;
    }
    append(&text, "", tls.version);
    append(&text, ", ", tls.server_name.size == 0 ? none : tls.server_name);
    if (!tls.has_certificate) {
        append(&text, ", no certificate", nothing);
        return text;
    }
    append(&text, ", ", tls.subject.size == 0 ? none : tls.subject);
    append(&text, ", ", nothing);
    for (size_t i = 0; i < tls.alternative_name_c; i++) {
        append(&text, i == 0 ? "" : " ", tls.alternative_names[i]);
    }
    return text;
}

static int decide(rs_t *rs)
{
    const struct rs_bytes query = rs_get_request(rs).query;
    const uint64_t client = rs_get_client_id(rs);
    struct text name = { .size = 0 };

    append(&name, "", query);
    if (query.size == 0 || rs_has_alternative_name(rs, name.bytes)) {
        return rs_accept(rs, client, NULL) == RS_OK ? RS_CB_OK : RS_CB_FATAL;
    }
    /* The two ways to look at a connection show the same. */
    if (rs_get_upgrade(rs)->tls->alternative_name_c != rs_get_tls(rs).alternative_name_c) {
        return RS_CB_FATAL;
    }
    rs_refuse(rs, client, 403, describe(rs).bytes);
    return RS_CB_OK;
}

static rs_cb_ret greet(rs_t *rs)
{
    const struct text text = describe(rs);

    rs_w_p(rs, text.bytes, text.size);
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

static rs_cb_ret ignore(rs_t *rs)
{
    (void) rs;
    return RS_CB_OK;
}

RS_APP(
    RS_INIT_NONE,
    RS_OPEN(greet),
    RS_READ_ANY(ignore),
    RS_CLOSE_NONE,
    RS_TIMER_NONE,
    RS_UPGRADE(decide)
);
