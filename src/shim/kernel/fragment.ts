/** The kernel's whole configuration fragment: what is built in, the module pack, and what only tests load. */
import modules from "./modules.config" with { type: "text" };
import builtIn from "./pinetboot.config" with { type: "text" };
import testModules from "./test-modules.config" with { type: "text" };

/** Lines of `CONFIG_NAME=value`, for KCONFIG_ALLCONFIG. */
export const KERNEL_FRAGMENT = [builtIn, modules, testModules].join("\n");
