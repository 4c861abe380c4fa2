/**
 * Who may speak to the API over TCP. A page of some website in the person's browser must not: neither by a name that
 * it points at 127.0.0.1 (DNS rebinding), nor by a request across origins (CSRF). Where the listener is open to the
 * network, a key is wanted too: of a program in a header, of a browser in the cookie that its link gave it.
 */
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { isLocalAddress, type Keys, RateLimit } from "../appliance/index.ts";
import { Attempts } from "./attempts.ts";
import type { ApiEnv } from "./context.ts";
import { problem, type ProblemWords } from "./problem.ts";

export interface GuardOptions {
  /** The keys that open a listener on the network; undefined ignores whatever key comes. */
  readonly keys: Keys | undefined;
  /** How much one key may ask over the network; default: `REQUESTS`. */
  readonly requests?: RateLimit;
}

/**
 * The page of a busy room asks some ten times a second, a rig that looks after hundreds of Pis not much more; a program
 * that asks without end would take the one thread from which the Pis have their disks.
 */
const REQUESTS = { burst: 500, perSecond: 50 } as const;
/** Within it a limit that gives fifty a second has room again. */
const AGAIN_SECONDS = 1;

const COOKIE = "pinetboot";
/** A browser that comes back within it needs no new link. */
const COOKIE_SECONDS = 90 * 24 * 3600;
/** Where a link leads: `/login?token=...` */
export const LOGIN_PATH = "/login";

/** Checks Host, Origin and, when there are keys, one of them. Requests by the Unix socket are the owner's own. */
export function guard({ keys, requests = newLimit() }: GuardOptions): MiddlewareHandler<ApiEnv> {
  const attempts = new Attempts();
  return async (c, next) => {
    if (c.env.via !== "tcp") return next();
    const url = new URL(c.req.url);
    if (!isOwnName(url.hostname))
      return problem(c, 421, {
        code: "wrong-host",
        title: "That is not the name of this server",
        detail: `It was asked as ${url.hostname}`,
        fix: "Use its address, or localhost on the computer itself.",
      });
    const foreign = foreignSite(c, url);
    if (foreign !== undefined)
      return problem(c, 403, {
        code: "wrong-origin",
        title: "Pages of other sites may not use this API",
        detail: `The request came from ${foreign.slice(0, 100)}`,
        fix: null,
      });
    if (!keys) return next();
    const address = c.env.address ?? "";
    const wait = attempts.waitSeconds(address);
    if (wait > 0)
      return later(c, wait, {
        code: "too-many-tries",
        title: "Too many wrong keys",
        detail: "Too many wrong keys came from this address",
      });
    if (url.pathname === LOGIN_PATH) return logIn(c, keys, attempts);
    const said = c.req.header("authorization")?.replace(/^Bearer /, "") ?? getCookie(c, COOKIE);
    const isGood = said !== undefined && keys.isGood(said);
    if (said !== undefined && !isGood) attempts.failed(address);
    // A key has its own share wherever it is used from; programs of this very computer are its owner's.
    if (!isLoopback(address) && !requests.take(isGood ? `key ${said}` : address))
      return later(c, AGAIN_SECONDS, {
        code: "too-many-requests",
        title: "Too many requests",
        detail: `More than ${REQUESTS.perSecond} requests a second came ${isGood ? "with this key" : "from this address"}`,
      });
    return isGood ? next() : refuse(c);
  };
}

function newLimit(): RateLimit {
  return new RateLimit(REQUESTS.burst, REQUESTS.perSecond);
}

function isLoopback(address: string): boolean {
  return /^(?:::ffff:)?127\.|^::1$/.test(address);
}

/** Not now: when it may ask again is in the header and in the words. */
function later(c: Context<ApiEnv>, seconds: number, words: Omit<ProblemWords, "fix">): Response {
  c.header("retry-after", String(seconds));
  return problem(c, 429, { ...words, fix: `Try again in ${seconds} s.` });
}

/**
 * The site whose page in a browser sent this; undefined for our own page, for programs, and for a person who follows a
 * link. A picture or a script of another site is fetched without an origin, and said by Sec-Fetch-Site alone (W3C Fetch
 * Metadata).
 */
function foreignSite(c: Context<ApiEnv>, url: URL): string | undefined {
  const origin = c.req.header("origin");
  if (origin !== undefined && origin !== url.origin) return origin;
  const site = c.req.header("sec-fetch-site");
  const followed = c.req.method === "GET" && c.req.header("sec-fetch-mode") === "navigate";
  return (site === "cross-site" || site === "same-site") && !followed ? "another site" : undefined;
}

/** A good link makes a key for this browser; SameSite keeps it out of requests that other sites start. */
function logIn(c: Context<ApiEnv>, keys: Keys, attempts: Attempts): Response {
  if (!keys.useLink(c.req.query("token") ?? "")) {
    attempts.failed(c.env.address ?? "");
    return refuse(c);
  }
  const { key } = keys.create(`browser at ${c.env.address ?? "an unknown address"}`);
  setCookie(c, COOKIE, key, { httpOnly: true, sameSite: "Strict", path: "/", maxAge: COOKIE_SECONDS });
  // Not a redirect: SameSite=Strict would keep the cookie out of the request that follows a link from elsewhere.
  return c.html(
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>pinetboot</title><link rel="icon" href="/page/icon.svg">' +
      '<meta http-equiv="refresh" content="0; url=/"><a href="/">Go on</a></html>',
  );
}

function refuse(c: Context<ApiEnv>): Response {
  return problem(c, 401, {
    code: "key-needed",
    title: "A key is needed",
    detail: "This server is open to the network, so it wants a key",
    fix:
      "In a browser, open the link that pinetboot key link prints. In a program, send Authorization: Bearer KEY with a " +
      "key of pinetboot key create.",
  });
}

function isOwnName(hostname: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(hostname) || isLocalAddress(hostname);
}
