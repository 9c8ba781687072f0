/* A test app in C that is wrong in one way, chosen by a define when a test compiles it:
 * ODD_ABI (a version), ODD_SIZE (a struct_size), ODD_INIT or ODD_READ (the callback returns
 * RS_CB_FATAL). Without any it echoes. Not an example to follow. */

#include <ringsocket.h>

#ifndef ODD_ABI
#define ODD_ABI RS_ABI_VERSION
#endif
#ifndef ODD_SIZE
#define ODD_SIZE sizeof(struct rs_app)
#endif

static int odd_init(rs_t *rs, void **state)
{
    (void) rs;
    (void) state;
#ifdef ODD_INIT
    return RS_CB_FATAL;
#else
    return RS_CB_OK;
#endif
}

static int odd_read(rs_t *rs, void *state, rs_client_id client, enum rs_data_kind kind,
                    const uint8_t *data, size_t size)
{
    (void) state;
#ifdef ODD_READ
    (void) rs, (void) client, (void) kind, (void) data, (void) size;
    return RS_CB_FATAL;
#else
    rs->host->send(rs, kind, data, size, RS_TO_LISTED, &client, 1);
    return RS_CB_OK;
#endif
}

const struct rs_app ringsocket_app = {
    .abi_version = ODD_ABI,
    .struct_size = ODD_SIZE,
    .built_with = "odd.c",
    .init = odd_init,
    .read = odd_read,
};
