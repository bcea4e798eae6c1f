/* SPDX-License-Identifier: MIT */
/*
 * browser_test.c: the page in a real browser, if there is one: driven over the two pipes of its
 * debugging protocol, messages are JSON ended by a zero byte. First of all no script may have died:
 * an audit of a page whose script died finds nothing wrong with it. Without a browser the tests say
 * that they were skipped.
 *
 * MS_SHOTS=FOLDER also writes pictures of the page there, to be looked at.
 */
#include "report_test.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_MS = 90000, MESSAGE_MAX = 64 << 20 };

struct browser {
    pid_t pid;
    int to, from;
    char folder[64]; /* profile and page */
    char *seen;      /* bytes read and not yet taken */
    size_t seen_bytes, seen_room;
    int next_id;
    char session[128];
    int errors; /* exceptions and error messages so far */
    char error_text[512];
};

/* ---- the process -------------------------------------------------------------------------------- */

static const char *const programs[] = {"chromium", "chromium-browser", "google-chrome"};

/* The first browser in PATH, or NULL. */
static const char *browser_find(char path[4096])
{
    const char *list = getenv("PATH");

    for (size_t i = 0; list && i < sizeof(programs) / sizeof(programs[0]); i++) {
        for (const char *at = list; *at;) {
            size_t length = strcspn(at, ":");
            snprintf(path, 4096, "%.*s/%s", (int)length, at, programs[i]);
            if (length && access(path, X_OK) == 0)
                return path;
            at += length + (at[length] == ':');
        }
    }
    return NULL;
}

/* In the child: the protocol wants its pipes as 3 and 4. Both are above 4 when this is called. */
static void browser_become(const char *program, const char *profile, int in, int out)
{
    char own[160];
    int null = open("/dev/null", O_RDWR);

    snprintf(own, sizeof(own), "--user-data-dir=%s/profile", profile);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    dup2(in, 3);
    dup2(out, 4);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test stops nothing by itself */
    execl(program, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
          "--no-first-run", "--disable-background-networking", "--disable-component-update",
          "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe", own,
          "about:blank", (char *)NULL);
    _exit(127);
}

static int fd_high(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);

    close(fd);
    return high;
}

static bool browser_start(struct browser *b)
{
    char program[4096];
    int to[2], from[2];

    *b = (struct browser){.folder = "/tmp/mapstorm-browser-XXXXXX"};
    if (!browser_find(program) || !mkdtemp(b->folder))
        return false;
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    int in = fd_high(to[0]), out = fd_high(from[1]);
    b->to = fd_high(to[1]);
    b->from = fd_high(from[0]);
    b->pid = fork();
    assert_true(b->pid >= 0);
    if (b->pid == 0)
        browser_become(program, b->folder, in, out);
    close(in);
    close(out);
    return true;
}

static void browser_stop(struct browser *b)
{
    char line[128];

    kill(-b->pid, SIGKILL);
    waitpid(b->pid, NULL, 0);
    close(b->to);
    close(b->from);
    free(b->seen);
    /* The folder's name is ours, made by mkdtemp: nothing in it needs quoting. */
    snprintf(line, sizeof(line), "rm -rf %s", b->folder);
    if (system(line) != 0)
        fprintf(stderr, "could not remove %s\n", b->folder);
}

/* ---- the protocol ------------------------------------------------------------------------------- */

static void send_line(struct browser *b, const char *line)
{
    size_t left = strlen(line) + 1;

    while (left > 0) {
        ssize_t sent = write(b->to, line, left);
        if (sent <= 0)
            fail_msg("the browser went away");
        line += sent;
        left -= (size_t)sent;
    }
}

/* The next message; fails the test when none comes in time. */
static json_t *receive(struct browser *b)
{
    for (;;) {
        char *end = b->seen ? memchr(b->seen, '\0', b->seen_bytes) : NULL;
        if (end) {
            json_t *message = json_loads(b->seen, 0, NULL);
            size_t used = (size_t)(end - b->seen) + 1;
            memmove(b->seen, end + 1, b->seen_bytes - used);
            b->seen_bytes -= used;
            return message;
        }
        struct pollfd wait = {.fd = b->from, .events = POLLIN};
        if (poll(&wait, 1, ANSWER_MS) <= 0)
            fail_msg("the browser said nothing for %d s", ANSWER_MS / 1000);
        if (b->seen_room - b->seen_bytes < 65536) {
            b->seen_room = b->seen_room * 2 + 131072;
            assert_true(b->seen_room < MESSAGE_MAX);
            b->seen = realloc(b->seen, b->seen_room);
            assert_non_null(b->seen);
        }
        ssize_t got = read(b->from, b->seen + b->seen_bytes, b->seen_room - b->seen_bytes);
        if (got <= 0)
            fail_msg("the browser ended");
        b->seen_bytes += (size_t)got;
    }
}

