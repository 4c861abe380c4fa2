/** Sessions as commands print them. */
import type { z } from "zod";
import { formatSize, recipesFor } from "../../appliance/index.ts";
import type { CreatedSessionSchema, SessionSchema } from "../../web/index.ts";

type CreatedSession = z.infer<typeof CreatedSessionSchema>;
type Session = z.infer<typeof SessionSchema>;

/** All that an initiator needs to know, the secret included. */
export function printCreated(session: CreatedSession): void {
  console.log(`Session ${session.id}: ${session.luns.map(lunText).join(", ")}

  target   ${session.iqn}
  portal   ${session.portal}
  user     ${session.chap_user}
  secret   ${session.chap_secret}

${recipesFor(session).map(recipeText).join("\n\n")}`);
}

/** A recipe under its client's name, each line ready to be typed. */
function recipeText({ client, text }: ReturnType<typeof recipesFor>[number]): string {
  return [`${client}:`, ...text.split("\n").map((line) => `  ${line}`)].join("\n");
}

/** One disk: what lies under it, and its size. */
export function lunText({ image, size_bytes }: CreatedSession["luns"][number]): string {
  return `${image} ${formatSize(size_bytes)}`;
}

/** What a session takes, and of how much. */
export function usedText({ used_bytes, quota_bytes }: Session): string {
  return formatSize(used_bytes) + (quota_bytes === null ? "" : ` of ${formatSize(quota_bytes)}`);
}

/** For how long it is there. */
export function keptText({ persistent, expires_at, evict_at }: Session): string {
  if (evict_at !== null) return `suspended, until ${minute(evict_at)}`;
  const until = expires_at === null ? "" : `until ${minute(expires_at)}`;
  return persistent ? until || "yes" : ["no", until].filter(Boolean).join(", ");
}

/** One session, all of it but its secret. */
export function printSession(session: Session): void {
  console.log(`Session ${session.id}
  disks      ${session.luns.map(lunText).join(", ")}
  target     ${session.iqn}
  portal     ${session.portal}
  state      ${session.state}
  used by    ${session.initiators.map(({ name, address }) => `${name} at ${address}`).join(", ") || "nobody"}
  written    ${usedText(session)}
  kept       ${keptText(session)}
  snapshots  ${session.snapshots.join(", ") || "-"}
  branch of  ${session.branch_of ?? "-"}
  for        ${session.pi ?? "-"}
  made       ${minute(session.created_at)}`);
}

function minute(time: string): string {
  return time.slice(0, 16).replace("T", " ");
}

/** Who uses it, and who is kept out. */
export function usedFromText({ connected_from, fenced }: Session): string {
  const words = [...connected_from, ...(fenced ? [`(kept out: ${fenced.initiators.join(", ")})`] : [])];
  return words.join(", ") || "-";
}
