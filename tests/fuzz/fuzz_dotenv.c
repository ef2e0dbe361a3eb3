/*
 * The .env reader: either it says what is wrong, or every value is a string.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/dotenv.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vg_errors	errs;
	struct vg_dotenv	env;
	size_t			i;
	int			ret;

	vg_errors_init(&errs);
	ret = vg_dotenv_parse(&env, (const char *)data, size, &errs);
	if ((ret == -1) != (errs.nerrors > 0))
		abort();
	for (i = 0; i < env.count; i++) {
		if (env.entry[i].name[0] == '\0' ||
		    strlen(env.entry[i].value) > size ||
		    vg_dotenv_get(&env, env.entry[i].name) !=
		    env.entry[i].value)
			abort();
	}
	vg_dotenv_free(&env);

	return (0);
}