/* Counts what a console would show in red. */
static void event_note(struct browser *b, const json_t *message)
{
    const char *method = json_string_value(json_object_get(message, "method"));
    const json_t *params = json_object_get(message, "params");
    const json_t *entry = json_object_get(params, "entry");
    const char *level = json_string_value(json_object_get(entry, "level"));
    bool is_error = method && (strcmp(method, "Runtime.exceptionThrown") == 0 ||
                               (level && strcmp(level, "error") == 0));

    if (!is_error)
        return;
    b->errors++;
    char *text = json_dumps(params, JSON_COMPACT);
    snprintf(b->error_text, sizeof(b->error_text), "%s", text);
    free(text);
}

/* Sends a command and waits for its result; takes `params`, the caller owns what comes back. */
static json_t *command(struct browser *b, const char *method, json_t *params)
{
    int id = ++b->next_id;
    json_t *line = json_pack("{s:i,s:s,s:o}", "id", id, "method", method, "params",
                             params ? params : json_object());

    if (*b->session)
        json_object_set_new(line, "sessionId", json_string(b->session));
    char *text = json_dumps(line, JSON_COMPACT);
    send_line(b, text);
    free(text);
    json_decref(line);
    for (;;) {
        json_t *message = receive(b);
        if (json_integer_value(json_object_get(message, "id")) == id) {
            json_t *result = json_incref(json_object_get(message, "result"));
            if (!result)
                fail_msg("%s: %s", method, json_dumps(message, JSON_COMPACT));
            json_decref(message);
            return result;
        }
        event_note(b, message);
        json_decref(message);
    }
}

static void tell(struct browser *b, const char *method, json_t *params)
{
    json_decref(command(b, method, params));
}

/* The text an expression gives; the caller frees it. */
static char *evaluate(struct browser *b, const char *expression)
{
    json_t *result = command(b, "Runtime.evaluate",
                             json_pack("{s:s,s:b,s:b}", "expression", expression, "returnByValue",
                                       1, "awaitPromise", 1));
    const json_t *value = json_object_get(json_object_get(result, "result"), "value");
    const json_t *thrown = json_object_get(result, "exceptionDetails");
    char *text = thrown                  ? json_dumps(thrown, JSON_COMPACT)
                 : json_is_string(value) ? strdup(json_string_value(value))
                                         : json_dumps(value ? value : json_null(), JSON_ENCODE_ANY);

    json_decref(result);
    return text;
}

static void evaluates_to(struct browser *b, const char *expression, const char *want)
{
    char *got = evaluate(b, expression);

    if (strcmp(got, want) != 0)
        fail_msg("%s gives %.400s, wanted %s", expression, got, want);
    free(got);
}

/* ---- the page ----------------------------------------------------------------------------------- */

static void no_script_errors(struct browser *b)
{
    if (b->errors)
        fail_msg("%d script errors: %s", b->errors, b->error_text);
}

static void attach(struct browser *b)
{
    json_t *targets = command(b, "Target.getTargets", NULL);
    const json_t *list = json_object_get(targets, "targetInfos");
    const char *target = NULL;

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "type")), "page") ==
            0)
            target = json_string_value(json_object_get(json_array_get(list, i), "targetId"));
    assert_non_null(target);
    json_t *attached = command(b, "Target.attachToTarget",
                               json_pack("{s:s,s:b}", "targetId", target, "flatten", 1));
    snprintf(b->session, sizeof(b->session), "%s",
             json_string_value(json_object_get(attached, "sessionId")));
    json_decref(attached);
    json_decref(targets);
    tell(b, "Runtime.enable", NULL);
    tell(b, "Log.enable", NULL);
    tell(b, "Page.enable", NULL);
}

static void page_size(struct browser *b, int width)
{
    tell(b, "Emulation.setDeviceMetricsOverride",
         json_pack("{s:i,s:i,s:f,s:b}", "width", width, "height", 900, "deviceScaleFactor", 1.0,
                   "mobile", 0));
}

static void page_theme(struct browser *b, const char *theme)
{
    tell(b, "Emulation.setEmulatedMedia",
         json_pack("{s:[{s:s,s:s},{s:s,s:s}]}", "features", "name", "prefers-color-scheme", "value",
                   theme, "name", "prefers-reduced-motion", "value", "reduce"));
}

/* Asks again and again instead of awaiting a promise: with scripts off no timer would fire. */
static void page_open(struct browser *b, int width, const char *theme)
{
    char address[128];
    bool is_ready = false;

    page_size(b, width);
    page_theme(b, theme);
    snprintf(address, sizeof(address), "file://%s/page.html", b->folder);
    tell(b, "Page.navigate", json_pack("{s:s}", "url", address));
    for (int i = 0; !is_ready && i < ANSWER_MS / 20; i++) {
        char *state = evaluate(b, "document.readyState + ' ' + location.protocol");
        is_ready = strcmp(state, "complete file:") == 0;
        free(state);
        usleep(is_ready ? 0 : 20000);
    }
    assert_true(is_ready);
}

