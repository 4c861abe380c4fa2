/** What the target of the hostile suite is, known on both sides. */
export const TARGETS = {
  fast: "iqn.2026-01.test:fast",
  slow: "iqn.2026-01.test:slow",
  chap: "iqn.2026-01.test:chap",
} as const;

export const CHAP = { user: "user", secret: "a secret of some length" };
export const DISK_BYTES = 32 * 1024 * 1024;
/** The target's own is 15 s. */
export const LOGIN_TIMEOUT_MS = 1500;
