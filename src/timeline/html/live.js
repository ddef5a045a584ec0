const status = document.getElementById("status");
const view = document.getElementById("view");

const say = (text, bad) => {
  // A screen reader reads each change.
  if (status.textContent !== text) status.textContent = text;
  status.className = bad ? "bad" : "";
};

// Names an element, so that it is found again after its content was replaced.
const nameOf = (element) => {
  const owner = element.id ? element : element.parentElement.closest("[id]");
  const same = owner.querySelectorAll(element.tagName);
  return [owner.id, element.tagName, Array.prototype.indexOf.call(same, element)];
};
const find = ([id, tag, index]) => {
  const owner = document.getElementById(id);
  return index < 0 ? owner : owner && owner.querySelectorAll(tag)[index];
};

const replace = (next) => {
  const unfolded = [...view.querySelectorAll("details[open]")].map(nameOf);
  const scrolled = [...view.querySelectorAll(".scroll")].map((element) => [nameOf(element), element.scrollLeft]);
  const active = document.activeElement;
  const focused = view.contains(active) ? nameOf(active) : null;
  const place = [window.scrollX, window.scrollY];
  document.title = next.title;
  view.innerHTML = next.content;
  for (const name of unfolded) {
    const element = find(name);
    if (element) element.open = true;
  }
  for (const [name, left] of scrolled) {
    const element = find(name);
    if (element) element.scrollLeft = left;
  }
  const element = focused && find(focused);
  if (element) element.focus({ preventScroll: true });
  window.scrollTo(...place);
};

let loading = false;
let again = false;
const load = async () => {
  again = true;
  if (loading) return;
  loading = true;
  while (again) {
    again = false;
    try {
      const answer = await fetch("view", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const next = await answer.json();
      replace(next);
      say(next.status, false);
    } catch (error) {
      // The connection for events notices it, too, and loads again.
      say("The server does not answer. This page tries again.", true);
    }
  }
  loading = false;
};

const connect = () => {
  const events = new EventSource("events");
  events.addEventListener("changed", load);
  events.addEventListener("error", () => {
    say("The connection is lost. This page connects again.", true);
    // The browser itself connects again after a lost connection, but not after an answer that is none.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  });
};
connect();
