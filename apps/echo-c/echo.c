/* SPDX-License-Identifier: MIT */

/*
 * Sends every message back to its sender. The same as apps/echo, in C; it shows what the header
 * asks of an app and proves that it compiles without a warning.
 */

#include <ringsocket.h>

#include <string.h>

static int echo(rs_t *rs, void *state, rs_client_id client, enum rs_data_kind kind,
                const uint8_t *data, size_t size)
{
    (void) state;

    if (rs->host->send(rs, kind, data, size, RS_TO_LISTED, &client, 1) == RS_OK) {
        return RS_CB_OK;
    }
    /* The server took this message in, so it takes it back: anything else is a fault. */
    static const char text[] = "cannot send a message back";
    rs->host->log(rs, RS_LEVEL_ERROR, __FILE__, __LINE__, __func__, (const uint8_t *) text,
                  strlen(text));
    return RS_CB_FATAL;
}

const struct rs_app ringsocket_app = {
    .abi_version = RS_ABI_VERSION,
    .struct_size = sizeof(struct rs_app),
    .built_with = RS_BUILT_WITH,
    .read = echo
};
