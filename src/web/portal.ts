/** Where an initiator finds us: worked out for each answer, kept nowhere. */
import { isLocalAddress, localAddresses, outwardAddress, type Serving } from "../appliance/index.ts";

const ISCSI_PORT = 3260;

/**
 * The portal for whoever asked by `url`: the address that it used, when that is one of ours that others can reach too,
 * else the address of an interface.
 */
export function portalFor(url: string, serving: Serving | undefined): string {
  const port = serving?.iscsi?.port ?? ISCSI_PORT;
  const addresses = localAddresses(serving?.interfaces);
  const asked = new URL(url).hostname;
  const usable = isLocalAddress(
    asked,
    addresses.filter(({ internal }) => !internal),
  );
  return `${usable ? asked : outwardAddress(addresses)}:${port}`;
}
