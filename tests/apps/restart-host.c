/* A server in miniature that is restarted: loads one of the apps called keeper, has it save and end,
 * and begin again, in one process. e2e/keepers.rs runs it. Prints what callbacks return and clients
 * receive.
 *
 *   restart-host APP.so WISH
 *
 * Clients 7 and 8 come; 8 says something; 7 says WISH. After the restart 7 asks how it came, and 8 how
 * much it has said. */

#include <ringsocket.h>

#include <dlfcn.h>

enum { FIRST = 7, CLIENT_C = 2 };

struct value {
    void *data;
    void (*free_data)(void *data);
};

static struct value values[CLIENT_C];
static uint8_t state[1000];
static size_t state_size;
static bool is_saving, is_reopening;

static int send_(rs_t *rs, enum rs_data_kind kind, const uint8_t *data, size_t size,
                 enum rs_recipients to, const rs_client_id *clients, size_t client_c)
{
    (void) rs;
    (void) kind;
    printf("%.*s to ", (int) size, (const char *) data);
    printf(to == RS_TO_ALL ? "all\n" : "%" PRIu64 "\n", client_c == 0 ? 0 : clients[0]);
    return RS_OK;
}

static int client_info(rs_t *rs, rs_client_id client, struct rs_client_info *info)
{
    (void) rs;
    (void) client;
    *info = (struct rs_client_info) { .endpoint_id = 1 };
    return RS_OK;
}

static int request(rs_t *rs, struct rs_request *to)
{
    (void) rs;
    *to = (struct rs_request) { .path = { (const uint8_t *) "/keeper", 7 } };
    return RS_OK;
}

static int tls(rs_t *rs, struct rs_tls *to)
{
    (void) rs;
    *to = (struct rs_tls) { .struct_size = to->struct_size };
    return RS_OK;
}

static int set_timer(rs_t *rs, uint64_t microseconds)
{
    (void) rs;
    (void) microseconds;
    return RS_OK;
}

static int get_conf(rs_t *rs, struct rs_conf *conf)
{
    (void) rs;
    *conf = (struct rs_conf) {
        .struct_size = conf->struct_size, .worker_c = 1, .max_ws_msg_size = 1000,
        .app_name = { (const uint8_t *) "keeper", 6 }, .log_level = RS_LEVEL_DEBUG
    };
    return RS_OK;
}

static void log_(rs_t *rs, int level, const char *file, uint32_t line, const char *func,
                 const uint8_t *text, size_t size)
{
    (void) rs;
    (void) file;
    (void) line;
    (void) func;
    fprintf(stderr, "%d %.*s\n", level, (int) size, (const char *) text);
}

static int client_data(rs_t *rs, rs_client_id client, void **data)
{
    (void) rs;
    *data = values[client - FIRST].data;
    return RS_OK;
}

static void give_back(struct value *value)
{
    if (value->data != NULL && value->free_data != NULL) {
        value->free_data(value->data);
    }
    *value = (struct value) { NULL, NULL };
}

static int set_client_data(rs_t *rs, rs_client_id client, void *data, void (*free_data)(void *data))
{
    (void) rs;
    give_back(&values[client - FIRST]);
    values[client - FIRST] = (struct value) { data, free_data };
    return RS_OK;
}

static int write_state(rs_t *rs, const uint8_t *data, size_t size)
{
    (void) rs;
    if (!is_saving) {
        return RS_E_CALL;
    }
    if (size > sizeof(state) - state_size) {
        return RS_E_SIZE;
    }
    memcpy(state + state_size, data, size);
    state_size += size;
    return RS_OK;
}

static int is_resumed(rs_t *rs)
{
    (void) rs;
    return is_reopening;
}

static const struct rs_host host = {
    .abi_version = RS_ABI_VERSION,
    .struct_size = sizeof(struct rs_host),
    .send = send_,
    .client_info = client_info,
    .request = request,
    .tls = tls,
    .set_timer = set_timer,
    .get_conf = get_conf,
    .log = log_,
    .client_data = client_data,
    .set_client_data = set_client_data,
    .write_state = write_state,
    .is_resumed = is_resumed
};

static rs_t context = { &host };

static void say(const struct rs_app *app, void *app_state, rs_client_id client, const char *text)
{
    const int result =
        app->read(&context, app_state, client, RS_UTF8, (const uint8_t *) text, strlen(text));

    if (result != RS_CB_OK) {
        printf("read %d\n", result);
    }
}

static void open_all(const struct rs_app *app, void *app_state)
{
    for (rs_client_id client = FIRST; client < FIRST + CLIENT_C; client++) {
        printf("open %d\n", app->open(&context, app_state, client));
    }
}

static void end(const struct rs_app *app, void *app_state)
{
    for (size_t i = 0; i < CLIENT_C; i++) {
        give_back(&values[i]);
    }
    app->quit(&context, app_state);
}

/* What a server does with what save has left: false if clients are to be opened again. */
static int restore(const struct rs_app *app, void *app_state)
{
    const rs_client_id clients[CLIENT_C] = { FIRST + 1, FIRST };
    const int result =
        app->restore(&context, app_state, state, state_size, clients, CLIENT_C);

    printf("restore %d\n", result);
    for (size_t i = 0; i < CLIENT_C && result != RS_CB_OK; i++) {
        give_back(&values[i]);
    }
    return result;
}

int main(int argc, char **argv)
{
    void *const library = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    const struct rs_app *const app = library == NULL ? NULL : dlsym(library, "ringsocket_app");
    void *app_state = NULL;

    if (app == NULL || app->init(&context, &app_state) != RS_CB_OK) {
        fprintf(stderr, "usage: restart-host APP.so WISH\n");
        return 2;
    }
    open_all(app, app_state);
    say(app, app_state, FIRST + 1, "something");
    say(app, app_state, FIRST, argv[2]);
    is_saving = true;
    int result = app->save(&context, app_state);
    is_saving = false;
    printf("save %d\n", result);
    end(app, app_state);
    app_state = NULL;
    if (app->init(&context, &app_state) != RS_CB_OK) {
        return 1;
    }
    result = result == RS_CB_OK ? restore(app, app_state) : RS_CB_REOPEN;
    if (result == RS_CB_FATAL) {
        end(app, app_state);
        return 0;
    }
    if (result == RS_CB_REOPEN) {
        is_reopening = true;
        open_all(app, app_state);
    }
    say(app, app_state, FIRST, "how");
    say(app, app_state, FIRST + 1, "next");
    end(app, app_state);
    return 0;
}
