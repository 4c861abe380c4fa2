import { describe, expect, test } from "bun:test";
import type { Target, TargetDirectory } from "../directory.ts";
import { STAGE, decodeLoginResponse, encodeLoginRequest } from "../pdu/login.ts";
import { CHAP_ALGORITHMS, chapResponse, decodeBinary, encodeBinary } from "./chap.ts";
import { LoginMachine, type LoginStep } from "./login-machine.ts";
import { LOGIN_STATUS, type LoginStatus } from "./status.ts";
import { type TextKey, decodeTextKeys, encodeTextKeys } from "./text-keys.ts";

const LOGIN = { user: "pi", secret: "0123456789abcdef" };
const open = (): never => {
  throw new Error("the machine opens nothing");
};
const OPEN: Target = { name: "iqn.2026-01.test:open", auth: "none", open };
const LOCKED: Target = { name: "iqn.2026-01.test:locked", auth: LOGIN, open };
const MOVED: Target = {
  name: "iqn.2026-01.test:moved",
  auth: LOGIN,
  redirect: { address: "2001:db8::7", port: 3261 },
  open,
};
const DIRECTORY: TargetDirectory = {
  find: (name) => [OPEN, LOCKED, MOVED].find((target) => target.name === name),
  visible: () => [OPEN.name],
  chapSecret: (user) => (user === LOGIN.user ? LOGIN.secret : undefined),
};

interface Ask {
  readonly keys?: readonly TextKey[];
  readonly data?: Uint8Array;
  readonly csg?: number;
  readonly nsg?: number;
  readonly transit?: boolean;
  readonly continues?: boolean;
  readonly versionMin?: number;
  readonly isid?: string;
}

class Script {
  readonly machine = new LoginMachine({
    directory: DIRECTORY,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  });
  readonly answers = new Map<string, string>();
  stages: number[] = [];

  ask({ keys = [], csg = STAGE.security, nsg = STAGE.operational, ...ask }: Ask): LoginStep {
    const data = ask.data ?? encodeTextKeys(keys);
    const header = encodeLoginRequest({
      transit: ask.transit ?? true,
      continues: ask.continues ?? false,
      currentStage: csg,
      nextStage: nsg,
      versionMax: 0,
      versionMin: ask.versionMin ?? 0,
      isid: ask.isid ?? "400001370000",
      tsih: 0,
      taskTag: 5,
      cid: 1,
      cmdSn: 77,
      expStatSn: 0,
      dataLength: data.length,
    });
    const step = this.machine.receive(header, data);
    const reply = step.kind === "complete" ? step.login.accept(9) : step.reply;
    for (const [key, value] of decodeTextKeys(reply.data)) this.answers.set(key, value);
    return step;
  }

  proof(secret: string): string {
    const algorithm = CHAP_ALGORITHMS.find(({ number }) => String(number) === this.answers.get("CHAP_A"));
    if (!algorithm) throw new Error("no algorithm was chosen");
    const challenge = decodeBinary(this.answers.get("CHAP_C") ?? "");
    return encodeBinary(
      chapResponse({ algorithm, identifier: Number(this.answers.get("CHAP_I")), challenge }, secret),
    );
  }
}

