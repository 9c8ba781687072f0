/* A test app that keeps what it knows of its clients over a restart, as tests/apps/keeper/src/lib.rs,
 * whose commands and state are these, does: what one has saved the other restores. Text only. What it
 * knows of a client is the value of that client, and in a list. Not an example to follow. */

#include <ringsocket.h>

#define VERSION "keeper 1"

struct kept {
    uint64_t client, message_c;
    const char *how;
    struct kept *next, **link;
};

static struct kept *first;
static bool says_bye;
static char saving[20], restoring[20];

static void forget(void *data)
{
    struct kept *kept = data;

    *kept->link = kept->next;
    if (kept->next != NULL) {
        kept->next->link = kept->link;
    }
    free(kept);
}

static int keep(rs_t *rs, uint64_t client, uint64_t message_c, const char *how)
{
    struct kept *kept = calloc(1, sizeof(*kept));

    if (kept == NULL) {
        return RS_CB_FATAL;
    }
    *kept = (struct kept) { client, message_c, how, first, &first };
    if (first != NULL) {
        first->link = &kept->next;
    }
    first = kept;
    return rs_set_client_data(rs, client, kept, forget) == RS_OK ? RS_CB_OK : RS_CB_FATAL;
}

static int come(rs_t *rs)
{
    const uint64_t client = rs_get_client_id(rs);

    if (rs_get_client_data(rs, client) != NULL) {
        RS_LOG(LOG_ERR, "client %" PRIu64 " is opened twice", client);
        return RS_CB_FATAL;
    }
    return keep(rs, client, 0, rs_is_resumed(rs) ? "resumed" : "opened");
}

static void answer(rs_t *rs, const char *text)
{
    rs_w_str(rs, text);
    rs_to_cur(rs, RS_UTF8);
}

/* What follows a word and a space, if the text begins with that. */
static const char *after(const char *text, const char *word)
{
    const size_t size = strlen(word);

    return strncmp(text, word, size) == 0 && text[size] == ' ' ? text + size + 1 : NULL;
}

static void tell(rs_t *rs, const char *what)
{
    char topic[256] = "";
    const char *space = strchr(what, ' ');

    if (space == NULL || (size_t) (space - what) >= sizeof(topic)) {
        return;
    }
    memcpy(topic, what, (size_t) (space - what));
    rs_w_str(rs, space + 1);
    rs_to_topic(rs, RS_UTF8, topic);
}

static int hear(rs_t *rs, char *text, size_t size)
{
    struct kept *kept = rs_get_client_data(rs, rs_get_client_id(rs));
    const char *what;
    char number[30];

    (void) size;
    if (kept == NULL) {
        RS_LOG(LOG_ERR, "a client is opened or restored first");
        return RS_CB_FATAL;
    }
    kept->message_c++;
    if ((what = after(text, "join")) != NULL) {
        rs_subscribe_cur(rs, what);
    } else if ((what = after(text, "tell")) != NULL) {
        tell(rs, what);
    } else if ((what = after(text, "save")) != NULL) {
        snprintf(saving, sizeof(saving), "%s", what);
    } else if ((what = after(text, "restore")) != NULL) {
        snprintf(restoring, sizeof(restoring), "%s", what);
    } else if (strcmp(text, "bye") == 0) {
        says_bye = true;
    } else if (strcmp(text, "next") == 0) {
        snprintf(number, sizeof(number), "%" PRIu64, kept->message_c);
        answer(rs, number);
    } else {
        answer(rs, strcmp(text, "how") == 0 ? kept->how : text);
    }
    return RS_CB_OK;
}

static int save(rs_t *rs)
{
    char line[100];

    if (says_bye) {
        rs_w_str(rs, "bye");
        rs_to_every(rs, RS_UTF8);
    }
    if (strcmp(saving, "panic") == 0) {
        return RS_CB_FATAL;
    }
    if (strcmp(saving, "nothing") == 0) {
        return RS_CB_REOPEN;
    }
    snprintf(line, sizeof(line), VERSION " %s\n", restoring);
    rs_write_state(rs, line, strlen(line));
    for (const struct kept *kept = first; kept != NULL; kept = kept->next) {
        snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 "\n", kept->client, kept->message_c);
        rs_write_state(rs, line, strlen(line));
    }
    return RS_CB_OK;
}

/* The client lives on. */
static bool is_among(const uint64_t *clients, size_t client_c, uint64_t client)
{
    for (size_t i = 0; i < client_c; i++) {
        if (clients[i] == client) {
            return true;
        }
    }
    return false;
}

static int read_lines(rs_t *rs, char *text, const uint64_t *clients, size_t client_c)
{
    char *end, *wish = strchr(text, '\n');
    uint64_t client, message_c;

    if (wish == NULL || strncmp(text, VERSION " ", strlen(VERSION " ")) != 0) {
        return RS_CB_REOPEN;
    }
    *wish = '\0';
    char *line = wish + 1;
    wish = text + strlen(VERSION " ");
    if (wish[0] != '\0') {
        return strcmp(wish, "panic") == 0 ? RS_CB_FATAL : RS_CB_REOPEN;
    }
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (sscanf(line, "%" SCNu64 " %" SCNu64, &client, &message_c) != 2) {
            return RS_CB_REOPEN;
        }
        if (is_among(clients, client_c, client)
            && keep(rs, client, message_c, "restored") != RS_CB_OK) {
            return RS_CB_FATAL;
        }
    }
    return RS_CB_OK;
}

static int restore(rs_t *rs, const uint8_t *data, size_t size, const uint64_t *clients,
                   size_t client_c)
{
    char *text = malloc(size + 1);

    if (text == NULL) {
        return RS_CB_FATAL;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    const int result = read_lines(rs, text, clients, client_c);
    free(text);
    return result;
}

RS_APP(RS_INIT_NONE, RS_OPEN(come), RS_READ_UTF8(hear, RS_STR(0, 1000)), RS_CLOSE_NONE,
       RS_TIMER_NONE, RS_FLAGS(RS_APP_ANY_THREAD), RS_SAVE(save), RS_RESTORE(restore));
