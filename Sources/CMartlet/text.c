// Which bytes stand in the database file as they are: loops over bytes that the compiler makes vector instructions of.
#include "CMartlet.h"

// Visible ASCII and the space.
static int is_shown(unsigned char byte) { return byte - 0x20 <= 0x7e - 0x20 && byte >= 0x20; }

static int may_stand_in_quotes(unsigned char byte) { return is_shown(byte) & (byte != '"') & (byte != '\\'); }

static int may_stand_bare(unsigned char byte) {
  return may_stand_in_quotes(byte) & (byte != ' ') & (byte != '\'');
}

int martlet_is_plain(const void *bytes, size_t length) {
  const unsigned char *p = bytes;
  size_t i = 0;
  for (; i + 64 <= length; i += 64) {
    unsigned char odd = 0;
    for (int k = 0; k < 64; k++) odd |= !may_stand_bare(p[i + k]);
    if (odd) return 0;
  }
  unsigned char odd = 0;
  for (; i < length; i++) odd |= !may_stand_bare(p[i]);
  return length > 0 && !odd;
}

size_t martlet_quotable_run(const void *bytes, size_t length) {
  const unsigned char *p = bytes;
  size_t i = 0;
  for (; i + 16 <= length; i += 16) {
    unsigned char odd = 0;
    for (int k = 0; k < 16; k++) odd |= !may_stand_in_quotes(p[i + k]);
    if (odd) break;
  }
  while (i < length && may_stand_in_quotes(p[i])) i++;
  return i;
}