/** What each initiator sends, key by key, as its source or a capture shows. */
const CLIENTS = [
  {
    name: "open-iscsi",
    security: [["InitiatorAlias", "raspberrypi"]],
    method: "CHAP",
    algorithms: "8,7,6,5",
    chosen: "8",
    operational: [
      ["HeaderDigest", "None"],
      ["DataDigest", "None"],
      ["DefaultTime2Wait", "2"],
      ["DefaultTime2Retain", "0"],
      ["IFMarker", "No"],
      ["OFMarker", "No"],
      ["ErrorRecoveryLevel", "0"],
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["MaxBurstLength", "16776192"],
      ["FirstBurstLength", "262144"],
      ["MaxOutstandingR2T", "1"],
      ["MaxConnections", "1"],
      ["DataPDUInOrder", "Yes"],
      ["DataSequenceInOrder", "Yes"],
      ["MaxRecvDataSegmentLength", "262144"],
    ],
    expected: {
      InitialR2T: false,
      ImmediateData: true,
      FirstBurstLength: 262144,
      MaxBurstLength: 16776192,
      MaxRecvDataSegmentLength: 262144,
    },
  },
  {
    name: "libiscsi",
    security: [],
    method: "CHAP,None",
    algorithms: "5",
    chosen: "5",
    operational: [
      ["HeaderDigest", "None,CRC32C"],
      ["DataDigest", "None"],
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["MaxBurstLength", "262144"],
      ["FirstBurstLength", "262144"],
      ["MaxRecvDataSegmentLength", "262144"],
      ["DataPDUInOrder", "Yes"],
      ["DefaultTime2Wait", "2"],
      ["DefaultTime2Retain", "0"],
      ["IFMarker", "No"],
      ["OFMarker", "No"],
      ["MaxConnections", "1"],
      ["MaxOutstandingR2T", "1"],
      ["DataSequenceInOrder", "Yes"],
      ["ErrorRecoveryLevel", "0"],
    ],
    expected: { InitialR2T: false, HeaderDigest: "None", MaxRecvDataSegmentLength: 262144 },
  },
  {
    name: "iPXE",
    security: [],
    method: "CHAP,None",
    algorithms: "5",
    chosen: "5",
    operational: [
      ["HeaderDigest", "None"],
      ["DataDigest", "None"],
      ["MaxConnections", "1"],
      ["InitialR2T", "Yes"],
      ["ImmediateData", "No"],
      ["MaxRecvDataSegmentLength", "8192"],
      ["MaxBurstLength", "262144"],
      ["DefaultTime2Wait", "0"],
      ["DefaultTime2Retain", "0"],
      ["MaxOutstandingR2T", "1"],
      ["DataPDUInOrder", "Yes"],
      ["DataSequenceInOrder", "Yes"],
      ["ErrorRecoveryLevel", "0"],
    ],
    expected: { InitialR2T: true, ImmediateData: false, MaxRecvDataSegmentLength: 8192, DefaultTime2Wait: 0 },
  },
  {
    name: "EDK2",
    security: [],
    method: "CHAP",
    algorithms: "7,5",
    chosen: "7",
    operational: [
      ["HeaderDigest", "None"],
      ["DataDigest", "None"],
      ["ErrorRecoveryLevel", "0"],
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["MaxRecvDataSegmentLength", "65536"],
      ["MaxBurstLength", "262144"],
      ["FirstBurstLength", "65536"],
      ["MaxConnections", "1"],
      ["DataPDUInOrder", "Yes"],
      ["DataSequenceInOrder", "Yes"],
      ["DefaultTime2Wait", "2"],
      ["DefaultTime2Retain", "20"],
      ["MaxOutstandingR2T", "16"],
    ],
    expected: {
      InitialR2T: false,
      FirstBurstLength: 65536,
      MaxRecvDataSegmentLength: 65536,
      MaxOutstandingR2T: 1,
    },
  },
] as const;

const names = (target: string): TextKey[] => [
  ["InitiatorName", "iqn.2026-01.test:initiator"],
  ["TargetName", target],
  ["SessionType", "Normal"],
];

/** A login that stands before the challenge of the locked target. */
const chapped = (then: (script: Script) => LoginStep): LoginStep => {
  const script = new Script();
  script.ask({ keys: [...names(LOCKED.name), ["AuthMethod", "CHAP"]] });
  script.ask({ keys: [["CHAP_A", "5"]], transit: false });
  return then(script);
};

