/* The C glue's own declarations; what Python may call of it is in cdef/shim.h. */
#ifndef LEPY_SHIM_H
#define LEPY_SHIM_H

#include "headers.h"

#endif
