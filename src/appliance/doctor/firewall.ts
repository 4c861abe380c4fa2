/** Does a firewall of this computer drop what Pis send us? Read from nftables, which iptables writes to as well. */
import { z } from "zod";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** Where Pis knock. */
export interface ServedPort {
  readonly service: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

const Rule = z.looseObject({ chain: z.string(), table: z.string(), expr: z.array(z.unknown()).optional() });
const Ruleset = z.object({
  nftables: z.array(
    z.looseObject({
      chain: z
        .looseObject({
          name: z.string(),
          table: z.string(),
          hook: z.string().optional(),
          policy: z.string().optional(),
        })
        .optional(),
      rule: Rule.optional(),
    }),
  ),
});

export type FirewallRules = z.infer<typeof Ruleset>;

const READ_MS = 3_000;

/** The rules; "closed" where this process may not ask for them; undefined where there is no nftables. */
export type FirewallSeen = FirewallRules | "closed" | undefined;

/** What the firewall of this computer says at this moment. */
export async function readFirewall(): Promise<FirewallSeen> {
  const nft = Bun.which("nft", { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` });
  if (nft === null) return undefined;
  const child = Bun.spawn([nft, "-j", "list", "ruleset"], {
    stdout: "pipe",
    stderr: "ignore",
    timeout: READ_MS,
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) return "closed";
  return Ruleset.safeParse(JSON.parse(text || "{}")).data;
}

/**
 * Looks at chains that drop what they do not name. A port counts as let in when some accepting rule names it, which is
 * how ufw, firewalld and people write it; rules that lead there by jumps are followed by name alone.
 */
export function checkFirewall(rules: FirewallSeen, ports: readonly ServedPort[]): Finding[] {
  if (!rules) return [];
  if (rules === "closed") {
    const list = ports.map(({ protocol, port }) => `${port}/${protocol}`).join(", ");
    return [
      warning(
        "firewall",
        "Whether a firewall of this computer drops what Pis send could not be seen without root's rights",
        `sudo nft list ruleset shows it; Pis need ${list || "no port now"}.`,
      ),
    ];
  }
  const dropping = rules.nftables.some(({ chain }) => chain?.hook === "input" && chain.policy === "drop");
  const rejecting = rules.nftables.some(
    ({ rule, chain }) =>
      chain === undefined &&
      rule?.chain.toLowerCase() === "input" &&
      /"(reject|drop)":/.test(text(rule)) &&
      !/"match"/.test(text(rule)),
  );
  if (!dropping && !rejecting) return [ok("firewall", "No firewall here drops what Pis send")];
  const accepting = rules.nftables.flatMap(({ rule }) =>
    rule && /"accept":/.test(text(rule)) ? [text(rule)] : [],
  );
  const shut = ports.filter(({ protocol, port }) => !accepting.some((rule) => letsIn(rule, protocol, port)));
  if (shut.length === 0) return [ok("firewall", "The firewall lets in what Pis need")];
  const list = shut.map(({ service, protocol, port }) => `${service} (${protocol.toUpperCase()} ${port})`);
  const say = accepting.some((rule) => /"(jump|goto)"/.test(rule)) ? warning : problem;
  return [
    say(
      "firewall",
      `A firewall of this computer drops ${list.join(", ")}`,
      `Let it in, for instance: ${shut.map(({ protocol, port }) => `sudo ufw allow ${port}/${protocol}`).join("; ")}`,
    ),
  ];
}

function text(rule: z.infer<typeof Rule>): string {
  return JSON.stringify(rule.expr ?? []);
}

/** A rule that matches the port (alone, in a set or a range), or that looks at no port, state or interface at all. */
function letsIn(rule: string, protocol: string, port: number): boolean {
  if (!rule.includes('"match"')) return true;
  if (!rule.includes('"dport"')) return false;
  const about = /"protocol":"(\w+)"/.exec(rule)?.[1] ?? "th";
  if (about !== protocol && about !== "th") return false;
  if (new RegExp(`[:\\[,]${port}[,\\]}]`).test(rule)) return true;
  return [...rule.matchAll(/"range":\[(\d+),(\d+)\]/g)].some(
    ([, first, last]) => port >= Number(first) && port <= Number(last),
  );
}
