"use strict";
// The trials, a row each: columns of numbers, as the page brings them, and how a reader likes to see them.
const sweep = (() => {
  const data = JSON.parse(document.getElementById("sweep-data").textContent);
  const none = "–";
  const whole = new Intl.NumberFormat("en");
  const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
  const count = (value) => (Number.isInteger(value) ? whole : short).format(value);

  // A measure's value; of a share, in per cent. `signed` is for changes.
  const shown = (measure, value, signed = false) => {
    if (value === null) {
      return none;
    }
    const text = measure.share ? (100 * value).toFixed(2) + (signed ? "" : "\u202f%") : count(value);
    return (signed && value > 0 ? "+" : "") + text.replace("-", "−");
  };
  const title = (measure) => measure.label + (measure.unit ? ` (${measure.unit})` : "");
  const axisTitle = (measure) => measure.label + (measure.share ? " in %" : measure.unit ? ` in ${measure.unit}` : "");
  const label = (parameter, row) => {
    const place = data.values[parameter][row];
    return place === null ? none : data.parameters[parameter].labels[place];
  };
  const result = (measure, row) => shown(data.measures[measure], data.results[measure][row]);
  const rows = data.number.map((_, row) => row);

  // What is selected, and who is told of it.
  const listeners = [];
  const state = { selected: null };
  const select = (row) => {
    state.selected = row;
    listeners.forEach((listener) => listener(row));
  };

  // Elements are made here alone, and texts are texts: names come from others' files.
  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const newTab = (href) => ({ href, target: "_blank", rel: "noopener" });
  const options = (id, names, chosen, changed) => {
    const list = document.getElementById(id);
    list.append(...names.map(([value, text]) => element("option", { value, textContent: text })));
    list.value = chosen;
    list.addEventListener("change", () => changed(list.value));
  };

  return {
    ...data, none, rows, count, shown, title, axisTitle, label, result, state, select, listeners, element, newTab, options,
  };
})();

// The panel with all that is known of the selected trial.
(() => {
  const panel = document.getElementById("trial");
  if (!panel) {
    return;
  }
  const { element, label, result } = sweep;
  const list = (heading, pairs) => pairs.length
    ? [element("h4", { textContent: heading }), element("dl", {}, ...pairs.map(([name, value]) =>
      element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value }))))]
    : [];
  const show = (row) => {
    const kind = sweep.kinds[sweep.kind[row]];
    const report = sweep.report[row];
    const reason = sweep.errors[sweep.error[row]];
    const spec = `front/${sweep.number[row]}.yaml`;
    const line = (...content) => [element("p", {}, ...content)];
    const facts = [["Time", `${sweep.count(sweep.seconds[row])} s`]];
    if (sweep.simulated[row]) {
      facts.push(["Samples of the C simulation", sweep.count(sweep.simulated[row])]);
    }
    const measured = sweep.measures.map((measure, place) => [sweep.title(measure), result(place, row)]);
    panel.replaceChildren(
      element("h3", { textContent: `Trial ${sweep.number[row]}` }),
      element("p", { textContent: kind === "front" ? "on the front" : kind }),
      ...(reason ? [element("p", { className: "reason", textContent: reason })] : []),
      ...(report ? line(element("a", { ...sweep.newTab(report), textContent: "Run report" })) : []),
      ...(kind === "front" ? line(element("a", { href: spec, textContent: "Spec" })) : []),
      ...list("Parameters", sweep.parameters.map((parameter, place) => [parameter.name, label(place, row)])),
      ...list("Measures", measured.filter(([, value]) => value !== sweep.none)),
      ...list("Work", facts),
    );
  };
  sweep.listeners.push(show);
})();