/* Pictures of 1400 lines each, so that letters stay legible; base64, as the browser gives them. */
static void page_shot(struct browser *b, const char *name, int width)
{
    const char *folder = getenv("MS_SHOTS");

    if (!folder)
        return;
    char *text = evaluate(b, "document.documentElement.scrollHeight");
    int height = atoi(text);
    free(text);
    for (int y = 0; y < height; y += 1400) {
        char path[4096];
        json_t *result =
            command(b, "Page.captureScreenshot",
                    json_pack("{s:s,s:b,s:{s:i,s:i,s:i,s:i,s:i}}", "format", "png",
                              "captureBeyondViewport", 1, "clip", "x", 0, "y", y, "width", width,
                              "height", height - y < 1400 ? height - y : 1400, "scale", 1));
        snprintf(path, sizeof(path), "%s/%s-%d.png.base64", folder, name, y / 1400);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(json_string_value(json_object_get(result, "data")), out);
        fclose(out);
        json_decref(result);
    }
}

/* A browser with the stored run's page beside it, or a skipped test. */
static void browser_with_page(struct browser *b)
{
    struct ms_problem problem = {0};

    signal(SIGPIPE, SIG_IGN);
    if (!browser_start(b))
        skip();
    const char *file = getenv("MS_PAGE_OF");
    struct ms_result *r = file ? ms_result_read(file, &problem) : run_read();
    if (!r)
        fail_msg("%s", problem.text);
    assert_true(ms_file_write(r, b->folder, "page.html", ms_emit_page, &problem));
    ms_result_free(r);
    attach(b);
}

static void key(struct browser *b, const char *name)
{
    bool is_enter = strcmp(name, "Enter") == 0;

    tell(b, "Input.dispatchKeyEvent",
         json_pack("{s:s,s:s,s:s}", "type", is_enter ? "keyDown" : "rawKeyDown", "key", name,
                   "text", is_enter ? "\r" : ""));
    tell(b, "Input.dispatchKeyEvent", json_pack("{s:s,s:s}", "type", "keyUp", "key", name));
}

/* ---- the audit ---------------------------------------------------------------------------------- */

/* Findings, one a line: text without contrast, controls without a name or too small, drawings
 * without a label, an id that is there twice, anything wider than the window. */
static const char audit[] =
    "(() => {"
    "const out = [];"
    "const rgb = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] "
    ": "
    "m; };"
    "const lum = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / "
    "12.92 "
    ": ((v + .055) / 1.055) ** 2.4; }); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };"
    "const ground = e => { for (; e; e = e.parentElement) { const c = "
    "rgb(getComputedStyle(e).backgroundColor); if (c[3] > .99) return c; } return [255, 255, 255, "
    "1]; };"
    "const seen = e => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden';"
    "const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);"
    "for (let n; n = walk.nextNode();) {"
    "  const e = n.parentElement;"
    "  if (!n.data.trim() || !seen(e) || /SCRIPT|STYLE|TITLE|title/.test(e.tagName)) continue;"
    "  const s = getComputedStyle(e), svg = e instanceof SVGElement, fg = rgb(svg ? s.fill : "
    "s.color), bg = ground(e);"
    "  let o = 1; for (let p = e; p; p = p.parentElement) o *= getComputedStyle(p).opacity;"
    "  const mix = [0, 1, 2].map(i => fg[i] * o + bg[i] * (1 - o));"
    "  const a = lum(mix), b = lum(bg), r = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);"
    "  if (r < 4.5) out.push('contrast ' + r.toFixed(2) + ': ' + e.tagName + '.' + "
    "(e.getAttribute('class') || '') + ' ' + n.data.trim().slice(0, 30));"
    "}"
    "for (const e of document.querySelectorAll('button,a[href],summary,[role=button]')) {"
    "  if (!seen(e)) continue;"
    "  if (!(e.getAttribute('aria-label') || e.textContent).trim()) out.push('no name: ' + "
    "e.outerHTML.slice(0, 60));"
    "  const b = e.getBoundingClientRect();"
    "  if (b.height < 24 && e.tagName !== 'A') out.push('small: ' + e.tagName + ' ' + "
    "e.textContent.slice(0, 30) + ' ' + b.height);"
    "}"
    "for (const e of document.querySelectorAll('figure > svg'))"
    "  if (e.getAttribute('role') !== 'img' || !e.getAttribute('aria-label')) out.push('no label: "
    "svg');"
    "const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
    "ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => out.push('twice: ' + id));"
    "if (document.scrollingElement.scrollWidth > innerWidth) out.push('wider than the window: ' + "
    "document.scrollingElement.scrollWidth);"
    "return out.join('\\n');"
    "})()";

