/**
 * Brings what is known of a Pi to `decide`, and its plan to those who ask: DHCP, TFTP and the boot endpoint
 * all come through here, so that they can never disagree.
 */
import type { ImageLibrary } from "../../images/library.ts";
import type { ShimVariant } from "../../shim/index.ts";
import { type BootFacts, type BootPlan, type BootPolicy, decide, type ShimState } from "../decide.ts";
import { neighbourMac } from "../net/neighbours.ts";
import type { PiRecord, PiSighting } from "../pis/record.ts";
import type { PiRegistry } from "../pis/registry.ts";
import { BLANK } from "../sessions/record.ts";
import type { SessionService } from "../sessions/service.ts";

export interface BootPolicyOptions extends Omit<BootPolicy, "defaultImage"> {
  /** Name or id of `--image`; undefined for the only image in the library, if there is exactly one. */
  readonly image: string | undefined;
}

export interface Directed {
  /** Undefined when the machine could not be recorded. */
  readonly pi: PiRecord | undefined;
  readonly plan: BootPlan;
}

export interface DirectorParts {
  readonly pis: PiRegistry;
  readonly sessions: SessionService;
  readonly library: ImageLibrary;
  readonly policy: BootPolicyOptions;
  readonly shimState: () => ShimState;
}

export class Director {
  readonly #parts: DirectorParts;

  constructor(parts: DirectorParts) {
    this.#parts = parts;
  }

  /** Records the sighting of a Pi's firmware and decides. It has an address or not yet. */
  direct(sighting: PiSighting): Directed {
    const pi = this.#parts.pis.see(sighting);
    return { pi, plan: this.plan(pi, sighting.address) };
  }

  /** The same for the shim: that it asks shows that it runs, wherever it came from. */
  directShim(sighting: PiSighting): Directed {
    const pi = this.#parts.pis.see(sighting);
    return { pi, plan: this.plan(pi, sighting.address, "running") };
  }

  /** What the shim that runs on a Pi gets by now: a choice may have been made since it asked. */
  shimPlan(key: string, address: string): BootPlan {
    return this.plan(this.#parts.pis.byKey(key), address, "running");
  }

  /** The shim that a Pi's firmware gets: the chosen one, or the policy's while nobody has chosen. */
  shimVariant(pi: PiRecord | undefined): ShimVariant {
    return pi?.assignment?.variant ?? this.#parts.policy.variant;
  }

  /** Decides for a known Pi that asks from `address`. */
  plan(
    pi: PiRecord | undefined,
    address: string | undefined,
    shim: BootFacts["shim"] = this.#parts.shimState(),
  ): BootPlan {
    return decide({
      pi,
      policy: this.#policy(),
      shim,
      liveElsewhere: pi && address !== undefined ? this.#liveElsewhere(pi, address) : null,
      hasImage: (id) => this.#parts.library.find(id) !== undefined,
    });
  }

  #policy(): BootPolicy {
    const { image, ...rest } = this.#parts.policy;
    if (image !== undefined) return { ...rest, defaultImage: this.#parts.library.find(image)?.id ?? image };
    const images = this.#parts.library.list().filter(({ id }) => id !== BLANK);
    return { ...rest, defaultImage: images.length === 1 ? (images[0]?.id ?? null) : null };
  }

  /**
   * An address that uses a disk of this Pi and is another machine's. A Pi that came back under a new address while
   * its old connection is not yet known to be dead is no other machine: the wire says the same MAC for both.
   */
  #liveElsewhere(pi: PiRecord, address: string): string | null {
    const { sessions } = this.#parts;
    const live = sessions
      .all()
      .filter((session) => session.pi === pi.key)
      .flatMap((session) => sessions.live.initiatorsOf(session.iqn).map(({ address: from }) => from));
    const other = live.find((from) => from !== address);
    if (other === undefined) return null;
    const mac = neighbourMac(address);
    return mac !== undefined && mac === neighbourMac(other) ? null : other;
  }
}
