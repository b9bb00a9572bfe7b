/* What the log of a raft cluster holds: commands for the ledger, as bytes. */
#include "consensus/ledger.h"

#include <stdio.h>
#include <string.h>

#include "consensus/pack.h"

/* The first byte. A higher one is for what an older sluiced would get wrong;
 * a new kind is refused by itself. */
#define VERSION 1

_Static_assert(LEDGER_SETTLED == 3 && CHANGE_SET == 4,
               "these numbers are in the log");
_Static_assert(64 + 2 * FACT_NAME_SIZE + FACT_NOTE_SIZE + FACT_VALUE_SIZE +
                       STORE_ID_SIZE <
                   LEDGER_COMMAND_MAX,
               "the longest command has room");

static int
expires(const struct consensus_change *change)
{
    return change->kind == CHANGE_THROTTLE || change->kind == CHANGE_SKIP;
}

/* ---- judging ---------------------------------------------------------- */

static int
refuse(char *err, size_t err_size, const char *why)
{
    snprintf(err, err_size, "%s", why);
    return -1;
}

static int
refuse_newer(char *err, size_t err_size, const char *what, int number)
{
    snprintf(err, err_size,
             "a newer sluiced wrote this command (%s %d): this sluiced must be "
             "upgraded",
             what, number);
    return -1;
}

/* What is wrong with a text, or NULL. */
static const char *
flaw_of_text(const char *text, size_t size, const char *too_long)
{
    return memchr(text, '\0', size) ? NULL : too_long;
}

static const char *
flaw_of_change(const struct consensus_change *c)
{
    const char *flaw;

    if ((unsigned)c->kind > CHANGE_SET)
        return "there is no such change";
    if (c->key[0] == '\0')
        return "the name is empty";
    flaw = flaw_of_text(c->key, sizeof(c->key), "the name is too long");
    if (!flaw)
        flaw =
            flaw_of_text(c->owner, sizeof(c->owner), "the owner is too long");
    if (!flaw)
        flaw = flaw_of_text(c->reason, sizeof(c->reason),
                            "the reason is too long");
    if (!flaw && c->kind == CHANGE_SET)
        flaw =
            flaw_of_text(c->value, sizeof(c->value), "the value is too long");
    if (flaw)
        return flaw;
    if (c->kind == CHANGE_THROTTLE && c->ratio != CHANGE_RATIO_KEEP &&
        !(c->ratio >= 0 && c->ratio <= 1))
        return "ratio must be in [0..1] range";
    if (expires(c) && c->ttl_ms <= 0)
        return "the time it is for has passed";
    return NULL;
}

int
ledger_check(const struct ledger_command *command, char *err, size_t err_size)
{
    const char *flaw = NULL;

    switch (command->kind) {
    case LEDGER_CHANGE:
        flaw = flaw_of_change(&command->change);
        break;
    case LEDGER_FOUND:
        flaw = command->store_id[0] == '\0'
                   ? "the id of the store is empty"
                   : flaw_of_text(command->store_id, sizeof(command->store_id),
                                  "the id of the store is too long");
        break;
    case LEDGER_SETTLED:
        break;
    default:
        flaw = "there is no such command";
    }
    return flaw ? refuse(err, err_size, flaw) : 0;
}

/* ---- to bytes --------------------------------------------------------- */

static void
pack_change(struct pack *p, const struct consensus_change *change)
{
    pack_u8(p, (uint8_t)change->kind);
    pack_text(p, change->key);
    if (change->kind == CHANGE_THROTTLE)
        pack_double(p, change->ratio);
    if (expires(change))
        pack_u64(p, (uint64_t)change->ttl_ms);
    pack_text(p, change->owner);
    pack_text(p, change->reason);
    if (change->kind == CHANGE_SET) {
        pack_text(p, change->value);
        pack_u8(p, change->compares != 0);
        pack_u64(p, change->compares ? change->expected : 0);
    }
}

size_t
ledger_encode(const struct ledger_command *command,
              unsigned char bytes[LEDGER_COMMAND_MAX])
{
    struct pack p;

    if (ledger_check(command, NULL, 0) != 0)
        return 0;
    pack_init(&p, bytes, LEDGER_COMMAND_MAX);
    pack_u8(&p, VERSION);
    pack_u8(&p, (uint8_t)command->kind);
    pack_u64(&p, command->now_real_ms);
    if (command->kind == LEDGER_CHANGE)
        pack_change(&p, &command->change);
    else if (command->kind == LEDGER_FOUND)
        pack_text(&p, command->store_id);
    pack_pad8(&p);
    return p.failed ? 0 : p.len;
}

/* ---- and back --------------------------------------------------------- */

static int
unpack_change(struct unpack *u,
              struct consensus_change *change,
              char *err,
              size_t err_size)
{
    uint8_t kind = unpack_u8(u);

    if (kind > CHANGE_SET)
        return refuse_newer(err, err_size, "change", kind);
    change->kind = kind;
    unpack_text(u, change->key, sizeof(change->key));
    if (change->kind == CHANGE_THROTTLE)
        change->ratio = unpack_double(u);
    if (expires(change))
        change->ttl_ms = (int64_t)unpack_u64(u);
    unpack_text(u, change->owner, sizeof(change->owner));
    unpack_text(u, change->reason, sizeof(change->reason));
    if (change->kind == CHANGE_SET) {
        unpack_text(u, change->value, sizeof(change->value));
        change->compares = unpack_u8(u);
        change->expected = unpack_u64(u);
        if (change->compares > 1 || (!change->compares && change->expected))
            return refuse(err, err_size, "this SET compares with nothing");
    }
    return 0;
}

/* What its kind has; a kind that is not known cannot be read past. */
static int
unpack_command(struct unpack *u,
               struct ledger_command *command,
               char *err,
               size_t err_size)
{
    uint8_t kind = unpack_u8(u);

    if (kind > LEDGER_SETTLED)
        return refuse_newer(err, err_size, "kind", kind);
    command->kind = kind;
    command->now_real_ms = unpack_u64(u);
    if (kind == LEDGER_CHANGE)
        return unpack_change(u, &command->change, err, err_size);
    if (kind == LEDGER_FOUND)
        unpack_text(u, command->store_id, sizeof(command->store_id));
    return 0;
}

int
ledger_decode(const void *bytes,
              size_t len,
              struct ledger_command *command,
              char *err,
              size_t err_size)
{
    struct ledger_command read = {0};
    struct unpack u;
    uint8_t version;

    unpack_init(&u, bytes, len);
    version = unpack_u8(&u);
    if (version > VERSION)
        return refuse_newer(err, err_size, "format", version);
    if (version < VERSION)
        return refuse(err, err_size, "this is no command for the facts");
    if (unpack_command(&u, &read, err, err_size) != 0)
        return -1;
    unpack_pad8(&u);
    if (!unpack_ended(&u))
        return refuse(err, err_size,
                      "this command for the facts is cut short or damaged");
    if (ledger_check(&read, err, err_size) != 0)
        return -1;
    *command = read;
    return 0;
}
