// CRC-64 with the polynomial of David T. Jones, as Redis's RDB files end with: reflected, begun with 0. Eight bytes at a time
// by eight tables (Michael E. Kounavis and Frank L. Berry, "A Systematic Approach to Building High Performance Software-Based
// CRC Generators", Intel 2005).
#include "CMartlet.h"

#include <pthread.h>

static const uint64_t polynomial = 0x95ac9329ac4bc9b5; // 0xad93d23594c935a9, reflected
static uint64_t table[8][256];

static void fill_table(void) {
  for (uint64_t i = 0; i < 256; i++) {
    uint64_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (polynomial & -(crc & 1));
    table[0][i] = crc;
  }
  for (int i = 0; i < 256; i++)
    for (int slice = 1; slice < 8; slice++)
      table[slice][i] = (table[slice - 1][i] >> 8) ^ table[0][table[slice - 1][i] & 0xff];
}

uint64_t martlet_crc64(uint64_t crc, const void *bytes, size_t length) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill_table);
  const unsigned char *p = bytes;
  for (; length >= 8; length -= 8, p += 8) {
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) word |= (uint64_t)p[i] << (8 * i);
    word ^= crc;
    crc = 0;
    for (int i = 0; i < 8; i++) crc ^= table[7 - i][(word >> (8 * i)) & 0xff];
  }
  while (length--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
  return crc;
}
