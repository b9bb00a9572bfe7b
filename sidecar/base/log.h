/*
 * One line per event on stderr: ts=… level=… event=… key=value, or JSON.
 * Transitions and decisions, not ticks; never a credential.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR
};

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_field {
    const char *key; /* NULL ends a list */
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_NUM } type;
    const char *str; /* NULL is shown as "" */
    int64_t integer;
    double num;
};

/* Process-wide; the default is INFO and logfmt. Before the first thread. */
void log_setup(enum log_level least, enum log_format format);

/* "debug", "info", "warn", "error" (and "warning"); "logfmt", "json". -1 for
 * anything else. */
int log_level_parse(const char *text, enum log_level *level);
int log_format_parse(const char *text, enum log_format *format);

/* Writes one line with one write(2). fields ends with a NULL key; may be
 * NULL. Callable from any thread. Use the macros. */
void log_write(enum log_level level,
               const char *event,
               const struct log_field *fields);

#define log_str(k, v)                                 \
    {                                                 \
        .key = (k), .type = LOG_FIELD_STR, .str = (v) \
    }
#define log_int(k, v)                                     \
    {                                                     \
        .key = (k), .type = LOG_FIELD_INT, .integer = (v) \
    }
#define log_num(k, v)                                 \
    {                                                 \
        .key = (k), .type = LOG_FIELD_NUM, .num = (v) \
    }

/* log_info("probe_failed", log_str("host", h), log_int("port", p)); */
#define log_event(level, event, ...) \
    log_write(                       \
        level, event,                \
        (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = 0}})
#define log_debug(event, ...) log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)

/* What goes on is worth a line now and then: 1 when the last one, at *said_ms
 * (0: there was none), is LOG_AGAIN_MS ago; *said_ms is now_ms then. */
#define LOG_AGAIN_MS 10000
int log_again(uint64_t *said_ms, uint64_t now_ms);

#endif
