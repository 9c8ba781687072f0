/* A test app in C that does on command what no app should: "exit" ends the process, "dead" sends to
 * and closes clients that are not there, "gibibyte" sends more than any message may hold, "hang"
 * does not return for ten seconds. Not an example to follow. */

#include <ringsocket.h>

static uint64_t gone;

static rs_cb_ret say(rs_t *rs, const char *text)
{
    rs_w_str(rs, text);
    rs_to_cur(rs, RS_UTF8);
    return RS_CB_OK;
}

/* Below the helpers, of which one that fails does not return. */
static int result_of_sending(rs_t *rs, rs_client_id client, const uint8_t *data, size_t size)
{
    return rs->host->send(rs, RS_BIN, data, size, RS_TO_LISTED, &client, 1);
}

static rs_cb_ret to_the_dead(rs_t *rs)
{
    const rs_client_id dead[] = { gone, 0, 1, UINT64_MAX };
    char text[100] = "";

    for (size_t i = 0; i < RS_ELEM_C(dead); i++) {
        const size_t size = strlen(text);
        snprintf(text + size, sizeof(text) - size, "%d %d,",
                 result_of_sending(rs, dead[i], (const uint8_t *) "boo", 3),
                 rs->host->close(rs, dead[i], 4000, NULL, 0));
    }
    return say(rs, text);
}

static rs_cb_ret read_cb(rs_t *rs, char *command, size_t size)
{
    (void) size;
    if (strcmp(command, "exit") == 0) {
        exit(3);
    }
    if (strcmp(command, "dead") == 0) {
        return to_the_dead(rs);
    }
    if (strcmp(command, "gibibyte") == 0) {
        const size_t gibibyte = (size_t) 1 << 30;
        uint8_t *const data = calloc(gibibyte, 1);
        const int result = result_of_sending(rs, rs_get_client_id(rs), data, gibibyte);

        free(data);
        return say(rs, result == RS_E_SIZE ? "too large" : "it was taken");
    }
    if (strcmp(command, "hang") == 0) {
        RS_LOG(LOG_NOTICE, "hanging");
        sleep(10);
        return say(rs, "back again");
    }
    return say(rs, command);
}

static rs_cb_ret close_cb(rs_t *rs)
{
    gone = rs_get_client_id(rs);
    RS_LOG(LOG_NOTICE, "one is gone");
    return RS_CB_OK;
}

RS_APP(RS_INIT_NONE, RS_OPEN_NONE, RS_READ_UTF8(read_cb, RS_STR(0, 50)), RS_CLOSE(close_cb),
       RS_TIMER_NONE);
