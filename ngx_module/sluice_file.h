/*
 * What sluice_writer.c does to the words of a mapped file that readers may be
 * reading; sluice_state.c, which alone has atomics, does it for it.
 */
#ifndef SLUICE_FILE_H
#define SLUICE_FILE_H

#include "sluice_abi.h"

#define SLUICE_FILE_ALIGN 64 /* a cache line: parts and slots begin on one */

/* The file as this build lays it out: header, parts in the order of kinds.
 * -1 when the image does not fit or the kind is unknown. */
int sluice_file_publish(unsigned char *base,
                        uint32_t kind,
                        const void *image,
                        size_t size);

void sluice_file_beat(unsigned char *base, uint64_t now_mono_ms);
uint64_t sluice_file_heartbeat(const unsigned char *base);

#endif
