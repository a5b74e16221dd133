"use strict";
// Only these buttons: others of plotly's send the figure to a server.
const plotConfig = {
  responsive: true, displaylogo: false,
  modeBarButtons: [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]],
};
(() => {
  const plots = [...document.querySelectorAll("script.figure")].map((source) => {
    const figure = JSON.parse(source.textContent);
    return { element: document.getElementById(source.dataset.for), data: figure.data, layout: figure.layout };
  });
  const draw = ({ element, data, layout }) => Plotly.newPlot(element, data, layout, plotConfig);

  // One after the other, so that the page can be read and scrolled meanwhile.
  const waiting = [...plots];
  const next = () => {
    const plot = waiting.shift();
    if (plot) {
      draw(plot);
      setTimeout(next);
    }
  };
  next();

  const histograms = plots.filter(({ element }) => element.id.startsWith("figure-weights-"));
  const ranges = histograms.map(({ layout }) => [...layout.yaxis.range]);
  for (const choice of document.querySelectorAll("input[name=counts]")) {
    choice.addEventListener("change", () => {
      histograms.forEach(({ element, layout }, number) => {
        const axis = choice.value === "log"
          ? { type: "log", dtick: 1, autorange: false, range: [...ranges[number]] }
          : { type: "linear", dtick: null, autorange: true };
        Object.assign(layout.yaxis, axis);
        if (element.data) {
          Plotly.relayout(element, Object.fromEntries(Object.entries(axis).map(([key, value]) => [`yaxis.${key}`, value])));
        }
      });
    });
  }

  // A page on paper has another width than the window, and no size event.
  const resize = (width) => {
    for (const element of [...document.querySelectorAll(".plot")].filter((each) => each.data)) {
      const columns = element.closest(".grid") ? 0.48 : 1;
      Plotly.relayout(element, width ? { width: width * columns, autosize: false } : { width: null, autosize: true });
    }
  };
  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) {
      folded.open = true;
    }
    while (waiting.length) {
      draw(waiting.shift());
    }
    resize(690);
  });
  addEventListener("afterprint", () => resize(null));
})();
