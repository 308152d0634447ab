/* SPDX-License-Identifier: MIT */
/*
 * step_input.c: where the prompt's lines come from: commands of the command line, then a file of
 * them or standard input. From a terminal they are edited, remembered and completed by libedit,
 * where that is installed; else they are read as they are.
 *
 * The reader is a thread of its own, which another one must be able to turn away: it waits for its
 * input and for an eventfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/step.h"
#include "cli/step_input.h"
#include "vmm/dl.h"
#include "vmm/error.h"
#include "vmm/str.h"

#define LINE_LEN_MAX 4096u
#define HISTORY_SIZE 1000
#define CTRL_D       4
#define PROMPT       "(step) "

/* libedit, which is loaded when a terminal asks. */
static struct {
	EditLine *(*init)(const char *, FILE *, FILE *, FILE *);
	void (*end)(EditLine *);
	int (*set)(EditLine *, int, ...);
	int (*get)(EditLine *, int, ...);
	const char *(*gets)(EditLine *, int *);
	const LineInfo *(*line)(EditLine *);
	int (*insert)(EditLine *, const char *);
	void (*remove)(EditLine *, int);
	History *(*history_init)(void);
	void (*history_end)(History *);
	int (*history)(History *, HistEvent *, int, ...);
} el;

static int load_libedit(void)
{
	static const struct dl_symbol v[] = {
		{ "el_init", &el.init },
		{ "el_end", &el.end },
		{ "el_set", &el.set },
		{ "el_get", &el.get },
		{ "el_gets", &el.gets },
		{ "el_line", &el.line },
		{ "el_insertstr", &el.insert },
		{ "el_deletestr", &el.remove },
		{ "history_init", &el.history_init },
		{ "history_end", &el.history_end },
		{ "history", &el.history },
	};

	return dl_load("libedit.so.2", v, ARRAY_LEN(v), NULL);
}

struct step_input {
	struct step *step;
	char *const *command; /* of the command line, first; borrowed */
	unsigned command_cnt, command_next;
	int fd;      /* standard input, or the file */
	bool own_fd; /* the file */
	bool tty;
	int wake; /* an eventfd: dropped or ended */
	_Atomic bool dropped, ended;

	char buf[LINE_LEN_MAX];
	size_t len;
	bool eof;

	EditLine *edit;
	History *history;
	char *history_path;
};

/* --- waiting ---------------------------------------------------------------------------------- */

enum got { GOT_INPUT, GOT_DROPPED, GOT_END };

static enum got wait_input(struct step_input *i)
{
	struct pollfd p[2] = { { .fd = i->fd, .events = POLLIN },
			       { .fd = i->wake, .events = POLLIN } };
	uint64_t n;

	for (;;) {
		if (atomic_load(&i->ended))
			return GOT_END;
		if (atomic_exchange(&i->dropped, false))
			return GOT_DROPPED;
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return GOT_END;
		if (p[1].revents & POLLIN)
			(void)!read(i->wake, &n, sizeof(n));
		else if (p[0].revents)
			return GOT_INPUT;
	}
}

static void wake(struct step_input *i)
{
	uint64_t one = 1;

	(void)!write(i->wake, &one, sizeof(one));
}

void step_input_drop(struct step_input *i)
{
	atomic_store(&i->dropped, true);
	wake(i);
}

void step_input_end(struct step_input *i)
{
	atomic_store(&i->ended, true);
	wake(i);
}

/* --- plain lines ------------------------------------------------------------------------------ */

/* The first line in the buffer; one that is too long is cut. NULL: none is whole. */
static char *take_line(struct step_input *i)
{
	char *nl = memchr(i->buf, '\n', i->len), *ret;
	size_t n = nl ? (size_t)(nl - i->buf) : i->len;

	if (!nl && !(i->eof && i->len) && i->len < sizeof(i->buf))
		return NULL;
	ret = strndup(i->buf, n);
	n += nl ? 1 : 0;
	i->len -= n;
	memmove(i->buf, i->buf + n, i->len);
	return ret;
}

