/*
 * Whole settings from a .env of any bytes. What loads is printed, and what was
 * printed loads to the same; no error shows a secret.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/settings.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define DATABASE	"postgresql://u:p@127.0.0.1/v"

static const char *
env(void *ctx, const char *name)
{
	(void)ctx;
	return (!strcmp(name, "DATABASE_URL") ? DATABASE : NULL);
}

static int
no_file(void *ctx, const char *path, char *buf, size_t size, size_t *len)
{
	(void)ctx;
	(void)path;
	(void)buf;
	(void)size;
	*len = 0;
	errno = ENOENT;

	return (-1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vg_errors		errs;
	struct vg_settings		a, b;
	struct vg_settings_change	change[VG_SETTINGS_MAX];
	struct vg_settings_input	in;
	char				*text;
	size_t				len, n, i;
	FILE				*fp;
	int				ret;

	memset(&in, 0, sizeof(in));
	in.env = env;
	in.read_file = no_file;
	in.cwd = "/srv";
	in.var_dir = "/srv/var";
	in.dotenv = (const char *)data;
	in.dotenv_len = size;

	vg_errors_init(&errs);
	ret = vg_settings_load(&a, &in, &errs);
	if ((ret == -1) != (errs.nerrors > 0))
		abort();

	if ((fp = open_memstream(&text, &len)) == NULL)
		abort();
	vg_errors_print(&errs, fp);
	if (ret == 0)
		vg_settings_print(&a, fp);
	(void)fclose(fp);
	for (i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n')
			abort();
	}
	free(text);

	if (ret == 0) {
		if ((fp = open_memstream(&text, &len)) == NULL)
			abort();
		vg_settings_print(&a, fp);
		(void)fclose(fp);
		in.dotenv = text;
		in.dotenv_len = len;
		vg_errors_init(&errs);
		/* Secrets print as ***, which is no key for another machine. */
		if (vg_settings_load(&b, &in, &errs) == 0) {
			n = vg_settings_reload_diff(&a, &b, change,
			    VG_SETTINGS_MAX);
			for (i = 0; i < n; i++) {
				if (!(change[i].setting->flags &
				    VG_SETTING_SECRET))
					abort();
			}
			if (vg_settings_carry_over(&b, &a) == -1)
				abort();
		} else {
			for (i = 0; i < errs.nerrors &&
			    i < VG_ERRORS_MAX; i++) {
				if (strstr(errs.error[i].name, "_API_KEY") ==
				    NULL)
					abort();
			}
		}
		vg_settings_free(&b);
		free(text);
	}
	vg_settings_free(&a);

	return (0);
}
