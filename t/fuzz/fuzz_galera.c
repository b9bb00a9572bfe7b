/* libFuzzer: what a server says of a Galera node, and who asks for it. Lines of
 * "NAME=VALUE"; the first is a header Authorization. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/basic_auth.h"
#include "agent/galera_health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Healthy is "synced" and nothing else, in both forms. */
static void
judge(const struct galera_facts *f)
{
    struct galera_verdict v;
    char json[GALERA_JSON_SIZE];

    for (int i = 0; i < 4; i++) {
        const struct galera_rules rules = {i & 1, i >> 1};

        memset(json, 0, sizeof(json));
        galera_judge(f, &rules, &v);
        galera_json(f, &v, json);
        if (v.healthy != (strcmp(v.text, "synced") == 0) || !v.text[0] ||
            json[strlen(json) - 1] != '\n' ||
            v.healthy != (strstr(json, "\"healthy\":true}") != NULL))
            abort();
        if (v.healthy && (f->index == GALERA_NO_INDEX || !f->ready))
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size), *save = NULL, *line, *value;
    struct galera_facts f;

    if (!text)
        abort();
    galera_facts_init(&f);
    line = strtok_r(text, "\n", &save);
    basic_auth_allows("YTpi", line);
    while ((line = strtok_r(NULL, "\n", &save))) {
        value = strchr(line, '=');
        if (!value)
            continue;
        *value++ = '\0';
        galera_facts_row(&f, line, value);
    }
    judge(&f);
    free(text);
    return 0;
}
