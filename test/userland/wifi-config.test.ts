import { afterEach, beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { statSync } from "node:fs";
import { describeWith } from "../support/tools.ts";
import { type ShellResult, ShimShell } from "./shim-shell.ts";

const CONFIG = "keep/etc/wpa_supplicant.conf";

/** Every byte that is no plain letter or digit as %XX. */
function percent(bytes: Uint8Array): string {
  return [...bytes]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      return /[A-Za-z0-9]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

describeWith(["busybox"], "the WiFi credentials of the shim", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.program("mount", "exit 1");
  });
  afterEach(() => shell.dispose());

  const configure = (commandLine: string, before = ""): ShellResult => {
    shell.write("proc/cmdline", `${commandLine}\n`);
    return shell.run(
      `cmdline_read; ${before}\nwifi_configure; echo "$? $WIFI_SOURCE"; cat '${shell.path(CONFIG)}'`,
    );
  };
  /** A card whose FAT partition has this wpa_supplicant.conf. */
  const card = (content: string | Uint8Array): void => {
    shell.write("sys/class/block/mmcblk0p1/partition", "1\n");
    shell.write("card-content", content);
    shell.program(
      "mount",
      `case "$*" in *vfat*ro,*mmcblk0p1*) cp '${shell.path("card-content")}' '${shell.path("state/card/wpa_supplicant.conf")}' ;; *) exit 1 ;; esac`,
    );
    shell.program("umount", `rm -f '${shell.path("state/card/wpa_supplicant.conf")}'`);
  };

  test("a name and a password of the command line", () => {
    const { text } = configure("console=tty1 wifi.ssid=MyNetwork wifi.psk=MyPassword wifi.country=de");
    expect(text).toBe(
      [
        "0 the kernel command line",
        "country=DE",
        "ctrl_interface=/run/wpa",
        "sae_pwe=2",
        "network={",
        ` ssid=${Buffer.from("MyNetwork").toString("hex")}`,
        " scan_ssid=1",
        ' psk="MyPassword"',
        " key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE",
        " ieee80211w=1",
        "}",
        "",
      ].join("\n"),
    );
    expect(statSync(shell.path(CONFIG)).mode & 0o777).toBe(0o600);
  });

  test.each([
    [
      "quotes of the kernel around blanks",
      'wifi.ssid="My Network" wifi.psk="pass word"',
      "My Network",
      "pass word",
    ],
    ["percent signs that encode nothing", "wifi.ssid=100%x wifi.psk=50%off%zz", "100%x", "50%off%zz"],
    ["an encoded percent sign", "wifi.ssid=a%2520b wifi.psk=12%2534567", "a%20b", "12%34567"],
    ["capital digits", "wifi.ssid=a%2Fb wifi.psk=%5Cn%5Cx%22%23%3D%5C", "a/b", '\\n\\x"#=\\'],
    ["equals signs as they are", "wifi.ssid=a=b wifi.psk===secret==", "a=b", "==secret=="],
    [
      "what a shell would take",
      "wifi.ssid=$(id);%60id%60 wifi.psk=$(reboot)*'x",
      "$(id);`id`",
      "$(reboot)*'x",
    ],
    ["UTF-8", "wifi.ssid=Caf%C3%A9 wifi.psk=%C3%A4%C3%B6%C3%BC%C3%9F", "Café", "äöüß"],
    [
      "an attempt to add lines",
      "wifi.ssid=x%22%0a}%0a wifi.psk=%22%20network={%20x",
      'x"\n}\n',
      '" network={ x',
    ],
  ])("%s", (_name, line, ssid, psk) => {
    const { text } = configure(line);
    expect(text).toContain(`\n ssid=${Buffer.from(ssid).toString("hex")}\n`);
    expect(text).toContain(`\n psk="${psk}"\n`);
    expect(text.split("\n").filter((each) => each.includes("network="))).toHaveLength(
      psk.includes("network=") ? 2 : 1,
    );
  });

  test("any name and any password come out byte for byte", () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 32 });
    const letter = fc.integer({ min: 32, max: 255 }).filter((byte) => byte !== 127);
    const secret = fc.array(letter, { minLength: 8, maxLength: 63 }).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(name, secret, (ssid, psk) => {
        const { bytes } = configure(`wifi.ssid=${percent(ssid)} wifi.psk=${percent(psk)}`);
        const text = bytes.toString("latin1");
        expect(text).toContain(`\n ssid=${Buffer.from(ssid).toString("hex")}\n`);
        // Nothing decodes 64 hexadecimal digits: 63 is the longest password.
        expect(text).toContain(`\n psk="${Buffer.from(psk).toString("latin1")}"\n`);
      }),
      { numRuns: 25 },
    );
  }, 30_000);

  test("64 hexadecimal digits are the key itself", () => {
    const key = "0123456789abcdefABCDEF0123456789".repeat(2);
    expect(configure(`wifi.ssid=x wifi.psk=${key}`).text).toContain(
      `\n psk=${key}\n key_mgmt=WPA-PSK WPA-PSK-SHA256\n`,
    );
  });

  test("without a password the network is an open one", () => {
    expect(configure("wifi.ssid=Guests").text).toContain("\n key_mgmt=NONE\n");
  });

  test.each([
    ["wifi.psk=short77", "wifi.psk from the kernel command line has 7 bytes", "short77"],
    [`wifi.psk=${"x".repeat(64)}`, "wifi.psk from the kernel command line has 64 bytes", "xxxx"],
    ["wifi.psk=12345678%0a", "wifi.psk from the kernel command line has a control character", "12345678"],
    ["wifi.psk=12345678%00", "wifi.psk from the kernel command line has a control character", "12345678"],
    [
      "wifi.psk=12345678 wifi.country=Germany",
      "wifi.country=Germany from the kernel command line is no country",
      "12345678",
    ],
  ])("a wrong value is said with its source, and no password is shown: %s", (line, words, secret) => {
    const { said, text } = configure(`wifi.ssid=x ${line}`);
    expect(said).toContain(`stage=network state=fail ${words}`);
    expect(said).not.toContain(secret);
    expect(text).toMatch(/^1 /);
  });

  test("a name of more than 32 bytes is said", () => {
    expect(configure(`wifi.ssid=${"%41".repeat(33)}`).said).toContain(
      "wifi.ssid from the kernel command line has more than 32 bytes",
    );
    expect(configure(`wifi.ssid=${"%41".repeat(32)}`).said).toBe("");
  });

  test("nobody names a network: that is no mistake", () => {
    const { text, said } = configure("console=tty1");
    expect(text).toBe("1 \n");
    expect(said).toBe("");
  });

  test("the file of the card wins over the command line, and that over the file of the build", () => {
    shell.write("etc/built-in", 'network={\n ssid="Built"\n}\n');
    const before = `WIFI_CONFIG_BUILT_IN='${shell.path("etc/built-in")}'`;
    expect(configure("", before).text).toContain(
      '0 wpa_supplicant.conf inside this shim\nnetwork={\n ssid="Built"',
    );
    expect(configure("wifi.ssid=Line", before).text).toStartWith("0 the kernel command line\n");
    card('network={\n ssid="Card"\n}\n');
    expect(configure("wifi.ssid=Line", before).text).toContain('mmcblk0p1\nnetwork={\n ssid="Card"');
  });

  const FILE =
    'country=GB\nupdate_config=1\nnetwork={\n ssid="A B"\n psk="pass word"\n}\nnetwork={\n ssid="two"\n}\n';
  test.each([
    ["Unix", FILE],
    ["Windows, with a byte order mark", `\uFEFF${FILE.replaceAll("\n", "\r\n")}`],
    ["an old Mac", FILE.replaceAll("\n", "\r")],
  ])("a file with the line ends of %s keeps its networks and line numbers", (_name, content) => {
    card(content);
    const lines = configure("wifi.country=de").text.split("\n").slice(1);
    expect(lines.slice(0, 9)).toEqual(FILE.replace("update_config=1", "").trimEnd().split("\n"));
    // The file has a country of its own: the command line's is not added.
    expect(lines.slice(9)).toEqual(["ctrl_interface=/run/wpa", "sae_pwe=2", ""]);
  });

  test("what would take the control socket elsewhere is left away, and a missing country comes from the command line", () => {
    card(
      'ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\np2p_disabled=1\nnetwork={\n ssid="x"\n}\n',
    );
    expect(configure("wifi.country=fr").text.split("\n").slice(1)).toEqual([
      "",
      "",
      "network={",
      ' ssid="x"',
      "}",
      "country=FR",
      "ctrl_interface=/run/wpa",
      "sae_pwe=2",
      "",
    ]);
  });

  test("a file without a network is said", () => {
    card("country=GB\n");
    const { said, text } = configure("");
    expect(said).toContain("state=fail wpa_supplicant.conf on");
    expect(said).toContain("names no network");
    expect(text).toStartWith("1 ");
  });

  test("once a session runs no partition is mounted: it may be the target's", () => {
    card('network={\n ssid="Card"\n}\n');
    expect(configure("", "SESSION=session1").text).toBe("1 \n");
  });
});
