/* Basic authentication (RFC 7617), the server's half. Pure. */
#ifndef AGENT_BASIC_AUTH_H
#define AGENT_BASIC_AUTH_H

/* What comes behind "Basic " in the header of who knows both. free() it. */
char *basic_auth_token(const char *name, const char *password);

/* 1 when the header Authorization (NULL: none) is that token's. How long it
 * takes says nothing of where they differ. */
int basic_auth_allows(const char *token, const char *header);

#endif
