/*
 * The migrations under the names that kodev gives them, taken from the source
 * tree as they are. SQL_DIR comes from the build.
 */

#define QUOTE(x)	#x
#define ASSET(symbol)							\
	__asm__(".section .rodata\n"					\
	    ".global asset_" QUOTE(symbol) "_sql\n"			\
	    "asset_" QUOTE(symbol) "_sql:\n"				\
	    ".incbin \"" SQL_DIR "/" QUOTE(symbol) ".sql\"\n"		\
	    "1: .byte 0\n"						\
	    ".balign 4\n"						\
	    ".global asset_len_" QUOTE(symbol) "_sql\n"			\
	    "asset_len_" QUOTE(symbol) "_sql:\n"			\
	    ".long 1b - asset_" QUOTE(symbol) "_sql\n"			\
	    ".previous\n")

ASSET(0001_session_turn);
ASSET(0002_rate_limit);
ASSET(0003_purge);
ASSET(0004_operator);
ASSET(0005_idempotency);
ASSET(0006_privacy);
ASSET(0007_ruling);
ASSET(0008_closed);
ASSET(0009_hints);
ASSET(0010_waits);
