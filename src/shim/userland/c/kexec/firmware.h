/* What a Raspberry Pi's firmware wrote into the running kernel's device tree, carried over to another tree for the same board. */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include "tree.h"

void firmware_carry_over(struct tree *target, const struct tree *running);

#endif
