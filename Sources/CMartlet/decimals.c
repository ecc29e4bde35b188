// Decimal fractions as Redis's INCRBYFLOAT and HINCRBYFLOAT count with them: in `long double`, which Swift doesn't have on
// every machine, and which has other digits on each. And doubles as text, read and written by the C library.
#include "CMartlet.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// The longest text that is read, in bytes: as Redis has it.
#define LONGEST 255

static int parse(const char *text, size_t length, long double *number) {
  char copy[LONGEST + 1];
  if (length == 0 || length > LONGEST) return 0;
  memcpy(copy, text, length);
  copy[length] = 0;
  char *end;
  errno = 0;
  *number = strtold(copy, &end);
  if (isspace((unsigned char)copy[0]) || end != copy + length || isnan(*number)) return 0;
  if (errno == ERANGE && (isinf(*number) || fpclassify(*number) == FP_ZERO)) return 0;
  return 1;
}

int martlet_is_decimal(const char *text, size_t length) {
  long double number;
  if (!parse(text, length, &number)) return 0;
  return isinf(number) ? -1 : 1;
}

int martlet_add_decimals(
    const char *first, size_t first_length, const char *second, size_t second_length, char *sum, size_t size) {
  long double number, other;
  if (!parse(first, first_length, &number) || !parse(second, second_length, &other)) return -1;
  number += other;
  if (isnan(number) || isinf(number)) return -1;
  int length = snprintf(sum, size, "%.17Lf", number);
  if (length < 0 || (size_t)length >= size) return -1;
  if (memchr(sum, '.', (size_t)length)) {
    while (sum[length - 1] == '0') length--;
    if (sum[length - 1] == '.') length--;
  }
  if (length == 2 && sum[0] == '-' && sum[1] == '0') {
    sum[0] = '0';
    length = 1;
  }
  return length;
}

/// The longest text that is read as a double, in bytes.
#define LONGEST_DOUBLE 1023

int martlet_parse_double(const char *text, size_t length, double *number) {
  char copy[LONGEST_DOUBLE + 1];
  if (length == 0 || length > LONGEST_DOUBLE) return 0;
  for (size_t index = 0; index < length; index++) {
    // No hexadecimal digits, no spaces in front.
    if (text[index] == 'x' || text[index] == 'X' || isspace((unsigned char)text[index])) return 0;
    copy[index] = text[index];
  }
  copy[length] = 0;
  char *end;
  errno = 0;
  *number = strtod(copy, &end);
  if (end != copy + length || isnan(*number)) return 0;
  return errno == ERANGE && (isinf(*number) || fpclassify(*number) == FP_ZERO) ? -1 : 1;
}

int martlet_print_decimal(double number, int digits, char *text, size_t size) {
  int length = snprintf(text, size, "%.*f", digits, number);
  return length > 0 && (size_t)length < size ? length : 0;
}
