#include "system.h"

#include "simd.h"
#include "threads.h"

void br_system_init(void) {
  br_threads_init();
  br_simd_set("auto");
}
