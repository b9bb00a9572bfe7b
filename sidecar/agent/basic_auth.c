/* Basic authentication: one token, made once and compared. */
#include "agent/basic_auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

char *
basic_auth_token(const char *name, const char *password)
{
    char *pair, *token;
    int len = asprintf(&pair, "%s:%s", name, password);

    if (len < 0)
        abort();
    token = malloc((size_t)(len + 2) / 3 * 4 + 1);
    if (!token)
        abort();
    EVP_EncodeBlock((unsigned char *)token, (const unsigned char *)pair, len);
    OPENSSL_cleanse(pair, (size_t)len);
    free(pair);
    return token;
}

int
basic_auth_allows(const char *token, const char *header)
{
    size_t len = strlen(token);

    if (!header || strncasecmp(header, "Basic ", 6) != 0)
        return 0;
    header += 6;
    header += strspn(header, " ");
    return strlen(header) == len && CRYPTO_memcmp(header, token, len) == 0;
}
