/* What a transport does for the load driver; each is linked with load.c into a program of its own. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "wire.h"

/* What comes before the request's text in a right answer; empty where the server returns the text as it is. */
extern const char transport_prefix[];

/* Connects this client, once, after fork. Ends the process where it cannot. */
void transport_open(const char *address);

/* One round trip, before which it may name this client anew in the request. Returns 0, or the errno. */
int transport_ask(struct request *request, struct response *response);

/* Removes what this client made and what would outlive it, where that is anything. */
void transport_close(void) __attribute__((weak));

#endif
