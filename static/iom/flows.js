// The flow editor without page loads: its links and forms answer with the editor alone. Every one works without this.
(() => {
    "use strict";
    const editor = document.querySelector("[data-designer]");
    if (!editor) return;
    let zoom = 1, busy = false;

    const say = (text) => {
        const place = document.querySelector("[data-announce]");
        if (place) place.textContent = text;
    };

    // -- zoom ------------------------------------------------------------------------------------------------------
    const drawing = () => editor.querySelector("[data-drawing]");
    const canvas = () => editor.querySelector("[data-canvas]");
    const scale = (wanted) => {
        zoom = Math.min(1.5, Math.max(0.25, wanted));
        drawing().style.zoom = zoom;
    };
    const fit = () => {
        drawing().style.zoom = 1;
        drawing().style.minWidth = "0";
        const wide = (canvas().clientWidth - 8) / drawing().scrollWidth, high = (canvas().clientHeight - 8) / drawing().scrollHeight;
        drawing().style.minWidth = "";
        scale(Math.min(1, Math.max(Math.min(wide, high), Math.min(wide, 0.6))));
    };

    // -- after each answer -----------------------------------------------------------------------------------------
    const dress = () => {
        editor.querySelectorAll("[data-find], [data-zoom]").forEach((part) => { part.hidden = false; });
        if (zoom !== 1) scale(zoom);
    };
    const center = () => {
        const here = editor.querySelector(".iom-chosen") || drawing().firstElementChild, box = canvas();
        const a = here.getBoundingClientRect(), b = box.getBoundingClientRect();
        if (a.left < b.left || a.right > b.right) box.scrollLeft += a.left - b.left - (b.width - a.width) / 2;
        if (a.top < b.top || a.bottom > b.bottom) box.scrollTop += a.top - b.top - b.height / 3;
    };
    const swap = async (url, options = {}) => {
        if (busy) return;
        busy = true;
        editor.setAttribute("aria-busy", "true");
        try {
            const answer = await fetch(url, { credentials: "same-origin", headers: { "X-Requested-With": "fetch" }, ...options });
            const text = await answer.text();
            const fresh = new DOMParser().parseFromString(`<div>${text}</div>`, "text/html");
            if (!fresh.querySelector("[data-canvas]")) return location.assign(url); // a login page, or an error of its own
            const left = whereInPanel();
            noteHome();
            const at = [canvas().scrollLeft, canvas().scrollTop], open = editor.querySelector(".iom-problems")?.open;
            editor.replaceChildren(...fresh.body.firstElementChild.childNodes);
            if (answer.ok) history.pushState({}, "", answer.url);
            dress();
            [canvas().scrollLeft, canvas().scrollTop] = at;
            if (open !== undefined && editor.querySelector(".iom-problems")) editor.querySelector(".iom-problems").open = open;
            center();
            if (!backInPanel(left)) focusPanel();
            say(editor.querySelector("[data-say]")?.textContent.trim() || editor.querySelector("[data-saved]")?.textContent.trim() || "");
        } catch {
            say("No connection; nothing was changed.");
        } finally {
            busy = false;
            editor.removeAttribute("aria-busy");
        }
    };
    // -- focus: back to where one was in the panel, or in the drawing when the panel is gone ---------------------------
    let home = null; // the tile or gap of the drawing that one came from, and how many tiles are before it
    let tool = ""; // undo or redo, when pressed as a button
    const tiles = () => [...editor.querySelectorAll("[data-tile]")];
    const noteHome = () => {
        const here = document.activeElement, chosen = editor.querySelector("[data-tile].iom-chosen");
        tool = here?.dataset?.key === "undo" || here?.dataset?.key === "redo" ? here.dataset.key : "";
        const tile = here?.matches?.("[data-tile]") ? here : !here?.matches?.("[data-gap]") && chosen;
        if (tile) home = { find: `#${CSS.escape(tile.id)}`, before: tiles().indexOf(tile) };
        else if (here?.matches?.("[data-gap]")) home = { find: `[data-gap][href="${here.getAttribute("href")}"]`, before: -1 };
    };
    const goHome = () => {
        const pressed = tool && editor.querySelector(`[data-key="${tool}"]:not([disabled])`);
        const near = home && home.before >= 0 ? tiles()[Math.min(home.before, tiles().length - 1)] : null;
        (pressed || (home && editor.querySelector(home.find)) || near || canvas()).focus({ preventScroll: true });
    };
    const stepOf = (panel) => panel?.querySelector('[data-settings] input[name="step"]')?.value;
    const whereInPanel = () => {
        const panel = editor.querySelector("#panel"), here = document.activeElement;
        if (!stepOf(panel) || !panel.contains(here)) return null;
        const sent = (name) => here.form?.elements.namedItem(name)?.value || "";
        return { step: stepOf(panel), id: here.id, key: here.dataset.key, by: here.name === "by" && here.value, op: sent("op"), branch: sent("branch") };
    };
    const backInPanel = (left) => {
        const panel = editor.querySelector("#panel");
        if (!left || stepOf(panel) !== left.step) return false;
        const same = (button) => button.form.elements.namedItem("op").value === left.op && (button.form.elements.namedItem("branch")?.value || "") === left.branch;
        const found = (left.id && panel.querySelector(`#${CSS.escape(left.id)}`))
            || (left.key && panel.querySelector(`[data-key="${left.key}"]`))
            || (left.by && left.op !== "duplicate" && [...panel.querySelectorAll(`button[name="by"][value="${left.by}"]`)].find(same));
        found?.focus();
        return Boolean(found);
    };
    const focusPanel = () => {
        if (!editor.querySelector("#panel")) return goHome();
        const panel = editor.querySelector("#panel");
        const wishes = ["[data-first]", "#new-name", "[data-settings] #id_name", "#new-branch", ".iom-panel-body input:not([type=hidden], [hidden])", "a"]; // in this order, not the page's
        const first = wishes.map((wish) => panel?.querySelector(wish)).find(Boolean) || editor.querySelector(".iom-chosen") || canvas();
        const wanted = panel?.querySelector("#new-branch") && panel.querySelectorAll(".iom-branch").length === 0 ? panel.querySelector("#new-branch") : first;
        wanted.focus({ preventScroll: true });
        if (wanted.id === "id_name") wanted.select();
    };

    editor.addEventListener("click", (event) => {
        const link = event.target.closest("a[data-swap]");
        if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
            event.preventDefault();
            swap(link.href);
        }
        const by = event.target.closest("[data-zoom-by]");
        if (by) scale(zoom * (Number(by.dataset.zoomBy) > 0 ? 1.2 : 1 / 1.2));
        if (event.target.closest("[data-zoom-fit]")) fit();
    });
    editor.addEventListener("submit", (event) => {
        const form = event.target.closest("form[data-swap]");
        if (!form) return;
        event.preventDefault();
        swap(form.getAttribute("action"), { method: "POST", body: new FormData(form, event.submitter) });
    });
    editor.addEventListener("input", (event) => {
        if (!event.target.matches("[data-find]")) return;
        const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
        event.target.closest("form, fieldset").querySelectorAll(event.target.classList.contains("iom-boxes-find") ? ".iom-boxes-rows label" : "[data-row]").forEach((row) => {
            row.toggleAttribute("data-off", !words.every((word) => row.textContent.toLowerCase().includes(word)));
        });
    });
    editor.addEventListener("change", (event) => {
        if (event.target.matches('[data-settings] select[name="action"]')) event.target.form.requestSubmit(); // its own parameters
    });
    editor.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && event.target.matches("#new-name, [data-find]")) event.preventDefault();
    });

    // -- keys; those without Ctrl only outside of fields -------------------------------------------------------------
    const press = (name) => {
        const found = editor.querySelector(`[data-key="${name}"]:not([disabled])`);
        if (found) found.click();
        return Boolean(found);
    };
    const steps = (by) => {
        const every = [...editor.querySelectorAll("[data-tile]")], at = every.indexOf(document.activeElement);
        every[Math.min(every.length - 1, Math.max(0, at + by))]?.focus();
    };
    document.addEventListener("keydown", (event) => {
        const command = event.ctrlKey || event.metaKey, typing = event.target.matches("input, textarea, select");
        const key = event.key.toLowerCase();
        if (command && key === "s" && press("save")) event.preventDefault();
        else if (typing && key !== "escape") return;
        else if (command && key === "z" && press(event.shiftKey ? "redo" : "undo")) event.preventDefault();
        else if (command && key === "y" && press("redo")) event.preventDefault();
        else if (command || event.altKey) return;
        else if (key === "delete" && press("delete")) event.preventDefault();
        else if (key === "escape") editor.querySelector("[data-close]")?.click();
        else if ((key === "arrowdown" || key === "arrowup") && event.target.matches("[data-tile]")) {
            event.preventDefault();
            steps(key === "arrowdown" ? 1 : -1);
        }
    });
    addEventListener("popstate", () => location.reload());
    dress();
    if (drawing().scrollWidth > canvas().clientWidth * 1.02) fit();
    center();
})();