static char *plain_line(struct step_input *i)
{
	for (;;) {
		char *line = take_line(i);
		enum got g;
		ssize_t n;

		if (line || i->eof)
			return line;
		g = wait_input(i);
		if (g == GOT_END)
			return NULL;
		if (g == GOT_DROPPED) {
			i->len = 0;
			if (i->tty)
				(void)!write(STDOUT_FILENO, "\n" PROMPT, sizeof("\n" PROMPT) - 1);
			continue;
		}
		n = read(i->fd, i->buf + i->len, sizeof(i->buf) - i->len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			i->eof = true;
		else
			i->len += (size_t)n;
	}
}

/* --- edited lines ----------------------------------------------------------------------------- */

static const char *prompt(EditLine *e)
{
	(void)e;
	return PROMPT;
}

/* libedit's way to a character. -1 makes el_gets() return. */
static int get_char(EditLine *e, wchar_t *c)
{
	struct step_input *i = NULL;
	uint8_t byte;
	ssize_t n;

	el.get(e, EL_CLIENTDATA, &i);
	if (wait_input(i) != GOT_INPUT) {
		errno = EINTR;
		return -1;
	}
	do {
		n = read(i->fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	/* A Ctrl-D that was typed while the terminal was not yet raw (n_tty(4) keeps it as 0). */
	*c = byte ? byte : CTRL_D;
	return (int)n;
}

#define WORDS_MAX 256u

/* How much all of them begin with. */
static size_t common(char **word, unsigned cnt)
{
	size_t n = strlen(word[0]);

	for (unsigned i = 1; i < cnt; i++)
		while (strncmp(word[0], word[i], n) != 0)
			n--;
	return n;
}

static void show_words(char **word, unsigned cnt)
{
	struct str s = { 0 };

	str_add(&s, "\n");
	for (unsigned i = 0; i < cnt; i++)
		str_add(&s, "%s%s", word[i], (i + 1) % 6 && i + 1 < cnt ? "  " : "\n");
	if (s.s)
		(void)!write(STDOUT_FILENO, s.s, s.len);
	str_free(&s);
}

/* The Tab key: as far as there is only one way, and the ways where there are several. */
static unsigned char on_tab(EditLine *e, int ch)
{
	struct step_input *i = NULL;
	const LineInfo *l = el.line(e);
	char line[LINE_LEN_MAX], *word[WORDS_MAX], *more;
	size_t len = (size_t)(l->lastchar - l->buffer), cursor = (size_t)(l->cursor - l->buffer);
	size_t start, typed, n;
	unsigned char ret = CC_REFRESH;
	unsigned cnt;

	(void)ch;
	el.get(e, EL_CLIENTDATA, &i);
	if (len >= sizeof(line))
		return CC_ERROR;
	memcpy(line, l->buffer, len);
	line[len] = 0;
	cnt = step_complete(i->step, line, cursor, &start, word, WORDS_MAX);
	if (!cnt)
		return CC_ERROR;
	typed = cursor - start;
	n = common(word, cnt);
	if (n > typed || cnt == 1) {
		more = strndup(word[0] + typed, n - typed);
		if (more && *more)
			el.insert(e, more);
		if (cnt == 1)
			el.insert(e, " ");
		free(more);
	} else {
		show_words(word, cnt);
		ret = CC_REDISPLAY;
	}
	for (unsigned w = 0; w < cnt; w++)
		free(word[w]);
	return ret;
}

static void remember(struct step_input *i, const char *line)
{
	HistEvent ev;

	if (*line && *line != '\n')
		el.history(i->history, &ev, H_ENTER, line);
}

static char *edited_line(struct step_input *i)
{
	for (;;) {
		int n = 0;
		const char *line = el.gets(i->edit, &n);
		char *ret;

		if (line && n > 0) {
			remember(i, line);
			ret = strdup(line);
			if (ret)
				ret[strcspn(ret, "\r\n")] = 0;
			return ret;
		}
		(void)!write(STDOUT_FILENO, "\n", 1);
		if (atomic_load(&i->ended) || n >= 0)
			return NULL; /* Ctrl-D */
	}
}

/* $XDG_CACHE_HOME/trapeze/step-history; NULL: nowhere. */
static char *history_path(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *dir = NULL, *path = NULL;

	if (cache && *cache == '/' ? asprintf(&dir, "%s/trapeze", cache) < 0
				   : !home || asprintf(&dir, "%s/.cache/trapeze", home) < 0)
		return NULL;
	if ((mkdir(dir, 0700) == 0 || errno == EEXIST) &&
	    asprintf(&path, "%s/step-history", dir) < 0)
		path = NULL;
	free(dir);
	return path;
}

static void open_editor(struct step_input *i)
{
	HistEvent ev;

	if (load_libedit() < 0)
		return;
	i->edit = el.init("trapeze", stdin, stdout, stderr);
	if (!i->edit)
		return;
	i->history = el.history_init();
	el.set(i->edit, EL_CLIENTDATA, i);
	el.set(i->edit, EL_SIGNAL, 0);
	el.set(i->edit, EL_PROMPT, prompt);
	el.set(i->edit, EL_EDITOR, "emacs");
	el.set(i->edit, EL_GETCFN, get_char);
	el.set(i->edit, EL_ADDFN, "step-complete", "complete a word", on_tab);
	el.set(i->edit, EL_BIND, "^I", "step-complete", NULL);
	el.set(i->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	if (!i->history)
		return;
	el.history(i->history, &ev, H_SETSIZE, HISTORY_SIZE);
	el.history(i->history, &ev, H_SETUNIQUE, 1);
	el.set(i->edit, EL_HIST, el.history, i->history);
	i->history_path = history_path();
	if (i->history_path)
		el.history(i->history, &ev, H_LOAD, i->history_path);
}

static void close_editor(struct step_input *i)
{
	HistEvent ev;

	if (i->history && i->history_path)
		el.history(i->history, &ev, H_SAVE, i->history_path);
	if (i->edit)
		el.end(i->edit);
	if (i->history)
		el.history_end(i->history);
	free(i->history_path);
}

/* --- life ------------------------------------------------------------------------------------- */

int step_input_open(const struct step_input_config *c, struct step_input **ret, struct error **errp)
{
	struct step_input *i = calloc(1, sizeof(*i));

	if (!i)
		return err_errno(errp, ENOMEM, "cannot read commands");
	i->step = c->step;
	i->command = c->command;
	i->command_cnt = c->command_cnt;
	i->fd = STDIN_FILENO;
	i->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (i->wake < 0) {
		err_errno(errp, errno, "cannot read commands");
		step_input_close(i);
		return -EMFILE;
	}
	if (c->file) {
		i->fd = open(c->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		i->own_fd = i->fd >= 0;
		if (i->fd < 0) {
			int r = err_errno(errp, errno, "cannot read commands from '%s'", c->file);

			step_input_close(i);
			return r;
		}
	}
	i->tty = !c->file && isatty(STDIN_FILENO);
	if (i->tty && isatty(STDOUT_FILENO))
		open_editor(i);
	*ret = i;
	return 0;
}

bool step_input_interactive(const struct step_input *i)
{
	return i->tty;
}

char *step_input_line(struct step_input *i)
{
	if (atomic_load(&i->ended))
		return NULL;
	if (i->command_next < i->command_cnt)
		return strdup(i->command[i->command_next++]);
	if (i->edit)
		return edited_line(i);
	if (i->tty)
		(void)!write(STDOUT_FILENO, PROMPT, sizeof(PROMPT) - 1);
	return plain_line(i);
}

struct step_input *step_input_close(struct step_input *i)
{
	if (!i)
		return NULL;
	close_editor(i);
	if (i->own_fd)
		close(i->fd);
	base_closep(&i->wake);
	free(i);
	return NULL;
}