describe("the login machine", () => {
  for (const { name, security, method, algorithms, chosen, operational, expected } of CLIENTS) {
    test(`${name} logs in with CHAP and gets the session it asks for`, () => {
      const script = new Script();
      const first = script.ask({ keys: [...names(LOCKED.name), ...security, ["AuthMethod", method]] });
      expect(first.kind).toBe("reply");
      expect(script.answers.get("AuthMethod")).toBe("CHAP");
      script.ask({ keys: [["CHAP_A", algorithms]], transit: false });
      expect(script.answers.get("CHAP_A")).toBe(chosen);
      script.ask({
        keys: [
          ["CHAP_N", LOGIN.user],
          ["CHAP_R", script.proof(LOGIN.secret)],
        ],
      });
      const last = script.ask({ keys: operational, csg: STAGE.operational, nsg: STAGE.fullFeature });
      if (last.kind !== "complete") throw new Error(`the login ended with ${last.kind}`);
      expect(last.login.parameters).toMatchObject(expected);
      expect(last.login).toMatchObject({ chapUser: "pi", cmdSn: 77, cid: 1, target: LOCKED });
      // "Reject" is fatal to iPXE, and EDK2 takes any answer that it did not ask for as an error.
      const asked = new Set<string>(operational.map(([key]) => key));
      for (const known of ["TargetPortalGroupTag", "AuthMethod", "CHAP_A", "CHAP_I", "CHAP_C"])
        asked.add(known);
      for (const [key, value] of script.answers) {
        expect(["Reject", "NotUnderstood", "Irrelevant"], `${key}=${value}`).not.toContain(value);
        expect(asked.has(key), key).toBe(true);
      }
    });

    test(`${name} gets into an open target without a secret`, () => {
      const script = new Script();
      script.ask({ keys: [...names(OPEN.name), ...security, ["AuthMethod", "None"]] });
      expect(script.answers.get("AuthMethod")).toBe("None");
      const last = script.ask({ keys: operational, csg: STAGE.operational, nsg: STAGE.fullFeature });
      expect(last.kind).toBe("complete");
    });
  }

  test("the response that completes the login bears the session's TSIH and the command window", () => {
    const script = new Script();
    const step = script.ask({ keys: names(OPEN.name), csg: STAGE.operational, nsg: STAGE.fullFeature });
    if (step.kind !== "complete") throw new Error(step.kind);
    const response = decodeLoginResponse(step.login.accept(0x1234).header);
    expect(response).toMatchObject({
      tsih: 0x1234,
      transit: true,
      nextStage: 3,
      status: 0,
      taskTag: 5,
      expCmdSn: 77,
      maxCmdSn: 77 + 127,
    });
  });

  test("keys may be spread over several requests by the C bit", () => {
    const script = new Script();
    const bytes = encodeTextKeys(names(OPEN.name));
    const step = script.ask({ data: bytes.subarray(0, 20), transit: false, continues: true });
    expect(step.kind).toBe("reply");
    expect(script.ask({ data: bytes.subarray(20) }).kind).toBe("reply");
    expect(script.machine.targetName).toBe(OPEN.name);
  });

  test("a target name is found in whatever case the initiator writes it", () => {
    expect(new Script().ask({ keys: names(OPEN.name.toUpperCase()) }).kind).toBe("reply");
  });

  test("a discovery session needs no target and may authenticate", () => {
    const keys: TextKey[] = [
      ["InitiatorName", "iqn.x:y"],
      ["SessionType", "Discovery"],
    ];
    const anonymous = new Script();
    anonymous.ask({ keys: [...keys, ["AuthMethod", "None"]] });
    const step = anonymous.ask({ keys: [["MaxBurstLength", "512"]], csg: 1, nsg: 3 });
    expect(step.kind).toBe("complete");
    expect(anonymous.answers.get("MaxBurstLength")).toBe("Irrelevant");
    expect(anonymous.answers.has("TargetPortalGroupTag")).toBe(false);
    const known = new Script();
    known.ask({ keys: [...keys, ["AuthMethod", "CHAP,None"]] });
    known.ask({ keys: [["CHAP_A", "5"]], transit: false });
    known.ask({
      keys: [
        ["CHAP_N", "pi"],
        ["CHAP_R", known.proof(LOGIN.secret)],
      ],
    });
    const last = known.ask({ csg: 1, nsg: 3 });
    expect(last.kind === "complete" && last.login.chapUser).toBe("pi");
  });

  test("a target that is elsewhere sends the initiator there, in whatever stage it begins", () => {
    for (const csg of [STAGE.security, STAGE.operational]) {
      const script = new Script();
      const step = script.ask({ keys: names(MOVED.name), csg, nsg: STAGE.fullFeature });
      if (step.kind !== "redirect") throw new Error(step.kind);
      expect(script.answers).toEqual(new Map([["TargetAddress", "[2001:db8::7]:3261"]]));
      expect(decodeLoginResponse(step.reply.header)).toMatchObject({ status: 0x0101, transit: false });
    }
  });

  test("two challenges are never the same", () => {
    const challenges = Array.from({ length: 20 }, () => {
      const script = new Script();
      script.ask({ keys: [...names(LOCKED.name), ["AuthMethod", "CHAP"]] });
      script.ask({ keys: [["CHAP_A", "5"]], transit: false });
      return script.answers.get("CHAP_C");
    });
    expect(new Set(challenges).size).toBe(20);
  });

  const REFUSED: readonly { what: string; status: LoginStatus; run: () => LoginStep }[] = [
    {
      what: "a wrong secret",
      status: "authenticationFailure",
      run: () =>
        chapped((script) =>
          script.ask({
            keys: [
              ["CHAP_N", "pi"],
              ["CHAP_R", script.proof("wrong")],
            ],
          }),
        ),
    },
    {
      what: "a wrong user",
      status: "authenticationFailure",
      run: () =>
        chapped((script) =>
          script.ask({
            keys: [
              ["CHAP_N", "po"],
              ["CHAP_R", script.proof(LOGIN.secret)],
            ],
          }),
        ),
    },
    {
      what: "an answer without a user",
      status: "missingParameter",
      run: () => chapped((script) => script.ask({ keys: [["CHAP_R", script.proof(LOGIN.secret)]] })),
    },
    {
      what: "mutual CHAP, which is not set up",
      status: "authenticationFailure",
      run: () =>
        chapped((script) =>
          script.ask({
            keys: [
              ["CHAP_N", "pi"],
              ["CHAP_R", script.proof(LOGIN.secret)],
              ["CHAP_I", "1"],
              ["CHAP_C", "0x1234"],
            ],
          }),
        ),
    },
    {
      what: "a proof in place of a choice of algorithm",
      status: "authenticationFailure",
      run: () => {
        const script = new Script();
        script.ask({ keys: [...names(LOCKED.name), ["AuthMethod", "CHAP"]] });
        return script.ask({
          keys: [
            ["CHAP_N", "pi"],
            ["CHAP_R", "0x00"],
          ],
        });
      },
    },
    {
      what: "unknown algorithms alone",
      status: "authenticationFailure",
      run: () => {
        const script = new Script();
        script.ask({ keys: [...names(LOCKED.name), ["AuthMethod", "CHAP"]] });
        return script.ask({ keys: [["CHAP_A", "3,99"]], transit: false });
      },
    },
    {
      what: "AuthMethod=None at a target with a secret",
      status: "authenticationFailure",
      run: () => new Script().ask({ keys: [...names(LOCKED.name), ["AuthMethod", "None"]] }),
    },
    {
      what: "skipping the security stage of a target with a secret",
      status: "authenticationFailure",
      run: () => new Script().ask({ keys: names(LOCKED.name), csg: 1, nsg: 3 }),
    },
    {
      what: "an unknown target",
      status: "notFound",
      run: () => new Script().ask({ keys: names("iqn.2026-01.test:none") }),
    },
    {
      what: "no target in a normal session",
      status: "missingParameter",
      run: () => new Script().ask({ keys: [["InitiatorName", "iqn.x:y"]] }),
    },
    {
      what: "no initiator name",
      status: "missingParameter",
      run: () => new Script().ask({ keys: [["TargetName", OPEN.name]] }),
    },
    {
      what: "an initiator name of 4 kB",
      status: "initiatorError",
      run: () =>
        new Script().ask({
          keys: [
            ["InitiatorName", "x".repeat(1500)],
            ["TargetName", OPEN.name],
          ],
        }),
    },
    {
      what: "an unknown session type",
      status: "sessionTypeNotSupported",
      run: () =>
        new Script().ask({
          keys: [
            ["InitiatorName", "iqn.x:y"],
            ["SessionType", "Other"],
          ],
        }),
    },
    {
      what: "a key given twice",
      status: "initiatorError",
      run: () => new Script().ask({ keys: [...names(OPEN.name), ["TargetName", OPEN.name]] }),
    },
    {
      what: "a key negotiated again in a later request",
      status: "initiatorError",
      run: () => {
        const script = new Script();
        script.ask({ keys: names(OPEN.name) });
        script.ask({ keys: [["MaxBurstLength", "8192"]], csg: 1, nsg: 3, transit: false });
        return script.ask({ keys: [["MaxBurstLength", "4096"]], csg: 1, nsg: 3 });
      },
    },
    {
      what: "a data segment length of 0",
      status: "initiatorError",
      run: () => {
        const script = new Script();
        script.ask({ keys: names(OPEN.name) });
        return script.ask({ keys: [["MaxRecvDataSegmentLength", "0"]], csg: 1, nsg: 3 });
      },
    },
    {
      what: "a first burst beyond the burst",
      status: "initiatorError",
      run: () => {
        const script = new Script();
        script.ask({ keys: names(OPEN.name) });
        return script.ask({
          keys: [
            ["FirstBurstLength", "8192"],
            ["MaxBurstLength", "4096"],
          ],
          csg: 1,
          nsg: 3,
        });
      },
    },
    {
      what: "a newer version of iSCSI",
      status: "unsupportedVersion",
      run: () => new Script().ask({ keys: names(OPEN.name), versionMin: 1 }),
    },
    {
      what: "a transition backwards",
      status: "initiatorError",
      run: () => new Script().ask({ keys: names(OPEN.name), csg: 1, nsg: 0 }),
    },
    {
      what: "a stage that is not the current one",
      status: "initiatorError",
      run: () => {
        const script = new Script();
        script.ask({ keys: names(OPEN.name) });
        return script.ask({ csg: 0 });
      },
    },
    {
      what: "another ISID in the middle of a login",
      status: "initiatorError",
      run: () => {
        const script = new Script();
        script.ask({ keys: names(OPEN.name) });
        return script.ask({ csg: 1, nsg: 3, isid: "400001370001" });
      },
    },
    {
      what: "keys without an end",
      status: "initiatorError",
      run: () => {
        const script = new Script();
        let step = script.ask({ data: new Uint8Array(8000).fill(65), continues: true, transit: false });
        for (let i = 0; i < 2; i++)
          step = script.ask({ data: new Uint8Array(8000).fill(65), continues: true, transit: false });
        return step;
      },
    },
    {
      what: "requests without an end",
      status: "initiatorError",
      run: () => {
        const script = new Script();
        let step = script.ask({ keys: names(OPEN.name), transit: false });
        for (let i = 0; i < 40 && step.kind === "reply"; i++) step = script.ask({ transit: false });
        return step;
      },
    },
  ];

  for (const { what, status, run } of REFUSED) {
    test(`${what} is refused with ${status}`, () => {
      const step = run();
      if (step.kind !== "fail") throw new Error(`it was answered with ${step.kind}`);
      expect(step.status).toBe(status);
      expect(decodeLoginResponse(step.reply.header)).toMatchObject({
        status: LOGIN_STATUS[status],
        transit: false,
      });
      expect(step.reason).toMatch(/^[A-Z].*\.$/);
    });
  }

  test("a wrong user and a wrong secret are refused in the same words", () => {
    const reasons = REFUSED.slice(0, 2).map(({ run }) => {
      const step = run();
      return step.kind === "fail" ? step.reason : "";
    });
    expect(reasons[0]).toBe(reasons[1] ?? "");
  });
});
