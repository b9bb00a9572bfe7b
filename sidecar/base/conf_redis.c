/* The keys of Redis: where it is, and as whom we come. */
#include "base/conf_block.h"

#include <string.h>

#include "base/redis_address.h"
#include "base/redis_password.h"

static void
validate_password_file(const struct conf_block *top)
{
    const char *file = top->values[CONF_TOP_RedisPasswordFile].string;
    char password[REDIS_PASSWORD_SIZE], err[512];

    if (*file == '\0')
        return;
    if (redis_password_read(file, password, err, sizeof(err)) != 0)
        conf_block_problem(top, CONF_ERROR, CONF_TOP_RedisPasswordFile, err);
    explicit_bzero(password, sizeof(password));
}

void
conf_validate_redis(const struct conf_block *top)
{
    const struct conf_value *address = &top->values[CONF_TOP_RedisAddress];
    const struct conf_value *user = &top->values[CONF_TOP_RedisUser];
    const struct conf_value *file = &top->values[CONF_TOP_RedisPasswordFile];
    struct redis_address where;
    char err[256];

    validate_password_file(top);
    if (address->given &&
        redis_address_parse(address->string, &where, err, sizeof(err)) != 0)
        conf_block_problem(top, CONF_ERROR, CONF_TOP_RedisAddress, err);
    if (user->given && !file->given)
        conf_block_problem(top, CONF_ERROR, CONF_TOP_RedisUser,
                           "RedisPasswordFile must be set when RedisUser is "
                           "specified");
    if (file->given && !address->given)
        conf_block_problem(top, CONF_WARNING, CONF_TOP_RedisPasswordFile,
                           "has no effect: RedisAddress is not set");
}

void
conf_fill_redis(struct conf *c, struct conf_block *top)
{
    c->redis_address = conf_take_string(top, CONF_TOP_RedisAddress);
    c->redis_user = conf_take_string(top, CONF_TOP_RedisUser);
    c->redis_password_file = conf_take_string(top, CONF_TOP_RedisPasswordFile);
}
