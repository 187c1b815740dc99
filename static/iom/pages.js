// Small help for our own pages; every page works without it.
(() => {
    "use strict";
    const idle = { since: Date.now() };
    for (const kind of ["pointerdown", "keydown", "scroll"]) {
        addEventListener(kind, () => { idle.since = Date.now(); }, { passive: true });
    }

    // -- what moves: parts are fetched again and replaced one by one, only when they changed -------------------------
    const bare = (element) => {
        const copy = element.cloneNode(true);
        copy.querySelectorAll('input[type="hidden"]').forEach((field) => field.remove());
        copy.querySelectorAll("details").forEach((part) => part.removeAttribute("open"));
        return copy.innerHTML;
    };
    const say = (text) => {
        const place = document.querySelector("[data-announce]");
        if (place && text) place.textContent = text;
    };
    const replace = (here, there) => {
        if (bare(here) === bare(there) || here.contains(document.activeElement)) return;
        const open = new Set([...here.querySelectorAll("details[id][open]")].map((part) => part.id));
        if ([...here.querySelectorAll(".iom-pop[open]")].length) return; // somebody fills in a form
        const scrolled = [...here.querySelectorAll(".iom-flow, .iom-scroll")].map((part) => part.scrollLeft);
        const spoken = there.querySelector("[data-announce-text]")?.textContent.replace(/\s+/g, " ").trim();
        const before = here.querySelector("[data-announce-text]")?.textContent.replace(/\s+/g, " ").trim();
        here.replaceChildren(...there.childNodes);
        here.querySelectorAll("details[id]").forEach((part) => { if (open.has(part.id)) part.open = true; });
        here.querySelectorAll(".iom-flow, .iom-scroll").forEach((part, n) => { part.scrollLeft = scrolled[n] || 0; });
        if (spoken && spoken !== before) say(spoken);
    };
    const live = (page) => {
        const bounds = { idle: Number(page.dataset.idleMinutes || 10) * 60000, fast: Number(page.dataset.every || 2500), slow: Number(page.dataset.every || 5000) };
        const controls = page.querySelector("[data-live-controls]");
        const words = page.querySelector("[data-live-words]");
        const toggle = page.querySelector("[data-live-toggle]");
        let paused = false, timer = 0, quiet = 0;
        const moving = () => (page.querySelector("[data-live-state]")?.dataset.liveState ?? "moving") === "moving";
        const show = (text, off) => { if (words) words.textContent = text; controls?.classList.toggle("iom-live-off", off); };
        const plan = () => {
            clearTimeout(timer);
            if (paused) return show("Paused", true);
            if (!moving()) return show("Nothing moves now", true);
            if (Date.now() - idle.since > bounds.idle) return show("Stopped after some idle minutes; press a key to go on", true);
            show("Live", false);
            timer = setTimeout(refresh, quiet > 12 ? bounds.slow : bounds.fast);
        };
        const refresh = async () => {
            if (document.hidden) return plan();
            try {
                const answer = await fetch(page.dataset.liveUrl, { headers: { "X-Requested-With": "fetch" }, credentials: "same-origin" });
                if (!answer.ok || answer.redirected) throw new Error(answer.status);
                const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
                const before = page.innerHTML.length;
                page.querySelectorAll("[data-live][id]").forEach((here) => {
                    const there = fresh.getElementById(here.id);
                    if (there) replace(here, there);
                });
                const state = page.querySelector("[data-live-state]"), now = fresh.querySelector("[data-live-state]");
                if (state && now) state.dataset.liveState = now.dataset.liveState;
                quiet = page.innerHTML.length === before ? quiet + 1 : 0;
                plan();
            } catch {
                show("No connection; trying again", true);
                timer = setTimeout(refresh, 15000);
            }
        };
        if (controls) controls.hidden = false;
        toggle?.addEventListener("click", () => {
            paused = !paused;
            toggle.textContent = paused ? "Go on" : "Pause";
            toggle.setAttribute("aria-pressed", String(paused));
            plan();
        });
        addEventListener("keydown", () => { if (!paused && controls?.classList.contains("iom-live-off") && moving()) plan(); });
        plan();
    };

    // -- small things, by delegation so that replaced parts keep them ------------------------------------------------
    document.addEventListener("click", async (event) => {
        const copied = event.target.closest("[data-copy]");
        if (copied && navigator.clipboard) {
            await navigator.clipboard.writeText(copied.textContent.trim());
            say(`${copied.textContent.trim()} copied`);
        }
        const all = event.target.closest("[data-select-all]");
        if (all) {
            const boxes = [...all.form.querySelectorAll('input[name="ids"]')];
            const on = boxes.some((box) => !box.checked);
            boxes.forEach((box) => { box.checked = on; });
        }
        const older = event.target.closest("a[data-older]");
        if (older && !event.ctrlKey && !event.metaKey) {
            event.preventDefault();
            const answer = await fetch(`${older.href}&part=entries`, { credentials: "same-origin" });
            if (!answer.ok) return location.assign(older.href);
            const row = older.closest("li"), list = row.parentElement;
            list.closest("[data-live]")?.removeAttribute("data-live"); // what was loaded by hand stays
            row.remove();
            list.insertAdjacentHTML("beforeend", await answer.text());
        }
        document.querySelectorAll(".iom-pop[open]").forEach((pop) => { if (!pop.contains(event.target)) pop.open = false; });
        const toggle = event.target.closest("[data-table-toggle]");
        if (toggle) {
            const card = toggle.closest(".iom-card"), table = card.querySelector("[data-table]"), chart = card.querySelector("[data-chart]");
            table.hidden = !table.hidden;
            chart.hidden = !table.hidden;
            toggle.textContent = table.hidden ? "Table" : "Chart";
            toggle.setAttribute("aria-pressed", String(!table.hidden));
        }
    });
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        document.querySelectorAll(".iom-pop[open]").forEach((pop) => { pop.open = false; pop.querySelector("summary").focus(); });
    });
    document.addEventListener("change", (event) => { if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit(); });
    document.querySelectorAll(".iom-flow").forEach((flow) => { // a wide drawing opens where the run stands
        const here = flow.querySelector(".iom-node-failed, .iom-node-running, .iom-node-waiting") || flow.querySelector(".iom-node");
        if (here) flow.scrollLeft += here.getBoundingClientRect().left - flow.getBoundingClientRect().left - (flow.clientWidth - here.clientWidth) / 2;
    });
    document.querySelectorAll("[data-live-page]").forEach(live);
})();
