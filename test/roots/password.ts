/** The roots' one password: `pinetboot`, as SHA-512 crypt for /etc/shadow. */
export const ROOT_PASSWORD = "pinetboot";
export const ROOT_PASSWORD_HASH =
  "$6$pinetboot$Qx7lmYzWJNbGLEzYbWgJQDb4m852iqyPJjztUFyI5DtUfS/z6wGs9jFX8iXluBc8l0MmcXeZBTSAHSFfHB5fq0";
