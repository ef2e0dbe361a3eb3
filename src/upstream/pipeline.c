/*
 * The voice turn: TRANSCRIBE, REPLY, SPEAK, DONE.
 *
 * One deadline stands for the whole, since one person waits for the whole. A
 * stage may use all that is left but for a share that is kept for the stages
 * behind it, so that a slow one costs its successors some time, but never all;
 * and no more than its provider's own time limit.
 *
 * The turn loses as little as it can. Without a transcription there is nothing
 * to go on with, and the turn fails. Without a reply the person hears that they
 * were heard, in words that are safe whatever they said; without speech they
 * read. Both are marked. Silence is not a failure: the person is asked to say it
 * again, chat is not bothered, and nothing is marked as lost.
 */

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include "upstream/ask.h"
#include "upstream/stages.h"

#define RETRY_AFTER_S	5	/* seconds, when nobody knows better */

/* Kind, and true whatever was said: it must do for an emergency too. */
#define TEXT_LOST	"I heard you, and thank you for telling me. I can't " \
	"answer you properly just now, but that passes. Please try again in " \
	"a moment. If you are in danger or need someone right away, please " \
	"call your local emergency number, or reach out to someone you trust."
#define TEXT_SILENCE	"I'm sorry, I didn't catch that. Could you say it " \
	"again, a little closer to the microphone?"

struct vg_pipeline {
	struct vg_pipeline_in		in;
	struct vg_pipeline_turn		*turns;
	vg_pipeline_cb			cb;
	void				*arg;

	enum vg_pipeline_state		state;
	uint64_t			begun_ms, deadline_ms, stage_ms;
	struct vg_ask			ask;
	char				*transcript;
	char				*reply;		/* NULL: the fixed one */
	const char			*text;
	struct vg_pipeline_out		out;
	char				ext[VG_FILENAME_MAX];
	char				type[VG_CALL_TYPE_MAX];

	LIST_ENTRY(vg_pipeline)		list;
};

struct stage {
	enum vg_up_kind		kind;
	unsigned		keep;	/* percent of the whole, for the others */
	int			(*ask)(struct vg_pipeline *, uint64_t);
	/* What comes next, with the answer or without. */
	enum vg_pipeline_state	(*won)(struct vg_pipeline *);
	enum vg_pipeline_state	(*lost)(struct vg_pipeline *);
};

static int	transcribe_ask(struct vg_pipeline *, uint64_t);
static int	reply_ask(struct vg_pipeline *, uint64_t);
static int	speak_ask(struct vg_pipeline *, uint64_t);
static enum vg_pipeline_state	transcribe_won(struct vg_pipeline *);
static enum vg_pipeline_state	transcribe_lost(struct vg_pipeline *);
static enum vg_pipeline_state	reply_won(struct vg_pipeline *);
static enum vg_pipeline_state	reply_lost(struct vg_pipeline *);
static enum vg_pipeline_state	speak_won(struct vg_pipeline *);
static enum vg_pipeline_state	speak_lost(struct vg_pipeline *);

static const struct stage	stages[] = {
	[VG_PIPELINE_TRANSCRIBE] = { VG_UP_STT, 25,
	    transcribe_ask, transcribe_won, transcribe_lost },
	[VG_PIPELINE_REPLY] = { VG_UP_CHAT, 15,
	    reply_ask, reply_won, reply_lost },
	[VG_PIPELINE_SPEAK] = { VG_UP_TTS, 0,
	    speak_ask, speak_won, speak_lost },
};

static void	enter(struct vg_pipeline *, enum vg_pipeline_state);
static void	on_done(struct vg_ask *);
static enum vg_pipeline_state	to_speak(const struct vg_pipeline *);
static int	copy_turns(struct vg_pipeline *);
static void	deliver(struct vg_pipeline *);
static void	pipeline_free(struct vg_pipeline *);

static LIST_HEAD(, vg_pipeline)	running = LIST_HEAD_INITIALIZER(running);
static size_t			nrunning;

struct vg_pipeline *
vg_pipeline_start(const struct vg_pipeline_in *in, vg_pipeline_cb cb, void *arg)
{
	struct vg_pipeline	*p;
	size_t			i;

	if (nrunning >= VG_UPSTREAM_IN_FLIGHT_MAX)
		return (NULL);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);

	LIST_INSERT_HEAD(&running, p, list);
	nrunning++;

	p->in = *in;
	p->cb = cb;
	p->arg = arg;
	for (i = 0; i < VG_UP_KINDS; i++)
		p->out.ended[i] = VG_UP_OK;

	if (kore_strlcpy(p->ext, in->audio_ext, sizeof(p->ext)) >=
	    sizeof(p->ext) ||
	    kore_strlcpy(p->type, in->audio_type, sizeof(p->type)) >=
	    sizeof(p->type) || copy_turns(p) == -1)
		goto fail;
	p->in.audio_ext = p->ext;
	p->in.audio_type = p->type;
	if (p->in.reply_max == 0)
		p->in.reply_max = VG_UPSTREAM_AUDIO_MAX;
	if (p->in.deadline_ms == 0)
		p->in.deadline_ms = vg_provider_deadline_ms();

	p->begun_ms = kore_time_ms();
	p->deadline_ms = p->begun_ms + p->in.deadline_ms;
	p->ask.done = on_done;
	p->ask.arg = p;

	/* Later stages can fail on their own; the first has nobody to tell. */
	p->state = VG_PIPELINE_TRANSCRIBE;
	p->stage_ms = p->begun_ms;
	if (transcribe_ask(p, vg_stage_deadline(p->begun_ms, p->deadline_ms,
	    p->in.deadline_ms, stages[p->state].keep,
	    vg_provider(VG_UP_STT)->timeout_ms)) == -1)
		goto fail;

	return (p);
