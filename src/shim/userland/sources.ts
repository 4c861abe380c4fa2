/** Everything of the project's own that goes into the initramfs, as text by name. */
import absentFeatures from "./c/absent-features.c" with { type: "text" };
import chapDigests from "./c/chap-digests.c" with { type: "text" };
import font from "./c/font.c" with { type: "text" };
import libkmodHeader from "./c/include/libkmod.h" with { type: "text" };
import libmountHeader from "./c/include/libmount/libmount.h" with { type: "text" };
import evpHeader from "./c/include/openssl/evp.h" with { type: "text" };
import randHeader from "./c/include/openssl/rand.h" with { type: "text" };
import helpdisk from "./c/helpdisk.c" with { type: "text" };
import firmwareSource from "./c/kexec/firmware.c" with { type: "text" };
import firmwareHeader from "./c/kexec/firmware.h" with { type: "text" };
import imageSource from "./c/kexec/image.c" with { type: "text" };
import imageHeader from "./c/kexec/image.h" with { type: "text" };
import kexecLoadSource from "./c/kexec/kexec-load.c" with { type: "text" };
import kexecTreeSource from "./c/kexec/kexec-tree.c" with { type: "text" };
import memorySource from "./c/kexec/memory.c" with { type: "text" };
import memoryHeader from "./c/kexec/memory.h" with { type: "text" };
import overlaySource from "./c/kexec/overlay.c" with { type: "text" };
import overlayHeader from "./c/kexec/overlay.h" with { type: "text" };
import parameterSource from "./c/kexec/parameter.c" with { type: "text" };
import treeSource from "./c/kexec/tree.c" with { type: "text" };
import treeHeader from "./c/kexec/tree.h" with { type: "text" };
import unzstdSource from "./c/kexec/unzstd.c" with { type: "text" };
import findServers from "./c/find-servers.c" with { type: "text" };
import libnlDefs from "./c/include/defs.h" with { type: "text" };
import libnlVersion from "./c/include/netlink/version.h" with { type: "text" };
import wolfsslSettings from "./c/include/user_settings.h" with { type: "text" };
import wolfsslOptions from "./c/include/wolfssl/options.h" with { type: "text" };
import keep from "./c/keep.c" with { type: "text" };
import lockMemory from "./c/lock-memory.c" with { type: "text" };
import logLines from "./c/log-lines.c" with { type: "text" };
import addressKeeper from "./init/address-keeper.sh" with { type: "text" };
import bootconfAwk from "./init/bootconf.awk" with { type: "text" };
import wpaAsk from "./c/wpa-ask.c" with { type: "text" };
import cmdlineAwk from "./init/cmdline.awk" with { type: "text" };
import cmdline from "./init/cmdline.sh" with { type: "text" };
import cpus from "./init/cpus.sh" with { type: "text" };
import consoleSender from "./init/console-sender.sh" with { type: "text" };
import console from "./init/console.sh" with { type: "text" };
import dhcpClient from "./init/dhcp-client.sh" with { type: "text" };
import dhcpEvent from "./init/dhcp-event.sh" with { type: "text" };
import eepromImage from "./init/eeprom-image.sh" with { type: "text" };
import eepromSpi from "./init/eeprom-spi.sh" with { type: "text" };
import eeprom from "./init/eeprom.sh" with { type: "text" };
import gadget from "./init/gadget.sh" with { type: "text" };
import clock from "./init/clock.sh" with { type: "text" };
import diskWatch from "./init/disk-watch.sh" with { type: "text" };
import duplicate from "./init/duplicate.sh" with { type: "text" };
import endpointProblem from "./init/endpoint-problem.sh" with { type: "text" };
import rootName from "./init/root-name.sh" with { type: "text" };
import findServer from "./init/find-server.sh" with { type: "text" };
import handover from "./init/handover.sh" with { type: "text" };
import init from "./init/init.sh" with { type: "text" };
import interfaceName from "./init/interface-name.sh" with { type: "text" };
import keepTmpfs from "./init/keep.sh" with { type: "text" };
import kexec from "./init/kexec.sh" with { type: "text" };
import helpDisk from "./init/help-disk.sh" with { type: "text" };
import helpSteps from "./init/help-steps.sh" with { type: "text" };
import login from "./init/login.sh" with { type: "text" };
import machine from "./init/machine.sh" with { type: "text" };
import mode from "./init/mode.sh" with { type: "text" };
import modulesLoad from "./init/modules-load.sh" with { type: "text" };
import modulePack from "./init/module-pack.sh" with { type: "text" };
import network from "./init/network.sh" with { type: "text" };
import orders from "./init/orders.sh" with { type: "text" };
import parameters from "./init/parameters.sh" with { type: "text" };
import partitions from "./init/partitions.sh" with { type: "text" };
import percent from "./init/percent.sh" with { type: "text" };
import report from "./init/report.sh" with { type: "text" };
import rootPath from "./init/root-path.sh" with { type: "text" };
import resolvConf from "./init/resolv-conf.sh" with { type: "text" };
import root from "./init/root.sh" with { type: "text" };
import boards from "./init/boards.sh" with { type: "text" };
import configTxtAwk from "./init/config-txt.awk" with { type: "text" };
import configTxt from "./init/config-txt.sh" with { type: "text" };
import continued from "./init/continued.sh" with { type: "text" };
import kexecInitramfs from "./init/kexec-initramfs.sh" with { type: "text" };
import kexecModulesAwk from "./init/kexec-modules.awk" with { type: "text" };
import kexecModules from "./init/kexec-modules.sh" with { type: "text" };
import kexecPrepare from "./init/kexec-prepare.sh" with { type: "text" };
import kexecStart from "./init/kexec-start.sh" with { type: "text" };
import unpack from "./init/unpack.sh" with { type: "text" };
import handoverInitramfs from "./init/handover-initramfs.sh" with { type: "text" };
import keepHints from "./init/keep-hints.sh" with { type: "text" };
import kexecInit from "./init/kexec-init.sh" with { type: "text" };
import say from "./init/say.sh" with { type: "text" };
import screenAwk from "./init/screen.awk" with { type: "text" };
import screen from "./init/screen.sh" with { type: "text" };
import targetHints from "./init/target-hints.sh" with { type: "text" };
import usb from "./init/usb.sh" with { type: "text" };
import values from "./init/values.sh" with { type: "text" };
import wifiConfig from "./init/wifi-config.sh" with { type: "text" };
import wifi from "./init/wifi.sh" with { type: "text" };

