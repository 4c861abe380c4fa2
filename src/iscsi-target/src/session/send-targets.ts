/** SendTargets, RFC 7143 appendix C: which targets there are and where. */
import { PORTAL_GROUP_TAG } from "../login/login-machine.ts";
import type { TextKey } from "../login/text-keys.ts";

export interface DiscoveryView {
  /** Names that this initiator may see. */
  visible(): readonly string[];
  /** `host:port` by which this initiator reaches the targets. */
  portal(): string;
  /** The session's own target; undefined in a discovery session. */
  readonly ownTarget: string | undefined;
}

/**
 * The answer to `SendTargets=value`: "All" in a discovery session, one name, or nothing for the session's own target.
 * Keys may repeat in this answer, and only in this one. Undefined when the value is not one that may be asked here.
 */
export function sendTargets(value: string, view: DiscoveryView): TextKey[] | undefined {
  const { ownTarget } = view;
  if (value === "All") return ownTarget === undefined ? list(view.visible(), view) : undefined;
  const name = value === "" ? ownTarget : value.toLowerCase();
  if (name === undefined) return undefined;
  const maySee = ownTarget === undefined ? view.visible().includes(name) : name === ownTarget;
  return maySee ? list([name], view) : [];
}

function list(names: readonly string[], view: DiscoveryView): TextKey[] {
  const address = `${view.portal()},${PORTAL_GROUP_TAG}`;
  return names.flatMap((name): TextKey[] => [
    ["TargetName", name],
    ["TargetAddress", address],
  ]);
}
