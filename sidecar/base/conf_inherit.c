/* From Stores.MySQL to its clusters. */
#include "base/conf_block.h"

#include <stdlib.h>

static void
copy_list(struct conf_list *to, const struct conf_list *from)
{
    size_t n = from->count ? from->count : 1;

    conf_list_free(to);
    to->items = calloc(n, sizeof(*to->items));
    to->lines = calloc(n, sizeof(*to->lines));
    if (!to->items || !to->lines)
        abort();
    for (size_t i = 0; i < from->count; i++) {
        to->items[i] = conf_copy(from->items[i]);
        to->lines[i] = from->lines[i];
    }
    to->count = from->count;
}

static void
copy_value(struct conf_value *to, const struct conf_value *from)
{
    to->line = from->line;
    to->given = 1;
    to->where = from->where;
    to->number = from->number;
    free(to->string);
    to->string = conf_copy(from->string);
    copy_list(&to->list, &from->list);
}

/* What is 0 or "" in the cluster is not given there, but it has overwritten
 * the default. */
static void
reset(struct conf_value *value, const struct conf_key *key)
{
    value->number = key->number;
    if (key->string && *key->string != '\0' && *value->string == '\0') {
        free(value->string);
        value->string = conf_copy(key->string);
    }
}

void
conf_inherit(struct conf_block *cluster, const struct conf_block *global)
{
    for (int id = 0; id < CONF_NKEYS; id++) {
        struct conf_value *value = &cluster->values[id];

        if (!(conf_keys[id].places & CONF_MYSQL) || value->given ||
            conf_keys[id].type == CONF_OBJECT)
            continue;
        if (global->values[id].given)
            copy_value(value, &global->values[id]);
        else
            reset(value, &conf_keys[id]);
    }
}
