/* sluice-agent: what runs on a database's own host. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

/* The whole program; its exit status. */
int agent_main(int argc, char **argv, const char *version);

#endif
