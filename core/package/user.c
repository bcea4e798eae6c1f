/* SPDX-License-Identifier: MIT */
/* user: the smallest program outside this tree: sees the contract, links the library. */
#include <wdm.h>

int main(void)
{
    return sizeof(MDL) == 48 ? 0 : 1;
}
