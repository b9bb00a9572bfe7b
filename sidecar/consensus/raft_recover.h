/*
 * sluiced --raft-recover: what a stopped node's data directory holds, and the
 * way out when most of the other nodes are lost for good.
 */
#ifndef CONSENSUS_RAFT_RECOVER_H
#define CONSENSUS_RAFT_RECOVER_H

#include <stdio.h>

#include "base/conf.h"

/*
 * Prints what RaftDataDir holds: the node's id and address, the store, the
 * term, the last index and the members. With yes it then rewrites the
 * directory to a cluster of this node alone, which has all facts that it had;
 * what only the lost nodes knew is lost. Says on stderr what is wrong, also
 * that the node is running. Returns the exit status.
 */
int raft_recover_main(const struct conf *conf, int yes, FILE *out);

#endif
