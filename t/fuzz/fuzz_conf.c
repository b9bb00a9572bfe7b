/* libFuzzer: the configuration, sluiced's and sluice-agent's, from any bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/conf.h"
#include "base/conf_agent.h"
#include "base/conf_print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_agents(const char *text, size_t size, FILE *nowhere)
{
    struct conf_report report;
    struct conf_agent *c = conf_agent_parse(text, size, &report);

    if ((c == NULL) != (report.errors > 0))
        abort();
    conf_print_report(nowhere, "fuzz", &report);
    conf_agent_free(c);
    conf_report_free(&report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    struct conf_report report;
    struct conf *c = conf_parse((const char *)data, size, NULL, &report);

    if (!nowhere && !(nowhere = fopen("/dev/null", "w")))
        abort();
    if ((c == NULL) != (report.errors > 0))
        abort();
    conf_print_report(nowhere, "fuzz", &report);
    if (c)
        conf_print_nginx(nowhere, "fuzz", c);
    conf_free(c);
    conf_report_free(&report);
    read_agents((const char *)data, size, nowhere);
    return 0;
}
