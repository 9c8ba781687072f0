/* A test app in C that answers `version` with the text VERSION that it was compiled with, `count`
 * with how often it was asked that, and everything else with what it got. When it is to go it says
 * `draining MICROSECONDS` to all its clients. By further defines: VERSION_INIT_HANGS (its init takes
 * so many seconds), VERSION_INIT_FAILS, VERSION_QUIT_HANGS, VERSION_FLAGS, VERSION_ABI. */

#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <ringsocket.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef VERSION_FLAGS
#define VERSION_FLAGS 0
#endif
#ifndef VERSION_ABI
#define VERSION_ABI RS_ABI_VERSION
#endif

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

/* Of this copy of the library. */
static int count;

static int on_init(rs_t *rs, void **state)
{
    (void) rs;
    (void) state;
#ifdef VERSION_INIT_HANGS
    sleep(VERSION_INIT_HANGS);
#endif
#ifdef VERSION_INIT_FAILS
    return RS_CB_FATAL;
#else
    return RS_CB_OK;
#endif
}

static int on_read(rs_t *rs, void *state, rs_client_id client, enum rs_data_kind kind,
                   const uint8_t *data, size_t size)
{
    char text[64];
    const char *const version = TEXT_OF(VERSION);

    (void) state;
    if (size == 7 && memcmp(data, "version", 7) == 0) {
        data = (const uint8_t *) version;
        size = strlen(version);
    } else if (size == 5 && memcmp(data, "count", 5) == 0) {
        size = (size_t) snprintf(text, sizeof(text), "%d", ++count);
        data = (const uint8_t *) text;
    }
    rs->host->send(rs, kind, data, size, RS_TO_LISTED, &client, 1);
    return RS_CB_OK;
}

static int on_drain(rs_t *rs, void *state, uint64_t microseconds)
{
    char text[64];
    const int size = snprintf(text, sizeof(text), "draining %" PRIu64, microseconds);

    (void) state;
    rs->host->send(rs, RS_UTF8, (const uint8_t *) text, (size_t) size, RS_TO_ALL, NULL, 0);
    return RS_CB_OK;
}

static void on_quit(rs_t *rs, void *state)
{
    const char *const text = "quit of " TEXT_OF(VERSION);

    (void) state;
#ifdef VERSION_QUIT_HANGS
    sleep(VERSION_QUIT_HANGS);
#endif
    rs->host->log(rs, RS_LEVEL_NOTICE, NULL, 0, NULL, (const uint8_t *) text, strlen(text));
}

const struct rs_app ringsocket_app = {
    .abi_version = VERSION_ABI,
    .struct_size = sizeof(struct rs_app),
    .built_with = "version.c",
    .init = on_init,
    .read = on_read,
    .quit = on_quit,
    .flags = VERSION_FLAGS,
    .drain = on_drain,
};