/** C files and the headers that stand in for libraries, by path below the compiler's working folder. */
export const C_SOURCES: Readonly<Record<string, string>> = {
  "absent-features.c": absentFeatures,
  "chap-digests.c": chapDigests,
  "font.c": font,
  "helpdisk.c": helpdisk,
  "find-servers.c": findServers,
  "keep.c": keep,
  "lock-memory.c": lockMemory,
  "log-lines.c": logLines,
  "kexec/firmware.c": firmwareSource,
  "kexec/firmware.h": firmwareHeader,
  "kexec/image.c": imageSource,
  "kexec/image.h": imageHeader,
  "kexec/kexec-load.c": kexecLoadSource,
  "kexec/kexec-tree.c": kexecTreeSource,
  "kexec/memory.c": memorySource,
  "kexec/memory.h": memoryHeader,
  "kexec/overlay.c": overlaySource,
  "kexec/overlay.h": overlayHeader,
  "kexec/parameter.c": parameterSource,
  "kexec/tree.c": treeSource,
  "kexec/tree.h": treeHeader,
  "kexec/unzstd.c": unzstdSource,
  "wpa-ask.c": wpaAsk,
  "include/defs.h": libnlDefs,
  "include/libkmod.h": libkmodHeader,
  "include/libmount/libmount.h": libmountHeader,
  "include/netlink/version.h": libnlVersion,
  "include/openssl/evp.h": evpHeader,
  "include/openssl/rand.h": randHeader,
  "include/user_settings.h": wolfsslSettings,
  "include/wolfssl/options.h": wolfsslOptions,
};

/** The program that the kernel starts. */
export const INIT = init;

/** What init reads, by name in /lib/shim. */
export const INIT_PARTS: Readonly<Record<string, string>> = {
  "address-keeper.sh": addressKeeper,
  "bootconf.awk": bootconfAwk,
  "cmdline.awk": cmdlineAwk,
  "cmdline.sh": cmdline,
  "cpus.sh": cpus,
  "console-sender.sh": consoleSender,
  "console.sh": console,
  "dhcp-client.sh": dhcpClient,
  "dhcp-event.sh": dhcpEvent,
  "eeprom-image.sh": eepromImage,
  "eeprom-spi.sh": eepromSpi,
  "eeprom.sh": eeprom,
  "gadget.sh": gadget,
  "clock.sh": clock,
  "disk-watch.sh": diskWatch,
  "duplicate.sh": duplicate,
  "endpoint-problem.sh": endpointProblem,
  "root-name.sh": rootName,
  "find-server.sh": findServer,
  "handover.sh": handover,
  "interface-name.sh": interfaceName,
  "keep.sh": keepTmpfs,
  "help-disk.sh": helpDisk,
  "help-steps.sh": helpSteps,
  "kexec.sh": kexec,
  "login.sh": login,
  "machine.sh": machine,
  "mode.sh": mode,
  "module-pack.sh": modulePack,
  "modules-load.sh": modulesLoad,
  "network.sh": network,
  "orders.sh": orders,
  "parameters.sh": parameters,
  "partitions.sh": partitions,
  "percent.sh": percent,
  "report.sh": report,
  "resolv-conf.sh": resolvConf,
  "root-path.sh": rootPath,
  "root.sh": root,
  "boards.sh": boards,
  "config-txt.awk": configTxtAwk,
  "config-txt.sh": configTxt,
  "continued.sh": continued,
  "kexec-initramfs.sh": kexecInitramfs,
  "kexec-modules.awk": kexecModulesAwk,
  "kexec-modules.sh": kexecModules,
  "kexec-prepare.sh": kexecPrepare,
  "kexec-start.sh": kexecStart,
  "unpack.sh": unpack,
  "handover-initramfs.sh": handoverInitramfs,
  "keep-hints.sh": keepHints,
  "kexec-init.sh": kexecInit,
  "say.sh": say,
  "screen.awk": screenAwk,
  "screen.sh": screen,
  "target-hints.sh": targetHints,
  "usb.sh": usb,
  "values.sh": values,
  "wifi-config.sh": wifiConfig,
  "wifi.sh": wifi,
};