fail:
	pipeline_free(p);
	return (NULL);
}

void
vg_pipeline_cancel(struct vg_pipeline *p)
{
	if (p != NULL)
		pipeline_free(p);
}

void
vg_pipeline_cancel_all(void)
{
	struct vg_pipeline	*p;

	while ((p = LIST_FIRST(&running)) != NULL)
		pipeline_free(p);
}

enum vg_pipeline_state
vg_pipeline_where(const struct vg_pipeline *p)
{
	return (p->state);
}

size_t
vg_upstream_in_flight(void)
{
	return (nrunning);
}

static void
enter(struct vg_pipeline *p, enum vg_pipeline_state state)
{
	const struct stage	*s;
	uint64_t		deadline;

	while ((p->state = state) != VG_PIPELINE_DONE) {
		s = &stages[state];
		p->stage_ms = kore_time_ms();
		deadline = vg_stage_deadline(p->stage_ms, p->deadline_ms,
		    p->in.deadline_ms, s->keep, vg_provider(s->kind)->timeout_ms);
		vg_ask_cleanup(&p->ask);
		if (s->ask(p, deadline) == 0)
			return;
		p->out.ended[s->kind] = VG_UP_LOCAL;
		state = s->lost(p);
	}

	deliver(p);
}

static void
on_done(struct vg_ask *a)
{
	struct vg_pipeline	*p;
	const struct stage	*s;

	p = a->arg;
	s = &stages[p->state];
	p->out.ended[s->kind] = a->error;
	p->out.took_ms[s->kind] = (uint32_t)(kore_time_ms() - p->stage_ms);

	enter(p, a->error == VG_UP_OK ? s->won(p) : s->lost(p));
}

static int
transcribe_ask(struct vg_pipeline *p, uint64_t deadline_ms)
{
	return (vg_stt_ask(&p->ask, &p->in, deadline_ms));
}

static enum vg_pipeline_state
transcribe_won(struct vg_pipeline *p)
{
	p->transcript = p->ask.text;
	p->ask.text = NULL;

	if (p->transcript[0] == '\0') {
		p->out.silence = true;
		p->text = TEXT_SILENCE;
		return (to_speak(p));
	}

	return (VG_PIPELINE_REPLY);
}

static enum vg_pipeline_state
transcribe_lost(struct vg_pipeline *p)
{
	p->out.error = p->out.ended[VG_UP_STT];
	p->out.retry_after_s = p->ask.retry_after_s > 0 ?
	    p->ask.retry_after_s : RETRY_AFTER_S;

	return (VG_PIPELINE_DONE);
}

static int
reply_ask(struct vg_pipeline *p, uint64_t deadline_ms)
{
	return (vg_chat_ask(&p->ask, p->turns, p->in.nturns, p->transcript,
	    deadline_ms));
}

static enum vg_pipeline_state
reply_won(struct vg_pipeline *p)
{
	p->reply = p->ask.text;
	p->ask.text = NULL;
	p->text = p->reply;

	return (to_speak(p));
}

static enum vg_pipeline_state
reply_lost(struct vg_pipeline *p)
{
	p->text = TEXT_LOST;
	p->out.degraded |= VG_DEGRADED_CHAT;

	return (to_speak(p));
}

static enum vg_pipeline_state
to_speak(const struct vg_pipeline *p)
{
	return (p->in.reply_fd != -1 ? VG_PIPELINE_SPEAK : VG_PIPELINE_DONE);
}

static int
speak_ask(struct vg_pipeline *p, uint64_t deadline_ms)
{
	return (vg_tts_ask(&p->ask, p->text, p->in.reply_fd, p->in.reply_max,
	    deadline_ms));
}

static enum vg_pipeline_state
speak_won(struct vg_pipeline *p)
{
	p->out.audio_len = p->ask.audio_len;
	p->out.audio_ext = p->ask.audio_ext;
	p->out.audio_type = p->ask.audio_type;

	return (VG_PIPELINE_DONE);
}

static enum vg_pipeline_state
speak_lost(struct vg_pipeline *p)
{
	p->out.degraded |= VG_DEGRADED_TTS;

	return (VG_PIPELINE_DONE);
}

static int
copy_turns(struct vg_pipeline *p)
{
	size_t	i, n;

	n = p->in.nturns;
	p->in.nturns = 0;
	if (n == 0)
		return (0);
	if ((p->turns = calloc(n, sizeof(*p->turns))) == NULL)
		return (-1);

	for (i = 0; i < n; i++) {
		p->turns[i].role = !strcmp(p->in.turns[i].role, "assistant") ?
		    "assistant" : "user";
		if ((p->turns[i].text = strdup(p->in.turns[i].text)) == NULL)
			return (-1);
		p->in.nturns++;
	}

	return (0);
}

static void
deliver(struct vg_pipeline *p)
{
	p->out.transcript = p->transcript;
	p->out.text = p->text;
	p->cb(&p->out, p->arg);
	pipeline_free(p);
}

static void
pipeline_free(struct vg_pipeline *p)
{
	size_t	i;
	char	*text;

	LIST_REMOVE(p, list);
	nrunning--;

	vg_ask_cleanup(&p->ask);
	for (i = 0; i < p->in.nturns; i++) {
		text = (char *)(uintptr_t)p->turns[i].text;
		explicit_bzero(text, strlen(text));
		free(text);
	}
	free(p->turns);
	if (p->transcript != NULL)
		explicit_bzero(p->transcript, strlen(p->transcript));
	if (p->reply != NULL)
		explicit_bzero(p->reply, strlen(p->reply));
	free(p->transcript);
	free(p->reply);
	free(p);
}
