/*
 * NB: private to consensus_raft*.c. The data directory of a voter:
 *
 *   RaftDataDir/sluice/lock        one process at a time
 *   RaftDataDir/sluice/node.json   who this node is
 *   RaftDataDir/sluice/raft/       libraft's files
 *
 * Nothing else in RaftDataDir is touched, freno's files least of all.
 */
#ifndef CONSENSUS_RAFT_DIR_H
#define CONSENSUS_RAFT_DIR_H

#include <stdint.h>

#include "consensus/consensus.h"

#define RAFT_DIR_PATH_SIZE 1000

struct raft_dir {
    char raft[RAFT_DIR_PATH_SIZE];     /* libraft's directory */
    uint64_t id;                       /* random, of this directory; not 0 */
    char store_id[STORE_ID_SIZE];      /* "": not known yet */
    char address[MEMBER_ADDRESS_SIZE]; /* as it was called last */
    int alone;                         /* the only member there ever was */
    int anew;   /* the store begins anew, under another id */
    int logged; /* there is something of raft's in it */

    /* private */
    char path[RAFT_DIR_PATH_SIZE];
    char domain[CONF_DOMAIN_MAX + 1];
    int lock; /* a file descriptor; -1: not open */
};

/*
 * Makes what is missing, takes the lock, looks whether the filesystem can do
 * what raft needs, and reads or draws the node's identity. 0, or -1 with a
 * sentence in err that says what is in the way: another process, another
 * domain, another version, no room, a read-only disk …
 */
int raft_dir_open(struct raft_dir *d,
                  const struct conf *conf,
                  char *err,
                  size_t err_size);

/* Writes node.json anew, whole or not at all. 0, or -1 with a sentence. */
int raft_dir_save(const struct raft_dir *d, char *err, size_t err_size);

/* Another id, alone, of a store that is to be founded; not saved yet. */
void raft_dir_begin_anew(struct raft_dir *d, const char *address);

void raft_dir_close(struct raft_dir *d);

#endif
