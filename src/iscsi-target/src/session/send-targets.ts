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

/** Section 4.2.7.3: names begin with their type. */
const ISCSI_NAME = /^(?:iqn|eui|naa)\./;

/**
 * The answer to `SendTargets=value`: "All", one name, or nothing for the session's own target.
 * A normal session has nothing but its own target to see, so "All" (which libiscsi asks there) comes to the same.
 * Keys may repeat in this answer, and only in this one. Undefined when the value is none that may be asked.
 */
export function sendTargets(value: string, view: DiscoveryView): TextKey[] | undefined {
  const { ownTarget } = view;
  const visible = ownTarget === undefined ? view.visible() : [ownTarget];
  if (value === "All") return list(visible, view);
  if (value === "" && ownTarget !== undefined) return list(visible, view);
  const name = value.toLowerCase();
  if (!ISCSI_NAME.test(name)) return undefined;
  return visible.includes(name) ? list([name], view) : [];
}

function list(names: readonly string[], view: DiscoveryView): TextKey[] {
  const address = `${view.portal()},${PORTAL_GROUP_TAG}`;
  return names.flatMap((name): TextKey[] => [
    ["TargetName", name],
    ["TargetAddress", address],
  ]);
}
