"use strict";
// The figures that the reader can change. Each comes as a frame: traces with their looks, without data.
(() => {
  const { measures, parameters, rows, axisTitle, shown, count } = sweep;
  const MANY_POINTS = 2000;
  const MANY_LINES = 16;

  const frames = Object.fromEntries([...document.querySelectorAll("script.frame")].map((source) => [
    source.dataset.for, { source, element: document.getElementById(source.dataset.for) },
  ]));
  const frame = (id) => JSON.parse(frames[id].source.textContent);
  const draw = (id, { data, layout }) => Plotly.react(frames[id].element, data, layout, plotConfig);
  // What is further down is drawn when it comes near the window, or when the page is printed.
  const whenSeen = (id, act) => {
    const element = document.getElementById(id);
    if (!element) {
      return;
    }
    const once = () => {
      watcher.disconnect();
      removeEventListener("beforeprint", once, true);
      act();
    };
    const near = (entries) => entries.some((each) => each.isIntersecting) && once();
    const watcher = new IntersectionObserver(near, { rootMargin: "600px" });
    watcher.observe(element);
    addEventListener("beforeprint", once, true); // before page.js gives the figures the width of paper
  };
  // Plotly reads some HTML in texts.
  const clipped = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const ESCAPED = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  const plain = (text, most = 40) => clipped(text, most).replaceAll(/[&<>]/g, (each) => ESCAPED[each]);
  const scaled = (measure, value) => (value === null ? null : measure.share ? 100 * value : value);
  // A logarithmic axis where the values are of several magnitudes.
  const axisType = (values) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (!(low > 0 && high > 30 * low)) {
      return { type: "linear" };
    }
    return { type: "log", dtick: high > 1e7 * low ? null : high > 1000 * low ? 1 : "D2" };
  };
  const hasGl = () => Boolean(document.createElement("canvas").getContext("webgl"));

  // One measure against another.
  const trialNumber = { label: "trial", unit: "", share: false, more: false };
  const measureAt = (place) => measures[place] ?? trialNumber;
  const values = (place) => sweep.results[place] ?? sweep.number;
  const axes = { x: sweep.axes[0], y: sweep.axes[1] };

  const hover = (row) => {
    const named = parameters.length > MANY_LINES ? sweep.important : [...parameters.keys()];
    const lines = named.map((place) => `${plain(parameters[place].name)}: ${plain(sweep.label(place, row))}`);
    if (named.length < parameters.length) {
      lines.push(`and ${parameters.length - named.length} more`);
    }
    const measured = measures.map((measure, place) => `${sweep.title(measure)}: ${sweep.result(place, row)}`);
    return [`<b>Trial ${sweep.number[row]}</b>`, ...lines, "", ...measured].join("<br>");
  };

  const isMeasured = (row) => [axes.x, axes.y].every((place) => values(place)[row] !== null) && sweep.kind[row] < 3;

  // The trials within the constraints that no other one beats in both measures, from left to right.
  const bestOfTwo = (candidates) => {
    const worth = (axis, row) => (measureAt(axes[axis]).more ? 1 : -1) * values(axes[axis])[row];
    const sorted = [...candidates].sort((a, b) => worth("x", b) - worth("x", a) || worth("y", b) - worth("y", a));
    const best = [];
    for (const row of sorted) {
      if (!best.length || worth("y", row) > worth("y", best.at(-1))) {
        best.push(row);
      }
    }
    return measureAt(axes.x).more ? best.reverse() : best;
  };

  const drawTrials = () => {
    const figure = frame("figure-trials");
    const measured = rows.filter(isMeasured);
    const type = measured.length > MANY_POINTS && hasGl() ? "scattergl" : "scatter";
    const place = (trace, chosen) => {
      for (const axis of ["x", "y"]) {
        trace[axis] = chosen.map((row) => scaled(measureAt(axes[axis]), values(axes[axis])[row]));
      }
    };
    for (const trace of figure.data) {
      const kind = sweep.kinds.indexOf(trace.name);
      if (kind >= 0) {
        const chosen = measured.filter((row) => sweep.kind[row] === kind);
        place(trace, chosen);
        Object.assign(trace, { type, customdata: chosen, text: chosen.map(hover), visible: chosen.length > 0 });
      } else if (trace.name === "selected") {
        place(trace, measured.filter((row) => row === sweep.state.selected));
        trace.visible = trace.x.length > 0;
      } else {
        place(trace, axes.x < 0 ? [] : bestOfTwo(measured.filter((row) => sweep.kind[row] < 2)));
        trace.line.shape = measureAt(axes.x).more ? "vh" : "hv";
        trace.visible = trace.x.length > 1;
      }
    }
    for (const axis of ["x", "y"]) {
      const measure = measureAt(axes[axis]);
      const all = measured.map((row) => scaled(measure, values(axes[axis])[row]));
      const layout = figure.layout[`${axis}axis`];
      Object.assign(layout, measure.share ? { type: "linear" } : axisType(all));
      layout.title.text = axisTitle(measure);
    }
    draw("figure-trials", figure);
  };

  const openTrial = (row) => {
    sweep.select(row);
    if (sweep.report[row]) {
      open(sweep.report[row], "_blank", "noopener");
    }
  };

  if (frames["figure-trials"]) {
    const named = measures.map((measure, place) => [place, sweep.title(measure)]);
    sweep.options("plot-x", [...named, [-1, "number of the trial"]], axes.x, (place) => {
      axes.x = Number(place);
      drawTrials();
    });
    sweep.options("plot-y", named, axes.y, (place) => {
      axes.y = Number(place);
      drawTrials();
    });
    drawTrials();
    const { element } = frames["figure-trials"];
    element.on("plotly_click", ({ points }) => openTrial(points[0].customdata));
    sweep.listeners.push((row) => {
      const last = element.data.length - 1;
      const there = isMeasured(row);
      const at = (axis) => [there ? [scaled(measureAt(axes[axis]), values(axes[axis])[row])] : []];
      Plotly.restyle(element, { x: at("x"), y: at("y"), visible: there }, [last]);
    });
  }

  // Measures against one parameter.
  const drawCurves = (place) => {
    const { name, numbers } = parameters[place];
    const curve = sweep.curves[place];
    const across = curve.places ?? [...curve.labels.keys()];
    measures.forEach((measure, number) => {
      const id = `figure-curve-${measure.name}`;
      if (!frames[id]) {
        return;
      }
      const [median, least, greatest] = curve.measures[number];
      const best = measure.more ? greatest : least;
      const figure = frame(id);
      [least, greatest, best, median].forEach((line, trace) => {
        figure.data[trace].x = across;
        figure.data[trace].y = line.map((value) => scaled(measure, value));
        figure.data[trace].text = line.map((value) => shown(measure, value));
      });
      const axis = curve.places ? axisType(numbers) : { type: "linear" };
      if (axis.type === "linear" && (across.length <= MANY_LINES || !curve.places)) {
        Object.assign(axis, { tickvals: across, ticktext: curve.labels.map((text) => plain(text, 14)) });
      }
      Object.assign(figure.layout.xaxis, axis);
      figure.layout.xaxis.title.text = plain(name);
      figure.layout.yaxis.title.text = axisTitle(measure);
      draw(id, figure);
    });
    const counted = count(curve.counts.reduce((sum, each) => sum + each, 0));
    const settings = `${count(curve.settings)} ${curve.settings === 1 ? "setting" : "settings"}`;
    document.getElementById("curve-note").textContent = parameters.length === 1
      ? `Over ${counted} measured trials.`
      : curve.settings
        ? `Over the ${counted} trials of ${settings} of the other parameters, each tried with every value of ${name}.`
        : `Over all ${counted} measured trials. The other parameters differ from value to value: what they do is mixed in.`;
    fillCurveTable(curve);
  };

  const fillCurveTable = (curve) => {
    const cell = (text) => sweep.element("td", { className: "n", textContent: text });
    const drawn = Object.keys(frames).map((id) => measures.findIndex(({ name }) => id === `figure-curve-${name}`))
      .filter((place) => place >= 0);
    const cells = (place, value) => curve.measures[place].map((line) => cell(shown(measures[place], line[value])));
    document.querySelector("#curve-table tbody").replaceChildren(...curve.labels.map((text, value) => sweep.element(
      "tr", {},
      sweep.element("th", { textContent: text, scope: "row" }),
      cell(count(curve.counts[value])),
      ...drawn.flatMap((place) => cells(place, value)),
    )));
  };

  if (document.getElementById("curve-parameter")) {
    const first = sweep.important[0] ?? 0;
    const named = parameters.map(({ name }, place) => [place, name]);
    sweep.options("curve-parameter", named, first, (place) => drawCurves(Number(place)));
    whenSeen("curve-parameter", () => drawCurves(first));
  }

  // Parallel coordinates.
  const drawParallel = () => {
    const id = "figure-parallel";
    const figure = frame(id);
    const [trace] = figure.data;
    const known = rows.filter((row) => sweep.kind[row] < 3
      && sweep.important.every((place) => sweep.values[place][row] !== null)
      && sweep.parallel.every((place) => sweep.results[place][row] !== null));
    const every = Math.ceil(known.length / MANY_POINTS);
    const chosen = known.filter((row, place) => place % every === 0 || sweep.kind[row] === 0);
    const ofParameter = (place) => {
      const { name, labels, numbers } = parameters[place];
      const column = chosen.map((row) => sweep.values[place][row]);
      if (labels.length > MANY_LINES && numbers) {
        return { label: plain(name), values: column.map((value) => numbers[value]) };
      }
      const ticktext = labels.map((text) => clipped(text, 14)); // these are no HTML to plotly
      const tickvals = [...labels.keys()];
      return { label: plain(name), values: column, tickvals, ticktext, range: [0, labels.length - 1] };
    };
    const ofMeasure = (place) => ({
      label: axisTitle(measures[place]), values: chosen.map((row) => scaled(measures[place], sweep.results[place][row])),
    });
    trace.dimensions = [...sweep.important.map(ofParameter), ...sweep.parallel.map(ofMeasure)];
    const colour = sweep.parallel.at(-1);
    trace.line.color = chosen.map((row) => sweep.results[colour][row]);
    frames[id].element.style.minWidth = `${90 * trace.dimensions.length}px`;
    const left = rows.filter((row) => sweep.kind[row] < 3).length - known.length;
    const coloured = measures[colour].label;
    document.getElementById("parallel-note").textContent =
      `A line is a trial: blue with much ${coloured}, orange with little.`
      + (sweep.important.length < parameters.length ? ` Parameters that vary, ${sweep.important.length} at most.` : "")
      + (chosen.length < known.length ? ` The front and one of ${every} other trials.` : "")
      + (left ? ` Without those for which a number is not known (${count(left)}).` : "");
    draw(id, figure);
  };
  whenSeen("figure-parallel", drawParallel);

  // Sensitivities.
  const drawSensitivity = (measure) => {
    const { rows: names, columns } = sweep.sensitivity;
    const id = "figure-sensitivity";
    const figure = frame(id);
    const [trace] = figure.data;
    const sign = measure.more ? 1 : -1;
    const most = Math.max(...measure.change.flat().map((value) => Math.abs(value ?? 0))) || 1;
    const text = measure.change.map((line) => line.map((value) => (value === null ? "" : shown(measure, value, true))));
    Object.assign(trace, {
      x: [...columns.keys()], y: [...names.keys()], zmin: -most, zmax: most, text,
      z: measure.change.map((line) => line.map((value) => (value === null ? null : sign * value))),
      hovertext: text.map((line, row) => line.map(
        (each, column) => `${plain(names[row])}, ${plain(columns[column])}: ${each}`,
      )),
    });
    Object.assign(figure.layout.xaxis, { tickvals: trace.x, ticktext: columns.map((text) => plain(text, 14)) });
    Object.assign(figure.layout.yaxis, { tickvals: trace.y, ticktext: names.map((text) => plain(text)) });
    frames[id].element.style.minWidth = `${180 + 62 * columns.length}px`;
    draw(id, figure);
  };
  if (frames["figure-sensitivity"]) {
    const found = sweep.sensitivity.measures;
    sweep.options("sensitivity-measure", found.map((measure, place) => [place, sweep.title(measure)]), 0,
      (place) => drawSensitivity(found[place]));
    whenSeen("figure-sensitivity", () => drawSensitivity(found[0]));
  }
})();
