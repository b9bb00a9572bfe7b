/* libFuzzer: the configuration, from any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/conf.h"
#include "base/conf_print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    return 0;
}
