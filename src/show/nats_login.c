/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/nats_login.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MOST (1u << 20)

/* ---- files ---- */

/* All of a text file; what it must hold makes sure that it is the right one. */
static char *read_text(const char *option, const char *path, const char *holds, GError **error)
{
    g_autoptr(GError) why = NULL;
    char *text = NULL;
    gsize len = 0;

    if (!g_file_get_contents(path, &text, &len, &why)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", option, why->message);
        return NULL;
    }
    if (len > FILE_MOST || strlen(text) != len || !strstr(text, holds)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: '%s' holds no '%s'", option, path, holds);
        g_clear_pointer(&text, g_free);
    }
    return text;
}

/* The line behind "BEGIN `what`". */
static char *line_behind(const char *text, const char *what)
{
    const char *at = strstr(text, what), *end;

    at = at ? strchr(at, '\n') : NULL;
    if (!at)
        return NULL;
    at += strspn(at, "\r\n");
    end = at + strcspn(at, "\r\n");
    return end > at ? g_strndup(at, (gsize)(end - at)) : NULL;
}

static int load_credentials(struct nats_login *login, const char *path, GError **error)
{
    g_autofree char *text = read_text("--nats-creds", path, "-BEGIN NATS USER JWT-", error);

    if (!text)
        return -1;
    login->jwt = line_behind(text, "-BEGIN NATS USER JWT-");
    login->seed = line_behind(text, "-BEGIN USER NKEY SEED-");
    if (login->jwt && login->seed)
        return 0;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "--nats-creds: '%s' lacks the JWT or the seed of a user",
                path);
    return -1;
}

/* The library looks into the texts only when it connects; a damaged one is to be told now. */
static int try(struct nats_login *login, GError **error)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);

    if (status == NATS_OK)
        status = nats_login__apply(login, options);
    natsOptions_Destroy(options);
    if (status == NATS_OK)
        return 0;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "--nats-ca, --nats-cert or --nats-key is not usable: %s",
                natsStatus_GetText(status));
    return -1;
}

static int load_certificates(struct nats_login *login, const struct show_options *o, GError **error)
{
    const struct {
        const char *option, *path, *holds;
        char **to;
    } files[] = {{"--nats-ca", o->nats_ca, "-BEGIN CERTIFICATE-", &login->ca},
                 {"--nats-cert", o->nats_cert, "-BEGIN CERTIFICATE-", &login->cert},
                 {"--nats-key", o->nats_key, "PRIVATE KEY-", &login->key}};

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        if (!files[i].path)
            continue;
        if (!login->tls) { /* what is meant to be kept secret must not go out in the clear */
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s is of use with nats:tls://HOST:PORT/SUBJECT only",
                        files[i].option);
            return -1;
        }
        *files[i].to = read_text(files[i].option, files[i].path, files[i].holds, error);
        if (!*files[i].to)
            return -1;
    }
    if (!login->cert != !login->key) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "--nats-cert and --nats-key belong together");
        return -1;
    }
    return login->ca || login->cert ? try(login, error) : 0;
}

int nats_login__load(struct nats_login *login, const struct show_options *o, GError **error)
{
    if (o->nats_creds && load_credentials(login, o->nats_creds, error) != 0)
        return -1;
    return load_certificates(login, o, error);
}

static void forget(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    g_clear_pointer(secret, g_free);
}

void nats_login__clear(struct nats_login *login)
{
    g_clear_pointer(&login->host, g_free);
    g_clear_pointer(&login->ca, g_free);
    g_clear_pointer(&login->cert, g_free);
    forget(&login->key);
    forget(&login->jwt);
    forget(&login->seed);
}

/* ---- the library's questions ---- */

static natsStatus on_jwt(char **jwt, char **text, void *closure)
{
    const struct nats_login *login = closure;

    *text = NULL;
    *jwt = strdup(login->jwt); /* the library frees it */
    return *jwt ? NATS_OK : NATS_NO_MEMORY;
}

static natsStatus on_nonce(char **text, unsigned char **signature, int *len, const char *nonce, void *closure)
{
    const struct nats_login *login = closure;

    *text = NULL;
    return nats_Sign(login->seed, nonce, signature, len);
}

natsStatus nats_login__apply(struct nats_login *login, natsOptions *options)
{
    natsStatus status = NATS_OK;

    if (login->tls)
        status = natsOptions_SetSecure(options, true);
    if (status == NATS_OK && login->tls && login->host)
        status = natsOptions_SetExpectedHostname(options, login->host);
    if (status == NATS_OK && login->ca)
        status = natsOptions_SetCATrustedCertificates(options, login->ca);
    if (status == NATS_OK && login->cert)
        status = natsOptions_SetCertificatesChain(options, login->cert, login->key);
    if (status == NATS_OK && login->jwt)
        status = natsOptions_SetUserCredentialsCallbacks(options, on_jwt, login, on_nonce, login);
    return status;
}
