// The playground: asks the API for every compressor that is ticked, and shows what each keeps.
"use strict";

const form = document.getElementById("play");
const results = document.getElementById("results");
const status = document.getElementById("status");
const shown = document.getElementById("shown");
const WAIT = 350; // milliseconds after the last key
let waiting = 0;
let asking = null;

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function budget() {
  return form.adaptive.checked ? { adaptive: true } : { ratio: Number(form.ratio.value) / 100 };
}

function passages() {
  return form.text.value.split(/\n\s*\n/).filter((text) => text.trim());
}

async function ask(compressor, signal) {
  const collection = form.collection.value;
  const common = { query: form.query.value, compressor, budget: budget() };
  const body = collection ? { ...common, collection, context_only: true } : { ...common, passages: passages() };
  const response = await fetch(collection ? "/v1/query" : "/v1/compress", {
    method: "POST",
    headers: { "content-type": "application/json", "x-tersus-page": "1" },
    body: JSON.stringify(body),
    signal,
  });
  const answer = await response.json();
  if (!response.ok) {
    const error = answer.error || { message: "status " + response.status };
    throw new Error(error.hint ? error.message + " (" + error.hint + ")" : error.message);
  }
  return answer;
}

// Offsets of the API count code points; JavaScript's strings count UTF-16 units.
function marked(text, spans) {
  const points = Array.from(text);
  const paragraph = element("p");
  let place = 0;
  const add = (name, from, to) => {
    if (to > from) paragraph.append(element(name, points.slice(from, to).join("")));
  };
  for (const span of spans) {
    add("del", place, span.start);
    add("mark", span.start, span.end);
    place = span.end;
  }
  add("del", place, points.length);
  return paragraph;
}

function show(card, compressor, answer, given) {
  const share = answer.tokens_before ? answer.tokens_after / answer.tokens_before : 1;
  const seconds = answer.seconds.compress;
  const head = element("h2");
  head.append(element("span", compressor), element("span", Math.round(share * 100) + "%"));
  const bar = element("div", undefined, "bar");
  const kept = element("i");
  kept.style.width = share * 100 + "%";
  bar.append(kept);
  const took = seconds === null ? "" : " · " + (seconds < 0.1 ? Math.round(seconds * 1000) + " ms" : seconds.toFixed(2) + " s");
  const note = element("small", answer.tokens_before + " → " + answer.tokens_after + " tokens" + took);
  card.replaceChildren(head, bar, note);
  if (answer.outcome !== "compressed") card.append(element("p", answer.outcome.replace("_", " ") + (answer.reason ? ": " + answer.reason : ""), "note"));
  for (const passage of answer.passages) {
    const source = passage.source === null ? given[passage.index] : passage.source;
    card.append(passage.kept === null ? element("p", passage.text) : marked(source, passage.kept));
  }
}

async function run() {
  if (asking) asking.abort();
  asking = new AbortController();
  const signal = asking.signal;
  const names = Array.from(form.querySelectorAll("input[name=compressor]:checked"), (box) => box.value);
  const given = passages();
  if (!names.length) { results.replaceChildren(); status.textContent = "Tick a compressor."; return; }
  if (!form.collection.value && !given.length) { results.replaceChildren(); status.textContent = "Paste some text."; return; }
  status.textContent = "Compressing…";
  const cards = names.map((name) => {
    const card = element("article");
    card.dataset.compressor = name;
    card.append(element("h2", name), element("progress"));
    return card;
  });
  results.replaceChildren(...cards);
  await Promise.all(names.map(async (name, number) => {
    try {
      show(cards[number], name, await ask(name, signal), given);
    } catch (error) {
      if (signal.aborted) return;
      cards[number].replaceChildren(element("h2", name), element("p", error.message, "problem"));
    }
  }));
  if (!signal.aborted) status.textContent = "";
}

function soon() {
  shown.textContent = form.adaptive.checked ? "–" : form.ratio.value + "%";
  document.getElementById("pasted").hidden = Boolean(form.collection.value);
  clearTimeout(waiting);
  waiting = setTimeout(run, WAIT);
}

form.ratio.addEventListener("input", () => { form.adaptive.checked = false; });
form.addEventListener("input", soon);
form.addEventListener("submit", (event) => { event.preventDefault(); soon(); });
soon();
