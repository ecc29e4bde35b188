// CRC-32C by the processor's own instruction where it has one, by table elsewhere.
#include "CMartlet.h"

#include <pthread.h>
#include <string.h>

static const uint32_t polynomial = 0x82f63b78; // reflected Castagnoli polynomial
static uint32_t table[8][256];

static void fill_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (polynomial & -(crc & 1));
    table[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int slice = 1; slice < 8; slice++)
      table[slice][i] = (table[slice - 1][i] >> 8) ^ table[0][table[slice - 1][i] & 0xff];
}

static uint32_t by_table(uint32_t crc, const unsigned char *p, size_t n) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill_table);
  for (; n >= 8; n -= 8, p += 8) {
    uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
    crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^ table[4][low >> 24] ^
          table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
  }
  while (n--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
  return crc;
}

// The instruction takes a new word each cycle and gives its outcome two cycles later, so three parts of a long run are gone
// through side by side. What the first two come to is then moved behind as many zeros as the parts after them are long,
// which is linear in each bit (Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel 2011).
#define PART 1024
static uint32_t behind_part[4][256];

static void fill_behind_part(void) {
  for (int byte = 0; byte < 4; byte++)
    for (uint32_t value = 0; value < 256; value++) {
      static const unsigned char zeros[PART];
      behind_part[byte][value] = by_table(value << (8 * byte), zeros, PART);
    }
}

static uint32_t move_behind_part(uint32_t crc) {
  return behind_part[0][crc & 0xff] ^ behind_part[1][(crc >> 8) & 0xff] ^ behind_part[2][(crc >> 16) & 0xff] ^
         behind_part[3][crc >> 24];
}

#if defined(__x86_64__)
#define TARGET __attribute__((target("sse4.2")))
#define CRC_OF_8(crc, word) ((uint32_t)__builtin_ia32_crc32di(crc, word))
#define CRC_OF_1(crc, byte) __builtin_ia32_crc32qi(crc, byte)
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define TARGET
#define CRC_OF_8(crc, word) __crc32cd(crc, word)
#define CRC_OF_1(crc, byte) __crc32cb(crc, byte)
static int has_instruction(void) { return 1; }
#endif

#if defined(CRC_OF_8)

static uint64_t word_at(const unsigned char *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

TARGET static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t n) {
  if (n >= 3 * PART) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_behind_part);
    for (; n >= 3 * PART; n -= 3 * PART, p += 3 * PART) {
      uint32_t second = 0, third = 0;
      for (size_t i = 0; i < PART; i += 8) {
        crc = CRC_OF_8(crc, word_at(p + i));
        second = CRC_OF_8(second, word_at(p + PART + i));
        third = CRC_OF_8(third, word_at(p + 2 * PART + i));
      }
      crc = move_behind_part(move_behind_part(crc) ^ second) ^ third;
    }
  }
  for (; n >= 8; n -= 8, p += 8) crc = CRC_OF_8(crc, word_at(p));
  while (n--) crc = CRC_OF_1(crc, *p++);
  return crc;
}

#else

static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t n) { return by_table(crc, p, n); }
static int has_instruction(void) { return 0; }

#endif

uint32_t martlet_crc32c(uint32_t crc, const void *bytes, size_t length) {
  uint32_t result = ~crc;
  result = has_instruction() ? by_instruction(result, bytes, length) : by_table(result, bytes, length);
  return ~result;
}
