/* What this node says of itself to others. */
#include "consensus/consensus_raft_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

/* Without a proof the ledger may be that of before a recovery, when the store
 * had another id. An observer follows whatever store its nodes have. */
static const char *
store_id_of(const struct consensus *c)
{
    if (c->observer || c->dir.anew)
        return "";
    if (c->dir.store_id[0] != '\0' && teller_proven_ms(c->teller) == 0)
        return c->dir.store_id;
    return c->ledger.store_id;
}

void
raft_identify(struct consensus *c)
{
    struct handshake_self was = c->identity;

    if (c->engine)
        c->identity.fresh = engine_empty(c->engine);
    snprintf(c->identity.store_id, sizeof(c->identity.store_id), "%s",
             store_id_of(c));
    if (memcmp(&was, &c->identity, sizeof(was)) != 0)
        raft_port_set_self(c->port, &c->identity);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Of the list, whatever its order. */
static uint64_t
digest_nodes(const struct consensus *c)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    char *sorted[c->nnodes];
    uint64_t digest;

    memcpy(sorted, c->nodes, sizeof(sorted));
    qsort(sorted, c->nnodes, sizeof(*sorted), by_text);
    if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        abort();
    for (size_t i = 0; i < c->nnodes; i++)
        EVP_DigestUpdate(md, sorted[i], strlen(sorted[i]) + 1);
    EVP_DigestFinal_ex(md, hash, NULL);
    EVP_MD_CTX_free(md);
    memcpy(&digest, hash, sizeof(digest));
    return digest;
}

void
raft_begin_identity(struct consensus *c)
{
    struct handshake_self *self = &c->identity;

    memset(self, 0, sizeof(*self));
    self->id = c->dir.id;
    if (c->observer &&
        RAND_bytes((unsigned char *)&self->id, sizeof(self->id)) != 1)
        abort();
    snprintf(self->address, sizeof(self->address), "%s", c->self);
    snprintf(self->domain, sizeof(self->domain), "%s", c->domain);
    snprintf(self->store_id, sizeof(self->store_id), "%s", c->dir.store_id);
    self->nodes = digest_nodes(c);
    self->fresh = !c->dir.logged;
    self->observer = c->observer;
}
