// Tables of a report: sort, search, save as CSV. The report says everything without it.
(() => {
  const textOf = (cell) => cell.dataset.v ?? (cell.matches(".name, .text") && cell.title ? cell.title : cell.textContent.trim());
  const isNumber = (text) => text !== "" && isFinite(text);

  // A spreadsheet takes a text that begins so for a formula; a number is no text.
  const csvField = (text) => {
    const safe = /^[=+\-@\t\r]/.test(text) && !isNumber(text) ? "'" + text : text;
    return /[",\n\r]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  };

  const save = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  for (const table of document.querySelectorAll("table[data-file]")) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const scroll = table.closest(".scroll");
    const more = scroll.parentElement.querySelector(":scope > input.more");
    const open = Number(table.dataset.open);

    const show = (rows) => {
      rows.forEach((row, at) => row.classList.toggle("rest", at >= open));
      body.append(...rows);
    };

    const sortBy = (head, column) => {
      const isFirstDown = head.classList.contains("n");
      const orders = isFirstDown ? ["descending", "ascending"] : ["ascending", "descending"];
      const next = orders[orders.indexOf(head.ariaSort) + 1];
      for (const other of heads) other.removeAttribute("aria-sort");
      if (!next) return show(original);
      head.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      const keyed = original.map((row) => [textOf(row.cells[column]), row]);
      keyed.sort(([a], [b]) => {
        if (a === "" || b === "") return (a === "") - (b === "");  // what is not known comes last, either way
        return sign * (isNumber(a) && isNumber(b) ? a - b : a < b ? -1 : a > b ? 1 : 0);
      });
      show(keyed.map(([, row]) => row));
    };

    heads.forEach((head, column) => {
      if (original.length < 2 || !head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sortBy(head, column));
      head.append(button);
    });

    const tools = document.createElement("div");
    tools.className = "tools";
    if (original.length > open) {
      const search = document.createElement("input");
      search.type = "search";
      search.placeholder = "Search";
      search.setAttribute("aria-label", `Search: ${scroll.getAttribute("aria-label")}`);
      search.addEventListener("input", () => {
        const wanted = search.value.trim().toLowerCase();
        if (wanted && more) more.checked = true;
        for (const row of original) {
          const texts = [...row.cells].map((cell) => `${textOf(cell)} ${cell.textContent}`.toLowerCase());
          row.hidden = !texts.some((text) => text.includes(wanted));
        }
      });
      tools.append(search);
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "CSV";
    button.setAttribute("aria-label", `Save as CSV: ${scroll.getAttribute("aria-label")}`);
    button.addEventListener("click", () => {
      const lines = [heads.map((head) => head.dataset.c)];
      for (const row of body.rows) lines.push([...row.cells].map(textOf));
      save(table.dataset.file, lines.map((line) => line.map(csvField).join(",") + "\n").join(""));
    });
    tools.append(button);
    scroll.before(tools);

    const hint = () => scroll.classList.toggle("wide", scroll.scrollWidth > scroll.clientWidth + 1);
    new ResizeObserver(hint).observe(scroll);
  }
})();
