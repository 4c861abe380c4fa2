/** What a peer calls itself, and what it sent, on its way to a person: into events, logs and terminals. */

/** More of a peer's words tells nobody anything; it also keeps a flood of failed logins from filling a log. */
const MAX_CHARACTERS = 400;

/**
 * Control characters and those that turn the direction of text, which would steer a terminal or hide what follows,
 * become `?`; what is too long is cut.
 */
export function printable(words: string): string {
  const clean = words.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/gu, "?");
  return clean.length > MAX_CHARACTERS ? `${clean.slice(0, MAX_CHARACTERS)}...` : clean;
}
