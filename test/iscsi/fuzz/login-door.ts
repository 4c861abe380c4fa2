/** The directory and the randomness that the login fuzzer's machines stand before. */
import type { ChapLogin, Target, TargetDirectory } from "../../../src/iscsi-target/src/directory.ts";

export const TARGET = "iqn.2026-01.test:disk";
export const USER = { user: "user", secret: "a secret of some length" };
const MUTUAL = { user: "target", secret: "the target's own secret" };

export interface Door {
  readonly directory: TargetDirectory;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly wantsProof: boolean;
}

const open: Target["open"] = () => {
  throw new Error("nothing is opened during a login");
};

/** `circumstances`: 0 no login, 1 CHAP, 2 mutual CHAP (modulo 3). The challenge is always the same. */
export function openDoor(circumstances: number): Door {
  const kind = circumstances % 3;
  const login: ChapLogin = kind === 2 ? { ...USER, mutual: MUTUAL } : USER;
  const disk: Target = { name: TARGET, auth: kind === 0 ? "none" : login, open };
  const away: Target = {
    name: "iqn.2026-01.test:away",
    auth: "none",
    open,
    redirect: { address: "192.0.2.1", port: 3260 },
  };
  const targets = [disk, away];
  return {
    wantsProof: kind !== 0,
    randomBytes: (count) => Uint8Array.from({ length: count }, (_, i) => (i * 37 + 11) & 0xff),
    directory: {
      find: (name) => targets.find((target) => target.name === name),
      visible: () => targets.map(({ name }) => name),
      chapSecret: (user) => (kind !== 0 && user === USER.user ? USER.secret : undefined),
      chapMutual: () => (kind === 2 ? MUTUAL : undefined),
    },
  };
}
