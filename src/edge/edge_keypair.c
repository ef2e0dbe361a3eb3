/*
 * Certificate and key: where they are, whether they fit, and their renewal.
 *
 * Kore's keymgr ends the whole server when a file is missing or does not parse,
 * also when it is told to read them again. So before it may, the pair is tried
 * here: at the start in a child process, so that no process but the keymgr ever
 * holds the key, confined as the keymgr will be, so that a file which that cannot
 * reach is noticed; and on SIGHUP in the keymgr itself. What fails then is told in
 * the log, and the pair in use stays.
 *
 * Kore's keymgr knows SIGUSR1 for it; SIGHUP becomes that here, and neither
 * reaches it with a pair that fails.
 */

#include <sys/wait.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "edge/edge_int.h"

#define RSA_BITS_MIN	2048
#define RSA_BITS_MAX	4096		/* the keymgr's buffers end there */
#define CHAIN_MAX	10		/* certificates in the file */
#define REASON_SIZE	512		/* bytes of a sentence */

static char	*cert_path;
static char	*key_path;

static int
no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return (-1);
}

static const char *
key_wrong(EVP_PKEY *key)
{
	int	bits = EVP_PKEY_get_bits(key);
	char	group[32] = "";

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
			return ("an RSA key must have 2048 to 4096 bits");
		return (NULL);
	case EVP_PKEY_EC:
		(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
		if (strcmp(group, "prime256v1") != 0 &&
		    strcmp(group, "secp384r1") != 0 &&
		    strcmp(group, "secp521r1") != 0)
			return ("an EC key must be on P-256, P-384 or P-521");
		return (NULL);
	default:
		return ("the key must be RSA or EC");
	}
}

/* All certificates of the file parse; the first is given. */
static X509 *
read_chain(FILE *fp)
{
	X509		*first, *more;
	unsigned long	e;
	int		n = 1;

	if ((first = PEM_read_X509_AUX(fp, NULL, no_password, NULL)) == NULL)
		return (NULL);
	while ((more = PEM_read_X509(fp, NULL, no_password, NULL)) != NULL) {
		X509_free(more);
		if (++n > CHAIN_MAX)
			break;
	}
	e = ERR_peek_last_error();
	if (n <= CHAIN_MAX && ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return (first);
	}
	X509_free(first);
	return (NULL);
}

/*
 * What kore_worker_privdrop() will do to the keymgr. Only called in a child. 0,
 * or -1 with what is wrong.
 */
static int
confine(char *why, size_t size)
{
	struct passwd	*pw = NULL;

	if (!skip_runas && kore_runas_user != NULL &&
	    (pw = getpwnam(kore_runas_user)) == NULL) {
		(void)snprintf(why, size, "there is no user %s",
		    kore_runas_user);
		return (-1);
	}
	if (kore_root_path != NULL && ((!skip_chroot &&
	    chroot(kore_root_path) == -1) ||
	    chdir(skip_chroot ? kore_root_path : "/") == -1)) {
		(void)snprintf(why, size, "cannot enter %s: %s",
		    kore_root_path, errno_s);
		return (-1);
	}
	if (pw != NULL && (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)) {
		(void)snprintf(why, size, "cannot become %s: %s",
		    kore_runas_user, errno_s);
		return (-1);
	}
	return (0);
}

/* Says as whom and where, too: root sees the file, and wonders. */
static void
cannot_open(const char *what, const char *path, char *why, size_t size)
{
	bool	user = !skip_runas && kore_runas_user != NULL;
	bool	root = !skip_chroot && kore_root_path != NULL;

	(void)snprintf(why, size, "%s file %s%s%s%s%s: %s", what, path,
	    user ? ", as user " : "", user ? kore_runas_user : "",
	    root ? ", within " : "", root ? kore_root_path : "", errno_s);
}

