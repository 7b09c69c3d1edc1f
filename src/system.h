/* State of the library that outlives a call: threads and instruction level. */
#ifndef BR_SYSTEM_H
#define BR_SYSTEM_H

/* Called once when the library is loaded. */
void br_system_init(void);

#endif
