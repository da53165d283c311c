"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const podWords = { a: "absent", p: "pending", r: "ready", n: "not ready", l: "leaving", h: "hung", d: "dead" };
  const nodeWords = { a: "", p: "", r: "", n: "NotReady", l: "cordoned", h: "hung", d: "dead" };

  // Each node and pod of the topology carries its states as `MILLISECONDS` and a letter.
  const things = all("[data-s]").map((element) => ({
    element,
    isNode: element.classList.contains("node"),
    word: element.querySelector(".st"),
    states: element.dataset.s.split(" ").filter(Boolean).map((state) => [parseInt(state, 10), state.slice(-1)]),
  }));
  const areas = all("g.areas").map((element) => ({
    arm: element.dataset.arm,
    step: Number(element.dataset.step),
    end: Number(element.dataset.end),
    box: element.dataset.box.split(" ").map(Number),
    series: element.dataset.series.split("|").filter(Boolean).map((text) => {
      const at = text.lastIndexOf(":");
      return [text.slice(0, at), text.slice(at + 1).split(",").map(Number)];
    }),
  }));
  const cursors = all("svg.pw-timeline .cursor");
  const times = all(".at-time").map((element) => ({ element, model: element.textContent.split(", at ")[0] }));
  const slider = byId("time");

  const seconds = (ms) => (ms / 1000).toFixed(3) + " s";

  function showStates(ms) {
    for (const thing of things) {
      let letter = "a";
      for (const [from, state] of thing.states) {
        if (from > ms) break;
        letter = state;
      }
      const classes = Array.from(thing.element.classList).filter((name) => !name.startsWith("s-"));
      thing.element.setAttribute("class", classes.concat("s-" + letter).join(" "));
      if (thing.word) thing.word.textContent = (thing.isNode ? nodeWords : podWords)[letter];
    }
  }

  // What the areas of the timeline say at a time, an item for each arm.
  function showNumbers(ms) {
    const list = byId("readout");
    list.replaceChildren(...areas.map((area) => {
      const step = Math.floor((ms * 1000) / area.step);
      const parts = area.series
        .map(([word, counts]) => [word, ((counts[step] || 0) * 1e6) / area.step])
        .filter(([, rate]) => rate > 0)
        .map(([word, rate]) => word + " " + (rate < 10 ? rate.toFixed(1) : rate.toFixed(0)) + "/s");
      const item = document.createElement("li");
      const name = document.createElement("bdi");
      name.textContent = area.arm;
      item.append(name, ": " + (parts.join(", ") || "no request"));
      return item;
    }));
  }

  function show(ms) {
    showStates(ms);
    showNumbers(ms);
    byId("clock").textContent = seconds(ms);
    for (const time of times) time.element.textContent = time.model + ", at " + seconds(ms);
    if (areas.length) {
      const [left, , right] = areas[0].box;
      const x = left + ((right - left) * ms * 1000) / areas[0].end;
      for (const cursor of cursors) {
        cursor.setAttribute("transform", "translate(" + (x - left).toFixed(1) + " 0)");
        cursor.style.visibility = "visible";
      }
    }
  }

  function scrub() {
    slider.parentElement.hidden = false;
    byId("readout").hidden = false;
    const most = Number(slider.max);
    const stops = slider.dataset.stops.split(" ").filter(Boolean).map(Number);
    const go = (ms) => {
      slider.value = String(Math.max(0, Math.min(most, ms)));
      slider.setAttribute("aria-valuetext", seconds(Number(slider.value)));
      show(Number(slider.value));
    };
    slider.addEventListener("input", () => go(Number(slider.value)));
    // The keys of a range of milliseconds would move too little.
    slider.addEventListener("keydown", (event) => {
      const keys = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
      if (!(event.key in keys)) return;
      event.preventDefault();
      go(Number(slider.value) + keys[event.key] * Math.max(1, Math.round(most / 200)));
    });
    byId("back").addEventListener("click", () => go(Math.max(0, ...stops.filter((stop) => stop < Number(slider.value)))));
    byId("on").addEventListener("click", () => go(Math.min(most, ...stops.filter((stop) => stop > Number(slider.value)))));
    const play = byId("play");
    let timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      play.textContent = "Play";
      play.setAttribute("aria-pressed", "false");
    };
    play.addEventListener("click", () => {
      if (timer) return stop();
      if (Number(slider.value) >= most) go(0);
      play.textContent = "Pause";
      play.setAttribute("aria-pressed", "true");
      timer = setInterval(() => {
        go(Number(slider.value) + Math.max(1, Math.round(most / 300)));
        if (Number(slider.value) >= most) stop();
      }, 60);
    });
    // Pointing at the timeline reads numbers off, pressing on it chooses the time.
    for (const svg of all("svg.pw-timeline")) {
      const at = (event) => {
        const frame = svg.getBoundingClientRect();
        const x = ((event.clientX - frame.left) * svg.viewBox.baseVal.width) / frame.width;
        const [left, , right] = areas[0].box;
        return Math.round((Math.max(0, Math.min(1, (x - left) / (right - left))) * areas[0].end) / 1000);
      };
      svg.addEventListener("pointermove", (event) => showNumbers(at(event)));
      svg.addEventListener("pointerleave", () => showNumbers(Number(slider.value)));
      svg.addEventListener("click", (event) => go(at(event)));
    }
    go(Number(slider.value));
  }

  function filter() {
    const rows = all("#failed tbody tr").map((row) => ({
      row,
      arm: row.cells[0].textContent,
      outcome: row.cells[4].textContent,
      text: row.textContent.toLowerCase(),
    }));
    const whole = byId("shown").textContent;
    const update = () => {
      const text = byId("f-text").value.toLowerCase();
      const arm = byId("f-arm").value;
      const outcome = byId("f-outcome").value;
      let left = 0;
      for (const entry of rows) {
        const fits = (!arm || entry.arm === arm) && (!outcome || entry.outcome === outcome) && entry.text.includes(text);
        entry.row.hidden = !fits;
        left += fits ? 1 : 0;
      }
      byId("shown").textContent = left === rows.length ? whole : left + " of the " + rows.length + " listed requests fit.";
    };
    const form = document.querySelector(".filter");
    form.hidden = false;
    form.addEventListener("input", update);
    form.addEventListener("submit", (event) => event.preventDefault());
    // A cause that is linked to is unfolded first.
    const unfold = () => {
      if (location.hash.startsWith("#cause-")) byId("causes").open = true;
    };
    addEventListener("hashchange", unfold);
    unfold();
  }

  // Paper shows what is folded, too.
  addEventListener("beforeprint", () => all("details").forEach((folded) => { folded.open = true; }));

  if (slider && areas.length) scrub();
  if (byId("failed")) filter();
})();
