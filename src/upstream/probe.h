#ifndef VG_UPPROBE_H
#define VG_UPPROBE_H

/* Private to src/upstream. */

#define VG_PROBE_INTERVAL_MS	15000	/* between two probes of a provider */
#define VG_PROBE_TIMEOUT_MS	2000	/* for one */
#define VG_PROBE_STALE_MS	60000	/* after so long its result is no more */

/* In each worker; one of them probes, all know. */
void	vg_probe_init(void);
void	vg_probe_cleanup(void);
/* What it is doing ends, and every provider is due again. */
void	vg_probe_restart(void);

#endif
