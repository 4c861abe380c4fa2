/* libkmod as far as open-iscsi uses it: our kernel has its drivers built in, so nothing is ever loaded. */
#ifndef PINETBOOT_LIBKMOD_H
#define PINETBOOT_LIBKMOD_H

#include <stddef.h>

struct kmod_ctx;
struct kmod_module;
enum { KMOD_PROBE_APPLY_BLACKLIST = 0 };

static inline struct kmod_ctx *kmod_new(const char *dir, const char *const *config)
{
	(void)dir;
	(void)config;
	return NULL;
}

static inline int kmod_load_resources(struct kmod_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static inline int kmod_module_new_from_name(struct kmod_ctx *ctx, const char *name, struct kmod_module **module)
{
	(void)ctx;
	(void)name;
	*module = NULL;
	return 0;
}

static inline int kmod_module_probe_insert_module(struct kmod_module *module, unsigned int flags, const char *options,
						  void *run, const void *data, void *print)
{
	(void)module;
	(void)flags;
	(void)options;
	(void)run;
	(void)data;
	(void)print;
	return 0;
}

static inline void kmod_module_unref(struct kmod_module *module)
{
	(void)module;
}

static inline void kmod_unref(struct kmod_ctx *ctx)
{
	(void)ctx;
}

#endif
