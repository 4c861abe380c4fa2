/* wolfSSL built by its own configure step has its settings here; ours are in user_settings.h. */
#include "user_settings.h"