/* 0, or -1 with what is wrong. Reads the key: never in parent or worker. */
static int
try_pair(const char *certfile, const char *keyfile, char *why, size_t size)
{
	FILE		*cf = NULL, *kf = NULL;
	X509		*cert = NULL;
	EVP_PKEY	*key = NULL;
	const char	*wrong;
	int		result = -1;

	if ((cf = fopen(certfile, "r")) == NULL) {
		cannot_open("certificate", certfile, why, size);
		goto out;
	}
	if ((kf = fopen(keyfile, "r")) == NULL) {
		cannot_open("key", keyfile, why, size);
		goto out;
	}
	if ((cert = read_chain(cf)) == NULL) {
		(void)snprintf(why, size,
		    "certificate file: not one to %d certificates in PEM",
		    CHAIN_MAX);
		goto out;
	}
	if ((key = PEM_read_PrivateKey(kf, NULL, no_password, NULL)) == NULL) {
		(void)snprintf(why, size,
		    "key file: not a private key in PEM without a password");
		goto out;
	}
	if ((wrong = key_wrong(key)) != NULL) {
		(void)snprintf(why, size, "key file: %s", wrong);
		goto out;
	}
	if (X509_check_private_key(cert, key) != 1) {
		(void)snprintf(why, size,
		    "the key is not that of the (first) certificate");
		goto out;
	}
	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
		(void)snprintf(why, size, "the certificate is not valid yet");
		goto out;
	}
	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
		(void)snprintf(why, size, "the certificate has expired");
		goto out;
	}
	result = 0;

out:
	if (cf != NULL)
		(void)fclose(cf);
	if (kf != NULL)
		(void)fclose(kf);
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return (result);
}

int
vg_edge_tls(const char *certfile, const char *keyfile, char *err,
    size_t errsize)
{
	pid_t	pid;
	ssize_t	n = 0, r;
	int	fd[2], status;

	if (errsize > 0)
		err[0] = '\0';
	if (vg_tickets_create() == -1 || pipe(fd) == -1)
		goto failed;
	if ((pid = fork()) == -1) {
		(void)close(fd[0]);
		(void)close(fd[1]);
		goto failed;
	}

	if (pid == 0) {
		char	why[REASON_SIZE] = "";

		(void)close(fd[0]);
		status = confine(why, sizeof(why));
		if (status == 0)
			status = try_pair(certfile, keyfile, why, sizeof(why));
		if (status == -1 && write(fd[1], why, strlen(why)) == -1)
			_exit(2);
		_exit(status == 0 ? 0 : 1);
	}

	(void)close(fd[1]);
	while ((size_t)n + 1 < errsize &&
	    (r = read(fd[0], err + n, errsize - (size_t)n - 1)) > 0)
		n += r;
	if (errsize > 0)
		err[n] = '\0';
	(void)close(fd[0]);
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			goto failed;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		if (n == 0)
			(void)snprintf(err, errsize, "the check failed");
		return (-1);
	}

	free(cert_path);
	free(key_path);
	cert_path = strdup(certfile);
	key_path = strdup(keyfile);
	if (cert_path != NULL && key_path != NULL)
		return (0);
failed:
	(void)snprintf(err, errsize, "cannot check certificate and key: %s",
	    errno_s);
	return (-1);
}

/* Kore's conf attaches a domain to a server: here come its files. */
int
__wrap_kore_domain_attach(struct kore_domain *dom, struct kore_server *server)
{
	if (!__real_kore_domain_attach(dom, server))
		return (KORE_RESULT_ERROR);
	if (server->tls && cert_path != NULL) {
		kore_free(dom->certfile);
		kore_free(dom->certkey);
		dom->certfile = kore_strdup(cert_path);
		dom->certkey = kore_strdup(key_path);
	}
	return (KORE_RESULT_OK);
}

/* On each turn of the keymgr's loop. */
void
vg_tls_reload(void)
{
	char	why[REASON_SIZE] = "";

	if (worker->id != KORE_WORKER_KEYMGR)
		return;
	vg_keymgr_forget();
	if (sig_recv != SIGHUP && sig_recv != SIGUSR1)
		return;

	if (cert_path != NULL &&
	    try_pair(cert_path, key_path, why, sizeof(why)) == -1) {
		kore_log(LOG_ERR,
		    "certificate and key are not read again: %s", why);
		sig_recv = 0;
		return;
	}
	sig_recv = SIGUSR1;
}
