/* Finding, the keys and printing of the report: on paper the stories are whole, the messages as they are opened here. Without it the page shows the same; it asks nothing of the network. */
(() => {
  const find = document.getElementById("find");
  const found = document.getElementById("found");
  const messages = [...document.querySelectorAll("details.message")];
  const shown = () => messages.filter((each) => !each.hidden);

  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const each of messages) {
      const text = each.textContent.toLowerCase();
      each.hidden = !words.every((word) => text.includes(word));
    }
    found.textContent = words.length === 0 ? "" : `${shown().length} of ${messages.length}`;
  });

  const openNamed = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = target; each !== null && each !== undefined; each = each.parentElement) {
      if (!(each instanceof HTMLDetailsElement)) continue;
      each.open = true;
      each.hidden = false;
    }
    target?.scrollIntoView();
  };
  addEventListener("hashchange", openNamed);
  openNamed();

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === find) {
      if (event.key === "Escape") find.blur();
      return;
    }
    if (event.key === "/") {
      event.preventDefault();
      find.focus();
    } else if (event.key === "j" || event.key === "k") {
      const list = shown();
      const at = list.findIndex((each) => each.contains(document.activeElement));
      const next = list[event.key === "j" ? Math.min(list.length - 1, at + 1) : Math.max(0, at - 1)];
      next?.querySelector("summary")?.focus();
    }
  });

  const opened = new Set();
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll(".story details:not([open])")) {
      opened.add(each);
      each.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
    opened.clear();
  });
})();
