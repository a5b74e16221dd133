// A click on the title of a column sorts its table by it, another click the other way; what is unknown comes last.
for (const button of document.querySelectorAll(".compared thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const body = head.closest("table").tBodies[0];
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) {
      other.removeAttribute("aria-sort");
    }
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const key = (row) => {
      const cell = row.children[head.cellIndex];
      return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
    };
    const unknown = (value) => value === "–";
    const compare = (left, right) => {
      if (unknown(left) || unknown(right)) {
        return unknown(left) - unknown(right);
      }
      const order = typeof left === "number" && typeof right === "number"
        ? left - right : String(left).localeCompare(String(right), "en", { numeric: true });
      return ascending ? order : -order;
    };
    const rows = [...body.rows].map((row) => [key(row), row]);
    body.append(...rows.sort(([left], [right]) => compare(left, right)).map(([, row]) => row));
  });
}
