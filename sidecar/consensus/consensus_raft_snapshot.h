/*
 * NB: private to consensus_raft*.c. libraft's snapshots, before libraft reads
 * them: of one that is cut short it would never see the end.
 */
#ifndef CONSENSUS_RAFT_SNAPSHOT_H
#define CONSENSUS_RAFT_SNAPSHOT_H

#include <stddef.h>

#define SNAPSHOT_NAME_SIZE 256

/* Of libraft's directory that which it would begin with; "": none. */
void raft_snapshot_newest(const char *dir, char name[SNAPSHOT_NAME_SIZE]);

/* 0, or -1 with a sentence that begins with the path: it is cut short, or
 * cannot be read. What is damaged otherwise libraft sees. */
int raft_snapshot_check(const char *dir, char *err, size_t err_size);

#endif
