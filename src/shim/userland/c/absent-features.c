/*
 * What open-iscsi links against and a boot shim never uses: firmware boot tables (iBFT, Open Firmware),
 * discovery, the discovery daemon, and asking libmount whether a disk is in use.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fw_context.h"
#include "discoveryd.h"
#include "iscsi_err.h"

int fw_setup_nics(void)
{
	return ISCSI_ERR_NO_OBJS_FOUND;
}

int fw_get_entry(struct boot_context *context)
{
	(void)context;
	return ISCSI_ERR_NO_OBJS_FOUND;
}

int fw_get_targets(struct list_head *list)
{
	(void)list;
	return ISCSI_ERR_NO_OBJS_FOUND;
}

void fw_print_entry(struct boot_context *context)
{
	(void)context;
}

void fw_free_targets(struct list_head *list)
{
	(void)list;
}

void discoveryd_start(const char *def_iname)
{
	(void)def_iname;
}

/* iscsid asks before a logout with iscsid.safe_logout, which our configuration does not set; iscsistart has its own. */
__attribute__((weak)) int session_in_use(int sid)
{
	(void)sid;
	return 0;
}
