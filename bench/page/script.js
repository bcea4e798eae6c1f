
"use strict";
(() => {
const D = JSON.parse(document.getElementById("data").textContent);
/* Lists travel as columns and rows, 0 is what is not there; estimates as [value, low, high, count]. */
for (const k in D) if (D[k].rows) D[k] = D[k].rows.map(r => Object.fromEntries(D[k].columns.map((c, i) => [c, r[i] || undefined])));
const estimate = o => o && {value: o[0], low: o[1], high: o[2], count: o[3]};
for (const c of D.cells) {
  c.time = estimate(c.time);
  c.of_limit = estimate(c.of_limit);
  c.counts = (c.counts || []).flatMap((k, i, all) => i % 2 ? [] : [{name: D.count_names[k][0], model: D.count_names[k][1], per_op: all[i + 1]}]);
  const keys = (list, a, b) => list.split(" ").map(k => c[k] ? a + k + b + c[k] : "").join("");
  c.name = c.name || c.scenario + keys("strategy adapter shape threads registers", "/", ":");
  c.command = c.command || D.run.command && D.run.command.split(" run")[0] + " run" + keys("scenario strategy shape adapter threads registers", " --", " ") + " --seed " + D.run.seed;
}
for (const p of D.pairs) {
  p.ratio = estimate(p.ratio);
  if (document.body.dataset.ranked === "no") { p.verdict = ""; p.why = "this run ranks nothing"; }
}
const $ = id => document.getElementById(id);
const cells = D.cells, controls = new Set(["null", "twin", "drag"]);
const strategies = D.strategies.filter(s => !controls.has(s.role));
const baseline = (D.strategies.find(s => s.role === "baseline") || strategies[0] || {}).name;
const placeOf = name => Math.max(0, strategies.findIndex(s => s.name === name));
const styleOf = name => placeOf(name) % 8, markOf = name => (placeOf(name) + (placeOf(name) >> 3)) % 8;
const poolCells = cells.filter(c => c.scenario === "registers");
const unique = list => [...new Set(list)];
const threadCounts = unique(poolCells.map(c => c.threads)).sort((a, b) => a - b);
const poolShapes = D.shapes.filter(s => s.scenario === "registers" && poolCells.some(c => c.shape === s.name));
const mapShapes = D.shapes.filter(s => s.scenario === "map" && cells.some(c => c.scenario === "map" && c.shape === s.name));

/* Words: the same rules as the program's. */
const digits = n => n < 9.995 ? 2 : n < 99.95 ? 1 : 0;
const ns = n => n < 9999.5 ? n.toFixed(digits(n)) + " ns" : n < 9999.5e3 ? (n / 1e3).toFixed(digits(n / 1e3)) + " us" : (n / 1e6).toFixed(digits(n / 1e6)) + " ms";
const times = n => n.toFixed(digits(n)) + "\u00d7";
const rate = n => { const r = 1e3 / n; return r >= .9995 ? r.toFixed(digits(r)) + " M/s" : (r * 1e3).toFixed(digits(r * 1e3)) + " k/s"; };
const percent = n => (n * 100).toFixed(n < .0995 ? 1 : 0) + " %";
const interval = e => { const d = digits(e.low); return "[" + e.low.toFixed(d) + " " + e.high.toFixed(d) + "]"; };

/* Elements: text is always set as text, so no name can become markup. */
const SVG = "http://www.w3.org/2000/svg";
const fill = (e, attributes, children) => {
  for (const k in attributes) if (attributes[k] !== undefined) e.setAttribute(k, attributes[k]);
  for (const c of children) if (c !== null && c !== undefined) e.append(c);
  return e;
};
const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const sv = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const marker = i => sv("svg", {class: "mk", "aria-hidden": "true"}, sv("use", {href: "#m" + i}));
const named = name => el("span", {class: "name s" + styleOf(name)}, marker(markOf(name)), name);

/* State lives behind the # of the address. */
const start = {base: baseline, metric: "ratio", threads: String(threadCounts[0] || 1), shape: (poolShapes[0] || {}).name, map: "", hide: ""};
const state = {...start};
const readHash = () => {
  Object.assign(state, start);
  for (const [k, v] of new URLSearchParams(location.hash.slice(1))) if (k in state) state[k] = v;
  if (!bases.includes(state.base)) state.base = baseline;
  if (!threadCounts.includes(+state.threads)) state.threads = start.threads;
  if (!poolShapes.some(s => s.name === state.shape)) state.shape = start.shape;
  if (!["ratio", "time", "rate", "limit"].includes(state.metric)) state.metric = "ratio";
};
const writeHash = () => {
  const p = new URLSearchParams();
  for (const k in state) if (state[k] !== start[k]) p.set(k, state[k]);
  history.replaceState(null, "", "#" + p);
};
const hidden = () => new Set(state.hide ? state.hide.split(",") : []);

/* A stored comparison of cell i with strategy `base`; turned round where it was stored so. */
const pairsOf = new Map();
for (const p of D.pairs) {
  const a = p.cell || 0, b = p.base || 0, r = p.ratio;
  const flip = {faster: "slower", slower: "faster"};
  pairsOf.set(a + "/" + cells[b].strategy, {...p, other: b});
  pairsOf.set(b + "/" + cells[a].strategy, {...p, other: a, verdict: flip[p.verdict] || p.verdict,
    ratio: r && {value: 1 / r.value, low: 1 / r.high, high: 1 / r.low, count: r.count}});
}
const bases = strategies.map(s => s.name).filter(n => n === baseline || poolCells.some(c => pairsOf.has(cells.indexOf(c) + "/" + n) && (strategies.length < 3 || ![baseline, n].includes(c.strategy))));
const isMeasured = c => !c.outcome || c.outcome === "measured";

/* --- choosing --- */
const segment = (legend, key, options, label) => {
  const set = el("fieldset", {class: "seg"}, el("legend", {}, legend));
  for (const o of options) {
    const input = el("input", {type: "radio", name: key, value: o});
    input.checked = state[key] === String(o);
    input.addEventListener("change", () => { state[key] = String(o); writeHash(); draw(); });
    set.append(el("label", {}, input, el("span", {}, label(o))));
  }
  return set;
};
const chooser = () => {
  $("choose").replaceChildren(
    segment("threads", "threads", threadCounts, t => String(t)),
    segment("baseline", "base", bases, n => n),
    segment("show", "metric", ["ratio", "time", "rate", "limit"], m => ({ratio: "ratio", time: "time", rate: "rate", limit: "of limit"})[m]));
  $("shapes").replaceChildren(segment("shape", "shape", poolShapes.map(s => s.name), n => n));
};

/* --- matrix --- */
const strength = r => { const t = r < 1 ? 1 / r : r; return t < 1.15 ? 1 : t < 1.5 ? 2 : 3; };
const symbols = {faster: "\u25b2", slower: "\u25bc", same: "=", "cannot tell": "?"};
const paintCell = td => {
  const i = +td.dataset.cell, c = cells[i];
  if (!isMeasured(c)) return;
  const put = (kind, symbol, main, small) => {
    td.className = "v " + kind;
    td.replaceChildren(symbol ? el("i", {}, symbol) : "", main, el("small", {}, small || ""));
  };
  const p = pairsOf.get(i + "/" + state.base);
  if (state.metric === "time") return put("plain-time", "", ns(c.time.value), interval(c.time));
  if (state.metric === "rate") return put("plain-time", "", rate(c.time.value), c.threads > 1 ? "all threads" : "");
  if (state.metric === "limit") return c.of_limit ? put("plain-time", "", percent(c.of_limit.value), c.limit) : put("none", "", "\u2013", "no limit");
  if (c.strategy === state.base || !p || !p.ratio) return put("base", "", ns(c.time.value), c.strategy === state.base ? "baseline" : "");
  const r = p.ratio, v = p.verdict || "";
  if (!symbols[v]) return put("none", "", "(" + times(r.value) + ")", "not ranked");
  const kind = v === "cannot tell" ? "unknown" : v === "same" ? "same" : v + " l" + strength(r.value);
  put(kind, symbols[v], v === "same" ? "same" : times(r.value), interval(r));
};
const describe = td => {
  const c = cells[+td.dataset.cell];
  td.setAttribute("aria-label", [c.strategy, c.shape, c.threads + (c.threads === 1 ? " thread" : " threads"), td.textContent].join(", "));
};
const matrices = () => {
  const gone = hidden();
  for (const table of document.querySelectorAll("table.matrix")) {
    table.parentElement.hidden = table.dataset.threads !== state.threads;
    for (const name of table.querySelectorAll(".basename")) name.textContent = state.base;
    for (const row of table.tBodies[0].rows) row.hidden = gone.has(row.dataset.strategy);
    let first = true;
    for (const td of table.querySelectorAll("td[data-cell]")) {
      paintCell(td);
      describe(td);
      td.tabIndex = first ? 0 : -1;
      td.setAttribute("role", "button");
      first = false;
    }
  }
};
const evidence = td => {
  const i = +td.dataset.cell, c = cells[i], p = pairsOf.get(i + "/" + state.base), box = $("evidence");
  const list = el("dl");
  const item = (name, value) => value && list.append(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  document.querySelectorAll(".v[aria-selected]").forEach(o => o.removeAttribute("aria-selected"));
  td.setAttribute("aria-selected", "true");
  if (c.time) item("time per operation", ns(c.time.value) + " " + interval(c.time));
  if (p && p.ratio) {
    item("against " + state.base, times(p.ratio.value) + " " + interval(p.ratio));
    item("verdict", p.verdict || "not ranked");
    item("why", p.why);
    item("pairs", p.ratio.count + (p.launches ? " from " + p.launches + " launches; the verdict holds without any one of " + (p.agreeing || 0) : ""));
    const other = cells[p.other];
    if (other.time) item(state.base, ns(other.time.value));
  }
  item("outcome", isMeasured(c) ? "" : c.outcome + (c.why ? ": " + c.why : ""));
  if (c.of_limit) item("of " + c.limit, percent(c.of_limit.value));
  item("disturbed samples", c.time ? (c.disturbed || 0) + " of " + c.time.count + ", " + (c.repeated || 0) + " blocks taken again" : "");
  for (const k of c.counts || []) item(k.name + " per operation", String(+(k.per_op || 0).toPrecision(4)) + (k.model ? " (model)" : ""));
  const copy = el("button", {class: "act", type: "button"}, "Copy");
  copy.addEventListener("click", () => navigator.clipboard && navigator.clipboard.writeText(c.command).then(() => { copy.textContent = "Copied"; }));
  box.replaceChildren(el("h3", {}, el("span", {}, c.name)), list,
    c.command ? el("p", {}, el("small", {}, "repeat it: "), el("code", {}, c.command), " ", copy) : "");
  box.hidden = false;
};
const move = (td, key) => {
  const row = td.parentElement, rows = [...row.parentElement.rows].filter(r => !r.hidden), y = rows.indexOf(row);
  const x = td.cellIndex;
  const next = key === "ArrowLeft" ? row.cells[x - 1] : key === "ArrowRight" ? row.cells[x + 1]
    : key === "Home" ? row.cells[1] : key === "End" ? row.cells[row.cells.length - 1]
    : (rows[key === "ArrowUp" ? y - 1 : y + 1] || row).cells[x];
  if (!next || !next.dataset.cell) return;
  td.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
};
document.addEventListener("keydown", e => {
  const td = e.target.closest && e.target.closest(".matrix td[data-cell]");
  if (!td || e.ctrlKey || e.altKey || e.metaKey) return;
  if (e.key === "Enter" || e.key === " ") evidence(td);
  else if (/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(e.key)) move(td, e.key);
  else return;
  e.preventDefault();
});
document.addEventListener("click", e => {
  const td = e.target.closest(".matrix td[data-cell]");
  if (!td) return;
  for (const other of td.closest("table").querySelectorAll("td[tabindex='0']")) other.tabIndex = -1;
  td.tabIndex = 0;
  evidence(td);
});

/* --- curves --- */
const nice = max => { const p = 10 ** Math.floor(Math.log10(max)); return [1, 2, 2.5, 5, 10].map(k => k * p).find(k => k >= max / 5) || p; };
/* Pushes labels apart so that none covers another; y only. */
const spread = (labels, gap, low, high) => {
  labels.sort((a, b) => a.y - b.y);
  for (let i = 1; i < labels.length; i++) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + gap);
  let limit = high;
  for (let i = labels.length - 1; i >= 0; i--) { labels[i].y = Math.min(labels[i].y, limit); limit = labels[i].y - gap; }
};
/* Rates by threads in `box`: `lines` are {name, style, mark, points}, points are cells of rising threads. */
const chart = (box, lines, counts, what, extra) => {
  const width = Math.max(280, box.clientWidth), height = 340, narrow = width < 560;
  const longest = Math.max(...lines.map(l => l.name.length), 0);
  const left = 46, right = narrow ? 16 : Math.min(170, 26 + 7.5 * longest), top = 14, bottom = 44;
  const fastest = Math.max(1e-6, ...lines.flatMap(l => l.points.map(c => 1e3 / c.time.low)));
  const step = nice(fastest), yMax = Math.ceil(fastest / step) * step;
  const slot = (width - left - right) / Math.max(1, counts.length);
  const x = t => left + slot * (counts.indexOf(t) + .5), y = r => top + (height - top - bottom) * (1 - r / yMax);
  const words = lines.map(l => l.name + ": " + l.points.map(c => rate(c.time.value) + " with " + c.threads).join(", ")).join("; ");
  const svg = sv("svg", {viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": what + ". " + words});
  const over = counts.filter(t => lines.some(l => l.points.some(c => c.threads === t && c.oversubscribed)));
  if (over.length) {
    const x0 = x(over[0]) - slot / 2;
    svg.append(sv("rect", {class: "shade", x: x0, y: top, width: width - right - x0, height: height - top - bottom}),
      sv("text", {x: x0 + 8, y: top + 16}, narrow ? "> cores" : "more threads than cores"));
  }
  for (let r = 0; r <= yMax + step / 2; r += step)
    svg.append(sv("line", {class: r ? "grid" : "axis", x1: left, x2: width - right, y1: y(r), y2: y(r)}),
      sv("text", {x: left - 8, y: y(r) + 4, "text-anchor": "end"}, String(+r.toPrecision(6))));
  for (const t of counts) svg.append(sv("text", {x: x(t), y: height - bottom + 20, "text-anchor": "middle", class: "ink"}, String(t)));
  svg.append(sv("text", {x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle"}, "threads"));
  const labels = lines.map((l, k) => {
    const g = sv("g", {class: "s" + l.style}), shift = (k - (lines.length - 1) / 2) * 3;
    const px = c => x(c.threads) + shift, py = c => y(1e3 / c.time.value);
    g.append(sv("path", {class: "ln", d: l.points.map((c, n) => (n ? "L" : "M") + px(c).toFixed(1) + " " + py(c).toFixed(1)).join("")}));
    for (const c of l.points)
      g.append(sv("path", {class: "wh", d: `M${px(c)} ${y(1e3 / c.time.high)}V${y(1e3 / c.time.low)}m-4 0h8M${px(c) - 4} ${y(1e3 / c.time.high)}h8`}),
        sv("use", {class: "pt", href: "#m" + l.mark, x: px(c) - 7, y: py(c) - 7, width: 14, height: 14}, sv("title", {}, l.name + ", " + c.threads + ": " + rate(c.time.value))));
    svg.append(g);
    return {g, name: l.name, y: py(l.points[l.points.length - 1]) + 4};
  });
  if (!narrow) {
    spread(labels, 16, top + 8, height - bottom);
    for (const l of labels) l.g.append(sv("text", {class: "lab", x: width - right + 8, y: l.y}, l.name));
  }
  box.replaceChildren(extra, el("p", {class: "fine"}, what), svg);
};
const pointsOf = (list, counts) => counts.map(t => list.find(c => c.threads === t && c.time && isMeasured(c))).filter(Boolean);
const curve = () => {
  const gone = hidden();
  const lines = strategies.filter(s => !gone.has(s.name)).map(s => ({name: s.name, style: styleOf(s.name), mark: markOf(s.name),
    points: pointsOf(poolCells.filter(c => c.strategy === s.name && c.shape === state.shape), threadCounts)})).filter(l => l.points.length);
  chart($("curve"), lines, threadCounts, "Million take + give per second, all threads, shape " + state.shape + "; higher is better", toggles());
};
/* Only shapes measured with several threads have a curve. */
const mapCells = cells.filter(c => c.scenario === "map");
const mapCurveShapes = mapShapes.map(s => s.name).filter(n => mapCells.some(c => c.shape === n && c.threads > 1));
const adapterStyle = k => (k + 2) % 8;
const mapStrategy = mapCells.some(c => c.strategy === baseline) ? baseline : (mapCells[0] || {}).strategy;
const mapCurve = () => {
  const counts = unique(mapCells.map(c => c.threads)).sort((a, b) => a - b);
  const lines = (D.adapters || []).map((a, k) => ({name: a.name, style: adapterStyle(k), mark: adapterStyle(k),
    points: pointsOf(mapCells.filter(c => c.adapter === a.name && c.shape === state.map && c.strategy === mapStrategy), counts)})).filter(l => l.points.length);
  chart($("mapcurve"), lines, counts, "Million MapTransferEx + flush per second, all threads, shape " + state.map + "; higher is better",
    segment("shape", "map", mapCurveShapes, n => n));
};
/* Each name hides and shows its strategy, here and in the matrix. */
const toggles = () => {
  const gone = hidden(), list = el("div", {class: "controls", role: "group", "aria-label": "Strategies shown"});
  for (const s of strategies) {
    const b = el("button", {class: "act" + (gone.has(s.name) ? " off" : ""), type: "button", "aria-pressed": String(!gone.has(s.name))}, named(s.name));
    b.addEventListener("click", () => {
      gone.has(s.name) ? gone.delete(s.name) : gone.add(s.name);
      state.hide = [...gone].join(",");
      writeHash(); draw();
      [...$("curve").querySelectorAll("button")].find(o => o.textContent === s.name).focus();
    });
    list.append(b);
  }
  return list;
};
/* MapTransferEx: time on a logarithmic axis, one row a shape, the limit as a tick. */
const mapChart = () => {
  const box = $("mapchart"), adapters = D.adapters || [];
  const own = mapCells.filter(c => c.strategy === mapStrategy && c.threads === 1 && c.time && isMeasured(c));
  if (!own.length) return;
  const limitOf = c => c.of_limit ? c.time.value * c.of_limit.value : 0;
  const rows = mapShapes.filter(s => own.some(c => c.shape === s.name));
  const values = own.flatMap(c => [c.time.value, limitOf(c)]).filter(v => v > 0);
  const low = Math.log10(Math.min(...values)) - .08, high = Math.log10(Math.max(...values)) + .08;
  const width = Math.max(280, box.clientWidth), narrow = width < 560, lane = 15, pad = 12;
  const present = s => adapters.filter(a => own.some(c => c.shape === s.name && c.adapter === a.name));
  const left = narrow ? 96 : 150, right = 16, top = 22, bottom = 40;
  const height = top + bottom + rows.reduce((h, s) => h + present(s).length * lane + pad, 0);
  const x = v => left + (Math.log10(v) - low) / (high - low) * (width - left - right);
  const svg = sv("svg", {viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": "Time of MapTransferEx per shape and adapter with its limit; the numbers are in the table below."});
  for (let d = Math.ceil(low); d <= high; d++) {
    const at = x(10 ** d), word = d >= 6 ? 10 ** (d - 6) + " ms" : d >= 4 ? 10 ** (d - 3) + " us" : 10 ** d + " ns";
    svg.append(sv("line", {class: "grid", x1: at, x2: at, y1: top, y2: height - bottom}));
    for (const y of [12, height - bottom + 18]) svg.append(sv("text", {x: at, y, "text-anchor": "middle"}, word));
  }
  let y0 = top;
  for (const s of rows) {
    const rowHeight = present(s).length * lane + pad;
    svg.append(sv("line", {class: "grid", x1: 0, x2: width - right, y1: y0, y2: y0}),
      sv("text", {class: "ink", x: 0, y: y0 + rowHeight / 2 + 4}, narrow && s.name.length > 13 ? s.name.slice(0, 12) + "\u2026" : s.name));
    present(s).forEach((a, k) => {
      const c = own.find(o => o.shape === s.name && o.adapter === a.name), y = y0 + pad / 2 + lane * (k + .5), m = adapterStyle(adapters.indexOf(a));
      const g = sv("g", {class: "s" + m}), l = limitOf(c);
      if (l) g.append(sv("line", {class: "gap", x1: x(l), x2: x(c.time.value), y1: y, y2: y}));
      g.append(sv("use", {class: "pt", href: "#m" + m, x: x(c.time.value) - 7, y: y - 7, width: 14, height: 14},
        sv("title", {}, a.name + ", " + s.name + ": " + ns(c.time.value) + (c.of_limit ? ", " + percent(c.of_limit.value) + " of " + c.limit : ""))));
      if (l) g.append(sv("line", {class: "lim", x1: x(l), x2: x(l), y1: y - 6, y2: y + 6}));
      svg.append(g);
    });
    y0 += rowHeight;
  }
  svg.append(sv("text", {x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle"}, "time per call, logarithmic; lower is better"));
  const legend = el("ul", {class: "legend"}, ...adapters.map((a, k) => el("li", {}, el("span", {class: "name s" + adapterStyle(k)}, marker(adapterStyle(k)), a.name), " ", a.title || "")),
    el("li", {}, el("span", {class: "tick", "aria-hidden": "true"}), "the limit"));
  box.replaceChildren(legend, svg);
};

/* --- tables --- */
/* What a cell sorts and downloads as: a number in ns or per second where it starts with one. */
const plain = t => {
  const m = /^([\d.]+)(?:$| (ns|us|ms|k\/s|M\/s)?|\u00d7)/.exec(t);
  return m ? m[1] * ({us: 1e3, ms: 1e6, "k/s": 1e3, "M/s": 1e6}[m[2]] || 1) : t;
};
const sortable = table => {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((th, i) => {
    const button = el("button", {type: "button"}, th.textContent);
    button.addEventListener("click", () => {
      const up = th.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
      const key = row => plain(row.cells[i].textContent.trim());
      const order = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : typeof a === "number" ? -1 : typeof b === "number" ? 1 : a.localeCompare(b, "en", {numeric: true});
      const rows = [...body.rows].sort((a, b) => order(key(a), key(b)) * (up ? 1 : -1));
      heads.forEach(h => h.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", up ? "ascending" : "descending");
      body.append(...rows);
    });
    th.replaceChildren(button);
  });
};
const download = () => {
  const button = el("button", {class: "act", type: "button"}, "Download as CSV");
  button.addEventListener("click", () => {
    const quote = t => { const s = /^[=+\-@]/.test(t) && isNaN(t) ? "'" + t : t; return /[",\n]/.test(s) ? '"' + s.replace(/"/g, '""') + '"' : s; };
    const rows = [...$("numbers").rows].map(r => [...r.cells].map(c => quote(String(plain(c.textContent.trim())))).join(","));
    const a = el("a", {href: URL.createObjectURL(new Blob([rows.join("\n") + "\n"], {type: "text/csv"})), download: "mapstorm.csv"});
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 1000);
  });
  $("download").append(button);
};

/* Rebuilding the radios would drop the focus of whoever uses the keyboard. */
const draw = () => {
  const f = document.activeElement, name = f && f.name, value = f && f.value;
  chooser();
  matrices();
  if (poolCells.length) curve();
  if (!mapCurveShapes.includes(state.map)) state.map = start.map = mapCurveShapes[0] || "";
  if (state.map) mapCurve();
  if (name) { const again = document.querySelector(`input[name="${CSS.escape(name)}"][value="${CSS.escape(value)}"]`); if (again) again.focus(); }
};
document.documentElement.classList.add("scripted");
readHash();
draw();
mapChart();
document.querySelectorAll("table.sortable").forEach(sortable);
download();
addEventListener("hashchange", () => { readHash(); draw(); });
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; draw(); mapChart(); } });
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));
document.documentElement.dataset.ready = "1";
})();
