/* A test app in C that is odd in one way, chosen by a define when a test compiles it: ODD_ABI (a
 * version), ODD_SIZE (a struct_size), ODD_INIT or ODD_READ (the callback returns RS_CB_FATAL),
 * ODD_SUBPROTOCOL (the name of one; clients are told what was agreed on), ODD_SUBPROTOCOL_C (how
 * many there are said to be), ODD_FLAGS (what it says of itself), ODD_THREAD (it answers with the name of
 * the thread that it runs on). Without any it echoes. Not an example to follow. */

#include <ringsocket.h>
#include <stdio.h>

#ifndef ODD_ABI
#define ODD_ABI RS_ABI_VERSION
#endif
#ifndef ODD_SIZE
#define ODD_SIZE sizeof(struct rs_app)
#endif
#ifndef ODD_FLAGS
#define ODD_FLAGS 0
#endif
#ifndef ODD_SUBPROTOCOL_C
#define ODD_SUBPROTOCOL_C 1
#endif

#ifdef ODD_SUBPROTOCOL
static int odd_open(rs_t *rs, void *state, rs_client_id client)
{
    struct rs_request request;

    (void) state;
    rs->host->request(rs, &request);
    rs->host->send(rs, RS_UTF8, request.subprotocol.data, request.subprotocol.size, RS_TO_LISTED,
                   &client, 1);
    return RS_CB_OK;
}

static const struct rs_bytes odd_subprotocols[] = {
    { (const uint8_t *) ODD_SUBPROTOCOL, sizeof(ODD_SUBPROTOCOL) - 1 }
};
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
#ifdef ODD_THREAD
    char name[16];
    FILE *file = fopen("/proc/thread-self/comm", "r");

    (void) size;
    data = (const uint8_t *) name;
    size = file == NULL ? 0 : fread(name, 1, sizeof(name), file);
    if (file != NULL) {
        fclose(file);
    }
#endif
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
    .flags = ODD_FLAGS,
#ifdef ODD_SUBPROTOCOL
    .open = odd_open,
    .subprotocols = odd_subprotocols,
    .subprotocol_c = ODD_SUBPROTOCOL_C,
#endif
};
