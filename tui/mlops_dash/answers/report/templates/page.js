"use strict";
// Draws the figures that the page describes as JSON in #facts. Names in there are text for Plotly already.
(() => {
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const ids = Object.keys(facts.figures);
  const root = document.documentElement;
  const drawn = new Set();
  const hidden = new Set();
  const view = { x: "step", log: false, smooth: 0 };
  const config = { responsive: true, displaylogo: false, showSendToCloud: false, showEditInChartStudio: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  const LATEST = 253402300799999; // ms: the last year that Plotly knows is 9999

  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const itemColour = (place) => colour(`--i${place % 8}`);

  function axis(own, grid) {
    return { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true, ...own };
  }

  function layoutOf(own, margin) {
    const [fg, dim, line, raised] = ["--fg", "--dim", "--line", "--raised"].map(colour);
    return {
      ...own, autosize: true, dragmode: "zoom", margin,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: dim },
      hoverlabel: { bgcolor: raised, bordercolor: line, font: { color: fg, size: 12 }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: dim, activecolor: fg },
      xaxis: axis(own.xaxis, line), yaxis: axis(own.yaxis, line),
      shapes: (own.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: line } })),
      annotations: (own.annotations || []).map((note) => ({ bgcolor: raised, ...note, font: { color: fg, ...note.font } })),
    };
  }

  function coloured(trace) {
    const meta = trace.meta || {};
    if (meta.bar) return trace;
    const own = meta.item === undefined ? (meta.ranked ? trace.line.color : colour("--dim")) : itemColour(meta.item);
    return {
      ...trace, visible: !(meta.items && meta.items.every((place) => hidden.has(place))),
      textfont: { color: own, size: 13 }, line: { ...trace.line, color: own }, marker: { ...trace.marker, color: own },
    };
  }

  function smoothed(values) {
    let sum = 0, weight = 0;
    return values.map((value) => {
      if (value === null) return null;
      sum = sum * view.smooth + value * (1 - view.smooth);
      weight = weight * view.smooth + 1 - view.smooth;
      return sum / weight;
    });
  }

  function curve(trace) {
    const times = trace.customdata.map((ms) => (Math.abs(ms) <= LATEST ? ms : null));
    const first = Math.min(...times.filter((ms) => ms !== null));
    const x = view.x === "step" ? trace.x : view.x === "time" ? times
      : times.map((ms) => (ms === null ? null : (ms - first) / 1000));
    const y = view.smooth ? smoothed(trace.y) : trace.y;
    return coloured({ ...trace, x, y });
  }

  // The letters at the ends of curves, moved apart where they would cover each other.
  function ends(traces, height) {
    const scale = view.log ? Math.log10 : Number;
    const fits = (value) => value !== null && Number.isFinite(scale(value));
    const shown = traces.filter((trace) => trace.visible && trace.meta.label && trace.y.some(fits));
    const all = shown.flatMap((trace) => trace.y.filter(fits).map(scale));
    const low = all.reduce((least, value) => Math.min(least, value), Infinity);
    const high = all.reduce((most, value) => Math.max(most, value), -Infinity);
    const pixels = height / (high / 2 - low / 2 || 1) / 2;
    let below = -Infinity;
    return shown.map((trace) => {
      const last = trace.y.findLastIndex(fits);
      return { x: trace.x[last], y: scale(trace.y[last]), trace };
    }).sort((one, other) => one.y - other.y).map(({ x, y, trace }) => {
      const wanted = (y / 2 - low / 2) * 2 * pixels;
      below = Math.max(wanted, below + 12);
      return { x, y, text: trace.meta.label, showarrow: false, xanchor: "left", xshift: 5, yshift: below - wanted,
        bgcolor: "rgba(0,0,0,0)", font: { size: 12, color: trace.line.color } };
    });
  }

  function draw(id) {
    const place = document.getElementById(id);
    const figure = facts.figures[id];
    let layout;
    let data;
    if (id.startsWith("curve-")) {
      const title = { step: "step", relative: "seconds since the start", time: "" }[view.x];
      data = figure.data.map(curve);
      const own = {
        ...figure.layout,
        xaxis: { title: { text: title }, type: view.x === "time" ? "date" : "linear" },
        yaxis: { type: view.log ? "log" : "linear" },
      };
      own.annotations = ends(data, place.clientHeight - 90);
      layout = layoutOf(own, { l: 12, r: 30, t: 14, b: 8 });
    } else {
      data = figure.data.map(coloured);
      layout = layoutOf(figure.layout, id === "parallel" ? { l: 12, r: 12, t: 40, b: 12 } : { l: 12, r: 20, t: 16, b: 8 });
    }
    window.Plotly.react(place, data, layout, config);
    drawn.add(id);
    place.dataset.drawn = "yes";
  }

  const redraw = () => drawn.forEach(draw);
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target.id);
    }
  }, { rootMargin: "600px" });

  function on(id, event, act) {
    const element = document.getElementById(id);
    if (element) element.addEventListener(event, () => { act(element); redraw(); });
  }

  on("curve-x", "change", (box) => { view.x = box.value; });
  on("curve-log", "change", (box) => { view.log = box.checked; });
  on("curve-smooth", "input", (box) => {
    view.smooth = Number(box.value);
    document.getElementById("curve-smoothed").value = view.smooth ? box.value : "none";
  });
  for (const key of document.querySelectorAll(".key")) {
    key.addEventListener("click", () => {
      const place = Number(key.dataset.item);
      hidden[hidden.has(place) ? "delete" : "add"](place);
      key.setAttribute("aria-pressed", String(!hidden.has(place)));
      redraw();
    });
  }

  function scatter() {
    const [x, y] = ["x", "y"].map((name) => facts.axes[Number(document.getElementById(`scatter-${name}`).value)]);
    const figure = facts.figures.scatter;
    const there = new Map(); // one label for all items in the same place
    let both = 0;
    figure.data.forEach((trace, place) => {
      const where = [x.values[place], y.values[place]];
      [trace.x, trace.y, trace.text] = [[where[0]], [where[1]], [trace.name]];
      both += !where.includes(null);
      const first = there.get(String(where));
      if (!first) return there.set(String(where), trace);
      first.text[0] += `, ${trace.name}`;
      trace.text[0] = "";
    });
    figure.layout.xaxis.title.text = x.title;
    figure.layout.yaxis.title.text = y.title;
    document.getElementById("scatter-says").value =
      both === figure.data.length ? "" : `${both} of ${figure.data.length} items have both as finite numbers`;
  }
  if (facts.figures.scatter) {
    scatter();
    on("scatter-x", "change", scatter);
    on("scatter-y", "change", scatter);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  window.addEventListener("beforeprint", () => { root.dataset.theme = "light"; ids.forEach(draw); });
  window.addEventListener("afterprint", () => { delete root.dataset.theme; redraw(); });
  ids.forEach((id) => seen.observe(document.getElementById(id)));
})();
