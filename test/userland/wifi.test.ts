import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { type ShellResult, ShimShell } from "./shim-shell.ts";

const SCAN = [
  "bssid / frequency / signal level / flags / ssid",
  `02:00:00:00:01:00\t2412\t-30\t[WPA2-PSK-CCMP][ESS]\tCaf\\xc3\\xa9 \\"2\\"`,
  "02:00:00:00:02:00\t2437\t-40\t[ESS]\t",
  "02:00:00:00:03:00\t2437\t-50\t[ESS]\tGuests",
  "02:00:00:00:03:01\t5180\t-60\t[ESS]\tGuests",
].join("\n");

describeWith(["busybox"], "the shim's WiFi", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.write("sbin/wpa_supplicant", "");
    shell.program("mount", "exit 1");
    shell.program("modprobe", "exit 0");
    shell.program("dmesg", "exit 0");
    shell.program("ip", "exit 0");
  });
  afterEach(() => shell.dispose());

  const radio = (name = "wlan0"): void => {
    shell.write(`sys/class/net/${name}/type`, "1\n");
    shell.write(`sys/class/net/${name}/phy80211/index`, "0\n");
  };
  /** wpa_supplicant answers so, and has logged these lines when it is looked at. */
  const supplicant = (state: string, log = ""): void => {
    shell.write("log", log);
    shell.write("scan", `${SCAN}\n`);
    shell.program(
      "wpa-ask",
      `case "$3" in
        STATUS) printf 'bssid=02:00\\nssid=Home\\nwpa_state=%s\\n' '${state}' ;;
        LIST_NETWORKS) printf 'network id / ssid / bssid / flags\\n0\\tHome\\tany\\t[CURRENT]\\n' ;;
        SCAN_RESULTS) cat '${shell.path("scan")}' ;;
        *) printf '%s\\n' "$3" >>'${shell.path("asked")}'; echo OK ;;
      esac`,
    );
  };
  const run = (commandLine = "wifi.ssid=Home wifi.psk=12345678", script = "wifi_up"): ShellResult => {
    shell.write("proc/cmdline", `${commandLine}\n`);
    return shell.run(`
      WIFI_SUPPLICANT='${shell.path("sbin/wpa_supplicant")}'
      # A try of 30 s is over at once: what counts is how often is looked.
      POLLS_PER_SECOND=1
      # Each look is a second.
      wifi_seconds() { looks=$(($(cat "$STATE/looks" 2>/dev/null) + 1)); echo "$looks" >"$STATE/looks"; echo "$looks"; }
      poll_pause() { :; }
      sleep() { :; }
      keep_start() { echo "start $2 $3 $*"; cat '${shell.path("log")}' >>"$KEEP$1"; mkdir -p "$KEEP/run/wpa"; : >"$KEEP/run/wpa/$INTERFACE"; KEPT=$$; }
      kill() { [ "$1" = -0 ] || echo stopped; }
      mkdir -p "$KEEP/run"
      chmod 0755 '${shell.path("sbin/wpa_supplicant")}'
      cmdline_read
      wifi_is_wanted && ${script}
      echo "end $? $INTERFACE"`);
  };

  test("a network with the right password connects, and its supplicant is quiet from then on", () => {
    radio("wlan7");
    supplicant("COMPLETED");
    const { said, text } = run();
    expect(said).toContain("state=progress no wired link: trying WiFi as the kernel command line says");
    expect(said).toContain("state=progress connected to the WiFi network Home");
    expect(text).toContain("/sbin/wpa_supplicant -i wlan7 -D nl80211 -c /etc/wpa_supplicant.conf");
    expect(text).toEndWith("end 0 wlan7\n");
    expect(shell.run(`cat '${shell.path("asked")}'`).text).toBe("LOG_LEVEL ERROR\n");
  });

  test.each([
    [
      "WPA2",
      'wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Home" auth_failures=1 duration=10 reason=WRONG_KEY\n',
    ],
    [
      "a chip that does the handshake",
      "wlan0: CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:01:00 reason=15 locally_generated=0\n",
    ],
    [
      "WPA3",
      'wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Home" auth_failures=1 duration=10 reason=CONN_FAILED\n',
    ],
  ])("a wrong password is said as that: %s", (_name, log) => {
    radio();
    supplicant("4WAY_HANDSHAKE", log);
    const { said, text } = run();
    expect(said).toContain(
      "stage=network state=fail the WiFi network Home does not take the password - correct it in the kernel command line",
    );
    expect(text).toContain("stopped\nend 1");
  });

  test("a network that is not here is named with those that are, each once, and the country is asked for", () => {
    radio();
    supplicant("SCANNING", "Successfully initialized wpa_supplicant\n");
    const { said } = run();
    expect(said).toContain(
      `state=fail no WiFi network Home is here; seen: Café "2", Guests - correct the name in the kernel command line, and give the country`,
    );
    expect(run("wifi.ssid=Home wifi.psk=12345678 wifi.country=de").said).not.toContain("give the country");
  });

  test("an access point that does not answer is another matter than one that is not there", () => {
    radio();
    supplicant("ASSOCIATING", "wlan0: Trying to associate with SSID 'Home'\n");
    expect(run().said).toContain(
      "state=fail no connection to the WiFi network Home in 30 s (Trying to associate with SSID 'Home')",
    );
  });

  test("a mistake in the file is said with its line, without the password that stands there", () => {
    radio();
    supplicant(
      "",
      `Line 4: Invalid passphrase length 3 (expected: 8..63) '"abc"'.\nLine 4: failed to parse psk '"abc"'.\n`,
    );
    const { said } = run(undefined, `{ kill() { [ "$1" != -0 ]; }; wifi_up; }`);
    expect(said).toContain(
      "state=fail the kernel command line cannot be used: Line 4: Invalid passphrase length 3 (expected: 8..63)",
    );
    expect(said).not.toContain("abc");
  });

  test("a Pi without a radio", () => {
    supplicant("");
    shell.program("modprobe", "echo 'modprobe: module brcmfmac not found' >&2; exit 1");
    expect(run().said).toContain(
      "state=fail no WiFi adapter has appeared (modprobe: module brcmfmac not found) - use a cable",
    );
  });

  test("a radio whose firmware is missing", () => {
    supplicant("");
    shell.program(
      "dmesg",
      "echo '[ 3.1] brcmfmac mmc1:0001:1: Direct firmware load for brcm/brcmfmac43436-sdio.bin failed with error -2'",
    );
    expect(run().said).toContain(
      "state=fail the WiFi chip of this Pi wants the firmware brcm/brcmfmac43436-sdio.bin, which this shim does not have",
    );
  });

  test("a wrong value of the command line ends the try with its own words", () => {
    radio();
    supplicant("COMPLETED");
    const { said, text } = run("wifi.ssid=Home wifi.psk=short");
    expect(said).toContain("state=fail wifi.psk from the kernel command line has 5 bytes");
    expect(text).not.toContain("start");
  });

  test("WiFi is not wanted where nobody names a network, and not possible where the programs are missing", () => {
    radio();
    supplicant("COMPLETED");
    expect(run("console=tty1").said).toBe("");
    const { said } = run(undefined, `{ WIFI_SUPPLICANT=/nowhere; network_say_no_link; }`);
    expect(said).toContain(
      "wifi.ssid= is given, but this shim is the one without WiFi: choose the variant wifi",
    );
  });

  test("a wired link is preferred, and one that gives no lease is left for WiFi once", () => {
    radio();
    supplicant("COMPLETED");
    shell.write("sys/class/net/eth0/type", "1\n");
    shell.write("sys/class/net/eth0/device/uevent", "");
    shell.write("sys/class/net/eth0/carrier", "1\n");
    const wait = `{ network_wait_for_link; echo "wired $? $INTERFACE"; }`;
    expect(run(undefined, wait).text).toContain("wired 0 eth0\n");
    expect(run(undefined, `{ NETWORK_WITHOUT_LEASE=eth0; ${wait}; }`).text).toContain("wired 1 eth0\n");
    expect(run("console=tty1", ":").text).toBe("end 1 \n");
    shell.write("sys/class/net/eth0/carrier", "0\n");
    expect(run(undefined, wait).text).toContain("wired 1 \n");
  });
});