static void audit_at(struct browser *b, int width, const char *theme)
{
    char name[64];

    page_open(b, width, theme);
    evaluates_to(b, "document.documentElement.dataset.ready || 'the script died'", "1");
    no_script_errors(b);
    /* With everything open: what is hidden would not be audited. */
    evaluates_to(b, "document.querySelectorAll('details').forEach(d => d.open = true); 'open'",
                 "open");
    char *findings = evaluate(b, audit);
    if (*findings)
        fail_msg("%d px, %s: %s", width, theme, findings);
    free(findings);
    snprintf(name, sizeof(name), "%s-%d", theme, width);
    page_shot(b, name, width);
}

/* ---- tests -------------------------------------------------------------------------------------- */

MS_TEST(report_browser_audit_finds_nothing_in_both_themes_and_on_a_phone)
{
    struct browser b;

    browser_with_page(&b);
    audit_at(&b, 1280, "light");
    audit_at(&b, 1280, "dark");
    audit_at(&b, 400, "light");
    audit_at(&b, 400, "dark");
    browser_stop(&b);
}

MS_TEST(report_browser_matrix_is_usable_by_keys)
{
    struct browser b;

    browser_with_page(&b);
    page_open(&b, 1280, "light");
    no_script_errors(&b);
    /* One tab stop a table; arrows move; Enter opens the evidence of the cell it is on. */
    evaluates_to(
        &b, "document.querySelectorAll('.matrix[data-threads=\"1\"] td[tabindex=\"0\"]').length",
        "1");
    evaluates_to(&b,
                 "document.querySelector('.matrix td[tabindex=\"0\"]').focus(); "
                 "document.activeElement.dataset.cell",
                 "0");
    key(&b, "ArrowRight");
    key(&b, "ArrowDown");
    evaluates_to(&b, "document.activeElement.dataset.cell", "4");
    evaluates_to(&b, "document.getElementById('evidence').hidden", "true");
    key(&b, "Enter");
    evaluates_to(&b, "document.getElementById('evidence').hidden", "false");
    evaluates_to(&b, "document.querySelector('#evidence h3').textContent",
                 "registers/strategy:cas-bitmap/shape:4p/threads:1/registers:1024");
    no_script_errors(&b);
    browser_stop(&b);
}

/* What is told of a change is told to the page first: it began to listen earlier. */
MS_TEST(report_browser_state_lives_in_the_address)
{
    struct browser b;

    browser_with_page(&b);
    page_open(&b, 1280, "light");
    evaluates_to(&b,
                 "location.hash = '#base=magazine&threads=2'; new Promise(r => "
                 "addEventListener('hashchange', () => r(document.querySelector("
                 "'.matrix[data-threads=\"2\"] caption').textContent), {once: true}))",
                 "2 threads; times faster than magazine, higher is better");
    /* A cell of the old baseline is slower now: the stored pair was turned round. */
    evaluates_to(&b, "document.querySelector('.matrix[data-threads=\"2\"] tbody td').className",
                 "v slower l3");
    /* Choosing writes the address; nonsense in it is ignored. */
    evaluates_to(&b,
                 "document.querySelector('input[name=threads][value=\"4\"]').click(); "
                 "location.hash",
                 "#base=magazine&threads=4");
    evaluates_to(&b,
                 "location.hash = '#base=nobody&threads=77&metric=x'; new Promise(r => "
                 "addEventListener('hashchange', () => r(document.querySelectorAll("
                 "'.scroll:not([hidden]) > .matrix').length), {once: true}))",
                 "1");
    no_script_errors(&b);
    browser_stop(&b);
}

MS_TEST(report_browser_answers_without_scripts)
{
    struct browser b;

    browser_with_page(&b);
    page_size(&b, 1280);
    tell(&b, "Emulation.setScriptExecutionDisabled", json_pack("{s:b}", "value", 1));
    page_open(&b, 1280, "light");
    evaluates_to(&b, "document.documentElement.dataset.ready || 'no script'", "no script");
    evaluates_to(&b, "document.querySelector('h1').textContent.slice(0, 24)",
                 "magazine is the fastest:");
    evaluates_to(&b,
                 "[...document.querySelectorAll('.matrix')].filter(t => "
                 "t.getClientRects().length).length",
                 "3");
    evaluates_to(&b, "document.querySelectorAll('#numbers tbody tr').length > 50", "true");
    /* What only a script could fill is not there to disappoint. */
    evaluates_to(&b, "[...document.querySelectorAll('.js')].some(e => e.getClientRects().length)",
                 "false");
    page_shot(&b, "noscript", 1280);
    browser_stop(&b);
}
