# voicegate: everything a user, an operator or a developer types.
# `make help` says what each target does. PORT, HOST and VAR may be given to
# each, and every other setting in the environment or in .env.

SHELL		= /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:

B		= build
CC		?= cc
FUZZ_S		?= 30

STRICT	= -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -Wshadow \
	  -Wstrict-prototypes -Wmissing-prototypes -Wmissing-declarations \
	  -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla \
	  -Wconversion -Wsign-conversion
HARDEN	= -fstack-protector-strong -fstack-clash-protection \
	  -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	  -fno-omit-frame-pointer

# The flavour of what is built by this file: plain (default) or asan.
F		?= plain
ifeq ($(F),asan)
OPT		= -O1 -g $(SANITIZE)
else
OPT		= -O2 -g $(HARDEN)
endif
O		= $(B)/$(F)

include speech/Makefile.inc

DEBS_BUILD	= kore gcc make pkg-config libc6-dev libssl-dev libjansson-dev \
		  libpq-dev libcurl4-openssl-dev libpsl-dev zlib1g-dev $(SPEECH_DEBS)
DEBS_RUN	= postgresql postgresql-client curl ca-certificates util-linux passwd
DEBS_TEST	= libcmocka-dev ffmpeg flite pocketsphinx-testdata chromium \
		  clang libclang-rt-14-dev openssl procps
DEBS_LINT	= clang clang-tidy clang-format cppcheck shellcheck

.PHONY: all help
all: build

help:
	@echo 'make run         everything, in the foreground: PostgreSQL, the offline speech'
	@echo '                 server and the gateway on http://127.0.0.1:8000; Ctrl-C ends it'
	@echo 'make test        every suite; ends with "N passed, M failed"'
	@echo 'make up | down   the same as run, in the background; and its end'
	@echo 'make psql        psql on the database of run or up (PSQL_ARGS, standard input)'
	@echo 'make build       the development build'
	@echo 'make release     the production build: one hardened executable'
	@echo 'make install     the release, units and man page into DESTDIR (PREFIX=/usr)'
	@echo 'make lint        style and static analysis'
	@echo 'make check-asan  all suites under ASan and UBSan'
	@echo 'make drill-limits  the limits, ROUNDS times each case, with crashes and 10 million rows'
	@echo 'make test-browser  the page in chromium, against a stand-in for the server'
	@echo 'make drill       faults, kills and full disks, DRILL_ROUNDS of them (1000)'
	@echo 'make test-wire   the wire tests on one kind of server: ON=release-http, ...'
	@echo 'make check-tls | check-slow  testssl.sh, slowhttptest on the release'
	@echo 'make fuzz        each fuzzer for FUZZ_S seconds (default 30)'
	@echo 'make bench      measured beside bare Kore, nginx and express (BENCH_HELP=1)'
	@echo 'make clean       removes build/ (not the run-state in VAR)'

# --- packages: asked for once, installed only when missing -----------------

define install_debs
	@mkdir -p $(B); want='$(1)'; missing=; \
	for p in $$want; do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | \
		    grep -q 'ok installed' || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "==> installing$$missing"; \
		sudo=; [ "$$(id -u)" -eq 0 ] || sudo=sudo; \
		export DEBIAN_FRONTEND=noninteractive; \
		$$sudo apt-get update -qq && \
		$$sudo apt-get install -y -qq --no-install-recommends $$missing \
		    >$(B)/apt.log 2>&1 || { tail -n 20 $(B)/apt.log; exit 1; }; \
	fi; touch $@
endef

$(B)/.debs-build: Makefile speech/Makefile.inc
	$(call install_debs,$(DEBS_BUILD))
$(B)/.debs-run: Makefile
	$(call install_debs,$(DEBS_RUN))
$(B)/.debs-test: Makefile
	$(call install_debs,$(DEBS_TEST))
	@command -v node >/dev/null || { mkdir -p $(B); \
	    sudo=; [ "$$(id -u)" -eq 0 ] || sudo=sudo; \
	    echo '==> installing nodejs npm'; \
	    DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq nodejs npm >$(B)/apt.log 2>&1; }
$(B)/.debs-lint: Makefile
	$(call install_debs,$(DEBS_LINT))

# --- the gateway: kodev in a staged folder, so that any checkout name works -

.PHONY: build release gateway FORCE
build: $(B)/.debs-build gateway $(O)/voicegate-speech
	@ln -sfn $(F)/voicegate-speech $(B)/voicegate-speech

gateway: $(B)/.debs-build
	@conf/dev/stage.sh $(B)/voicegate dev

release: $(B)/.debs-build $(O)/voicegate-speech
	@conf/dev/stage.sh $(B)/release/voicegate prod
	@echo "==> $(B)/release/voicegate/voicegate"

# --- install: the release, laid out for a distribution's package or by hand ---

DESTDIR		?=
PREFIX		?= /usr
.PHONY: install
install: release
	@install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man8 \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d \
	    $(DESTDIR)$(PREFIX)/lib/tmpfiles.d $(DESTDIR)$(PREFIX)/share/doc/voicegate \
	    $(DESTDIR)/etc/voicegate
	@install -s -m 0755 $(B)/release/voicegate/voicegate $(DESTDIR)$(PREFIX)/sbin/voicegate
	@install -s -m 0755 $(O)/voicegate-speech $(DESTDIR)$(PREFIX)/sbin/voicegate-speech
	@install -m 0644 conf/install/voicegate.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	@install -m 0644 conf/install/voicegate.service conf/install/voicegate-speech.service \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/
	@install -m 0644 conf/install/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/voicegate.conf
	@install -m 0644 conf/install/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/voicegate.conf
	@install -m 0644 .env.example $(DESTDIR)$(PREFIX)/share/doc/voicegate/env.example
	@[ -e $(DESTDIR)/etc/voicegate/.env ] || \
	    install -m 0640 .env.example $(DESTDIR)/etc/voicegate/.env
	@echo "==> installed below $(if $(DESTDIR),$(DESTDIR),/)"

# --- core, for the unit tests and for speech --------------------------------

CORE_OBJ	= $(patsubst src/core/%.c,$(O)/core/%.o,$(wildcard src/core/*.c))

$(O)/core/%.o: src/core/%.c | $(B)/.debs-build
	@mkdir -p $(@D)
	@$(CC) $(STRICT) $(OPT) -Isrc -MMD -MP -c $< -o $@

$(O)/libcore.a: $(CORE_OBJ)
	@rm -f $@; ar rcs $@ $^

# --- run --------------------------------------------------------------------

.PHONY: run up down psql status
run: build $(B)/.debs-run
	@exec conf/dev/instance.sh run
up: build $(B)/.debs-run
	@conf/dev/instance.sh up
down:
	@conf/dev/instance.sh down
status:
	@conf/dev/instance.sh status
psql:
	@conf/dev/instance.sh psql

export PORT HOST VAR PSQL_ARGS
ifndef PORT
unexport PORT
endif
ifndef HOST
unexport HOST
endif
ifndef VAR
unexport VAR
endif

# --- tests ------------------------------------------------------------------

include tests/Makefile.inc
include bench/Makefile.inc

.PHONY: clean
clean:
	rm -rf $(B)

-include $(wildcard $(O)/*/*.d) $(wildcard $(O)/*/*/*.d) $(wildcard $(B)/fuzz/*.d) $(wildcard $(B)/fuzz/*/*.d)
.SECONDARY:
