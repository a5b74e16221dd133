"use strict";
// The table of all trials: sorted, filtered, a hundred rows at a time.
(() => {
  const table = document.getElementById("trial-table");
  if (!table) {
    return;
  }
  const { element, rows, parameters, measures, kinds, count } = sweep;
  const PAGE = 100;
  const MARKS = ["◆", "●", "✕", "–", "–", "–"];
  const reason = (row) => sweep.errors[sweep.error[row]];

  // Columns: a title, what is shown, and what is sorted by.
  const columns = [
    { title: "Trial", shown: (row) => String(sweep.number[row]), key: (row) => sweep.number[row] },
    { title: "State", shown: (row) => `${MARKS[sweep.kind[row]]} ${kinds[sweep.kind[row]]}`, key: (row) => sweep.kind[row] },
    ...(sweep.report.some(Boolean) ? [{ title: "Report", key: (row) => sweep.report[row] }] : []),
    ...parameters.map(({ name }, place) => ({
      title: name, name, isNumber: true, shown: (row) => sweep.label(place, row), key: (row) => sweep.values[place][row],
      value: (row) => parameters[place].numbers?.[sweep.values[place][row]] ?? sweep.label(place, row),
    })),
    ...measures.map((measure, place) => ({
      title: sweep.title(measure), name: measure.name, isNumber: true, shown: (row) => sweep.result(place, row),
      key: (row) => sweep.results[place][row], value: (row) => sweep.results[place][row],
    })),
    { title: "Seconds", name: "seconds", isNumber: true, shown: (row) => count(sweep.seconds[row]),
      key: (row) => sweep.seconds[row], value: (row) => sweep.seconds[row] },
    ...(sweep.errors.some(Boolean) ? [{ title: "Reason", shown: reason, key: (row) => reason(row) || null }] : []),
  ];
  const state = { column: 0, ascending: true, kind: "all", words: "", page: 0, found: rows };

  // What is not known comes last, whichever way.
  const compare = (a, b) => {
    const { key } = columns[state.column];
    const [left, right] = [key(a), key(b)];
    if (left === null || right === null) {
      return (left === null) - (right === null);
    }
    const order = left < right ? -1 : left > right ? 1 : 0;
    return state.ascending ? order : -order;
  };

  let texts = null;
  const contains = (word) => {
    texts ??= rows.map((row) => columns.map(({ shown }) => (shown ? shown(row) : "")).join("\n").toLowerCase());
    return (row) => texts[row].includes(word);
  };
  const COMPARED = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "=": (a, b) => a === b,
  };
  const condition = (word) => {
    const [, name, sign, given] = word.match(/^(.+?)(<=|>=|<|>|=)(.+)$/) ?? [];
    const column = columns.find((each) => each.name?.toLowerCase().replaceAll(" ", "_") === name);
    if (!column) {
      return contains(word);
    }
    const limit = Number(given);
    return Number.isNaN(limit)
      ? (row) => sign === "=" && column.shown(row).toLowerCase() === given
      : (row) => typeof column.value(row) === "number" && COMPARED[sign](column.value(row), limit);
  };

  const find = () => {
    const conditions = state.words.toLowerCase().split(/\s+/).filter(Boolean).map(condition);
    state.found = rows
      .filter((row) => state.kind === "all" || kinds[sweep.kind[row]] === state.kind)
      .filter((row) => conditions.every((holds) => holds(row)))
      .sort(compare);
    state.page = 0;
    fill();
  };

  const cell = (column, row) => {
    if (column.title === "Trial") {
      const button = element("button", { type: "button", textContent: sweep.number[row] });
      button.setAttribute("aria-label", `Trial ${sweep.number[row]}`);
      return element("th", { scope: "row" }, button);
    }
    if (column.title === "Report") {
      const link = () => element("a", { ...sweep.newTab(sweep.report[row]), textContent: "report",
        ariaLabel: `Report of trial ${sweep.number[row]}` });
      return element("td", {}, ...(sweep.report[row] ? [link()] : []));
    }
    const shown = column.shown(row);
    const title = shown.length > 30 ? shown : ""; // which may not fit
    return element("td", { className: column.isNumber ? "n" : "", textContent: shown, title });
  };
  const body = table.querySelector("tbody");
  const mark = () => {
    for (const line of body.rows) {
      const selected = Number(line.dataset.row) === sweep.state.selected;
      line.classList.toggle("selected", selected);
      line.querySelector("button").setAttribute("aria-pressed", selected);
    }
  };
  const back = document.getElementById("back");
  const on = document.getElementById("on");
  const fill = () => {
    const first = state.page * PAGE;
    const shown = state.found.slice(first, first + PAGE);
    body.replaceChildren(...shown.map((row) => {
      const line = element("tr", {}, ...columns.map((column) => cell(column, row)));
      line.dataset.row = row;
      return line;
    }));
    mark();
    back.disabled = first === 0;
    on.disabled = first + PAGE >= state.found.length;
    document.getElementById("rows-shown").textContent = shown.length
      ? `${count(first + 1)} to ${count(first + shown.length)} of ${count(state.found.length)} trials`
      : "No trial";
  };

  const heads = columns.map((column, place) => {
    const button = element("button", { type: "button", title: column.title });
    button.addEventListener("click", () => {
      state.ascending = state.column === place ? !state.ascending : true;
      state.column = place;
      sortMarks();
      find();
    });
    return element("th", { scope: "col", className: column.isNumber ? "n" : "" }, button);
  });
  const sortMarks = () => heads.forEach((head, place) => {
    const sorted = state.column === place;
    head.setAttribute("aria-sort", sorted ? (state.ascending ? "ascending" : "descending") : "none");
    head.firstChild.replaceChildren(columns[place].title,
      element("span", { ariaHidden: "true", textContent: sorted ? (state.ascending ? " ▲" : " ▼") : "" }));
  });
  table.querySelector("thead").append(element("tr", {}, ...heads));

  const used = kinds.filter((_, kind) => sweep.kind.includes(kind));
  sweep.options("kinds", [["all", "all"], ...used.map((kind) => [kind, kind])], "all", (kind) => {
    state.kind = kind;
    find();
  });
  document.getElementById("words").addEventListener("input", ({ target }) => {
    state.words = target.value;
    find();
  });
  const turn = (pages) => {
    state.page += pages;
    fill();
    table.closest(".scroll").scrollTop = 0;
  };
  back.addEventListener("click", () => turn(-1));
  on.addEventListener("click", () => turn(1));
  body.addEventListener("click", ({ target }) => {
    if (!target.closest("a")) {
      sweep.select(Number(target.closest("tr").dataset.row));
    }
  });
  sweep.listeners.push(mark);
  sortMarks();
  find();
  // The panel shows the best trial at first.
  sweep.select(sweep.best);
})();
