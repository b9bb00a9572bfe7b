/* Which stores of facts there are, and which one a configuration asks for. */
#include "consensus/consensus.h"

const struct consensus_driver *
consensus_driver_for(const struct conf *conf, const char **missing)
{
    *missing = NULL;
    if (conf->backend.host[0] != '\0')
        return &consensus_mysql;
    if (conf->raft.data_dir[0] == '\0' && !conf->raft.observer)
        return NULL;
#ifdef SLUICE_RAFT
    return &consensus_raft;
#else
    *missing = "raft";
    return NULL;
#endif
}
