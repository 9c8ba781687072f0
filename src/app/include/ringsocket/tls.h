/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/tls.h: what an app made with RS_APP may ask about the TLS connection of a
 * client, and about the certificate that it has shown. Included by ringsocket.h.
 *
 *     static int check(rs_t *rs)
 *     {
 *         if (!rs_has_alternative_name(rs, "email:ann@example.com")) {
 *             return 403;
 *         }
 *         return rs_accept(rs, rs_get_client_id(rs), NULL) == RS_OK ? RS_CB_OK : RS_CB_FATAL;
 *     }
 *
 * Clients show certificates only where `client_certs` of the server's configuration asks
 * for them; one that does not verify never comes as far as an app.
 */

#ifndef RINGSOCKET_TLS_H
#define RINGSOCKET_TLS_H

#include "helpers.h"

/* The TLS connection of the client being opened or asked about; of one without TLS the
 * version is empty. What it points to is gone when the callback returns. Upgrade, open. */
static inline struct rs_tls rs_get_tls(const rs_t *rs)
{
    const struct rs_session_ *const session = rs_here_(__func__, RS_IN_OPEN_ | RS_IN_UPGRADE_);
    struct rs_tls tls = { .struct_size = sizeof(tls) };

    (void) rs;
    if (session != NULL) {
        const struct rs_host *const host = session->rs->host;
        /* The app may have been built with a newer header. */
        if (host->struct_size >= offsetof(struct rs_host, tls) + sizeof(host->tls)) {
            host->tls(session->rs, &tls);
        }
    }
    return tls;
}

/* Whether the client has shown a certificate with this subject alternative name, kind and
 * all, as struct rs_tls has them. Compared byte by byte. Upgrade, open. */
static inline bool rs_has_alternative_name(const rs_t *rs, const char *name)
{
    const struct rs_tls tls = rs_get_tls(rs);
    const size_t size = strlen(name);

    for (size_t i = 0; i < tls.alternative_name_c; i++) {
        const struct rs_bytes it = tls.alternative_names[i];
        if (it.size == size && memcmp(it.data, name, size) == 0) {
            return true;
        }
    }
    return false;
}

#endif /* RINGSOCKET_TLS_H */
