/* A program that calls an app made with RS_APP as the server would, and prints what reaches the
 * server's log: level, place and text. Not an example to follow. */

#include <ringsocket.h>

static void print_log(rs_t *rs, int level, const char *file, uint32_t line, const char *func,
                      const uint8_t *text, size_t size)
{
    (void) rs;
    printf("%d %s:%u %s '%.*s'\n", level, file, line, func, (int) size, (const char *) text);
}

static int no_conf(rs_t *rs, struct rs_conf *conf)
{
    (void) rs;
    conf->max_ws_msg_size = 0;
    return RS_OK;
}

static rs_cb_ret says(rs_t *rs)
{
    (void) rs;
#line 1000 "some.c"
    RS_LOG(LOG_DEBUG);
    RS_LOG(LOG_WARNING, "%s and %d", "words", 5);
    errno = ENOENT;
    RS_LOG_ERRNO(LOG_CRIT, "no");
    return RS_CB_OK;
}

RS_APP(RS_INIT(says), RS_OPEN_NONE, RS_READ_ANY(says), RS_CLOSE_NONE, RS_TIMER_NONE);

int main(void)
{
    const struct rs_host host = {
        .abi_version = RS_ABI_VERSION,
        .struct_size = sizeof(host),
        .get_conf = no_conf,
        .log = print_log
    };
    struct rs rs = { .host = &host };
    void *state = NULL;

    if (ringsocket_app.init(&rs, &state) != RS_CB_OK) {
        return EXIT_FAILURE;
    }
    ringsocket_app.quit(&rs, state);
    return EXIT_SUCCESS;
}
