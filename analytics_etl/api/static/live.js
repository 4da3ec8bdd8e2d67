// Keeps a page of the dashboard as it is on the server: it is fetched again when something was published, and the
// newest samples are shown as they are posted. Without this script pages are the same, until they are loaded again.
"use strict";
(() => {
  const MOST_ROWS = 50, LONGEST_WAIT = 60_000;
  const TABLE = `<h2>What is being posted?</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Newest samples"><table><caption>Newest samples</caption>
    <thead><tr><th scope="col">Metric</th><th scope="col">Labels</th><th scope="col">Tenant</th>
    <th scope="col" class="n">Value</th><th scope="col">Measured</th></tr></thead><tbody></tbody></table></div>`;
  const state = document.getElementById("live");
  const values = document.getElementById("live-values");
  const tenantId = document.body.dataset.tenant || null;
  const rows = new Map();
  let wait = 1_000, isDue = false, isFetching = false, isShown = false;

  const time = (at) => `${new Date(at).toISOString().slice(11, 19)} UTC`;
  const say = (text) => { if (state.textContent !== text) state.textContent = text; };

  function connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/analytics/live`);
    let isFirst = true;
    socket.onopen = () => {
      wait = 1_000;
      say("Live");
      socket.send(JSON.stringify({ event: "getDashboardStream", data: { tenantId } }));
    };
    socket.onmessage = (message) => {
      const { event, data } = JSON.parse(message.data);
      if (event === "dashboardMetricUpdate") showValue(data);
      if (event === "alertNotification") fetchSoon();
      if (event === "dashboardUpdate") {
        if (!isFirst || isShown) fetchSoon(); // the first one of a page that has just been loaded is what it shows
        isFirst = false;
        isShown = true;
      }
    };
    socket.onclose = () => {
      say("Live updates pause");
      setTimeout(connect, wait * (0.5 + Math.random()));
      wait = Math.min(2 * wait, LONGEST_WAIT);
    };
  }

  function fetchSoon() {
    isDue = true;
    setTimeout(fetchPage, 500);
  }

  // Nobody who types, or does not look, loses or gets a page.
  const isBusy = () => document.hidden || Boolean(document.activeElement?.closest("#page :is(input:not(.more), textarea, select)"));

  async function fetchPage() {
    if (!isDue || isFetching || isBusy()) return;
    isDue = false;
    isFetching = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("page");
      if (found === null) return;
      if (isBusy()) {
        isDue = true;
        return;
      }
      const page = document.getElementById("page"), focused = document.activeElement?.id;
      const open = [...page.querySelectorAll("input.more:checked, details[open]")].map((one) => one.id);
      page.replaceChildren(...found.childNodes);
      for (const id of open) {
        const one = id && document.getElementById(id);
        if (one) one[one.tagName === "DETAILS" ? "open" : "checked"] = true;
      }
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      say(`Live, new numbers at ${time(Date.now())}`);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the server cannot be reached: the socket says so
    } finally {
      isFetching = false;
    }
  }

  function showValue(sample) {
    const labels = Object.entries(sample.labels).sort().map((pair) => pair.join("=")).join(", ");
    const key = JSON.stringify([sample.name, sample.tenantId, sample.category, sample.type, sample.unit, labels]);
    if (values.hidden) values.innerHTML = TABLE;
    const body = values.querySelector("tbody");
    if (!rows.has(key)) {
      const row = document.createElement("tr");
      for (const tag of ["th", "td", "td", "td", "td"]) row.append(document.createElement(tag));
      row.cells[0].scope = "row";
      row.cells[3].className = "n";
      rows.set(key, row);
      body.append(row);
    }
    const row = rows.get(key);
    rows.delete(key); // and behind all others, so that the first one is the oldest
    rows.set(key, row);
    const number = sample.value.toLocaleString("en-US", { maximumSignificantDigits: 6 });
    const texts = [sample.name, labels, sample.tenantId ?? "", `${number} ${sample.unit ?? ""}`.trim(), time(sample.timestamp)];
    texts.forEach((text, place) => { row.cells[place].textContent = text; });
    if (rows.size > MOST_ROWS) {
      const [oldest, gone] = rows.entries().next().value;
      rows.delete(oldest);
      gone.remove();
    }
    values.hidden = false;
  }

  document.addEventListener("visibilitychange", fetchPage);
  document.addEventListener("focusout", () => setTimeout(fetchPage, 500));
  connect();
})();
