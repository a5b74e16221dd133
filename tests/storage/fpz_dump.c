/* Reads .fpz files with fpz.h. Standard input is a row of files, each behind its size as 4 bytes (lowest first). For
 * each, a line: the result of fpz_open, then for each weight the results of fpz_find, fpz_floats and fpz_integers, and
 * where they are fine the checksums of the values and the fraction. */
#include "fpz.h"

#include <stdio.h>
#include <stdlib.h>

enum { CAPACITY = 5000000 };
static float floats[CAPACITY];
static int32_t integers[CAPACITY];
static fpz_work work;

static void dump(const uint8_t *data, size_t size) {
    fpz_file file;
    int error = fpz_open(&file, data, size);
    printf("%d", error);
    for (uint32_t i = 0; !error && i < file.weights; i++) {
        fpz_weight weight;
        int found = fpz_find(&file, i, &weight);
        printf(" %d", found);
        if (found) continue;
        int fraction = 0, got = fpz_floats(&weight, floats, CAPACITY, &work);
        printf(",%d,%lu,%08lx", got, (unsigned long)weight.rule,
               got ? 0ul : (unsigned long)fpz_crc(0, (const uint8_t *)floats, 4 * (size_t)weight.count));
        got = fpz_integers(&weight, integers, CAPACITY, &fraction, &work);
        printf(",%d,%d,%08lx", got, got ? 0 : fraction,
               got ? 0ul : (unsigned long)fpz_crc(0, (const uint8_t *)integers, 4 * (size_t)weight.count));
    }
    fpz_weight none;
    if (!error && fpz_find(&file, file.weights, &none) != FPZ_NO_WEIGHT) abort();
    printf("\n");
}

int main(void) {
    uint8_t head[4];
    while (fread(head, 1, 4, stdin) == 4) {
        size_t size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        uint8_t *data = (uint8_t *)malloc(size ? size : 1); /* of this very size, so that a read behind it is seen */
        if (data == NULL || fread(data, 1, size, stdin) != size) return 1;
        dump(data, size);
        free(data);
    }
    return 0;
}
