/** Public SSH keys, one line each: a type, the key in base64 (which begins with the same type), a comment. */

const LINE = /^([a-z0-9@.-]{1,64}) ([A-Za-z0-9+/]{16,16384}={0,2})(?: [^\p{Cc}]{0,256})?$/u;
const TYPES = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);

export function isSshKey(line: string): boolean {
  const [, type, base64] = LINE.exec(line) ?? [];
  if (type === undefined || base64 === undefined || !TYPES.has(type)) return false;
  const bytes = Buffer.from(base64, "base64");
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  return bytes.subarray(4, 4 + length).toString("latin1") === type;
}
