// Draws the figures that the page carries as JSON; follows the theme and the width of its card.
(() => {
    "use strict";
    const figures = JSON.parse(document.getElementById("figures").textContent);
    const dark = () => document.documentElement.classList.contains("dark");
    // Counts of a handful would else be marked 1, 1, 2, 2: fractions rounded to whole numbers.
    const few = (figure) => Math.max(...figure.x.map((_, n) => figure.lines.reduce((sum, line) => sum + line.values[n], 0))) <= 6;
    const look = (figure) => {
        const ink = dark() ? "#d1d5db" : "#374151", grid = dark() ? "#374151" : "#e5e7eb";
        const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, tickfont: { color: ink, size: 11 }, automargin: true };
        return {
            paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: "Inter, sans-serif", color: ink, size: 12 },
            margin: { t: 8, r: 12, b: 36, l: 40 }, xaxis: axis, yaxis: { ...axis, rangemode: "tozero", tickformat: ",d", ...(few(figure) && { dtick: 1 }) },
            legend: { orientation: "h", y: 1.14, x: 0, font: { color: ink } }, hovermode: "x unified", barmode: "stack", bargap: 0.25,
            hoverlabel: { bgcolor: dark() ? "#1f2937" : "#ffffff", font: { color: ink } },
        };
    };
    const traces = (figure) => figure.lines.map((line) => {
        const common = { x: figure.x, y: line.values, name: line.name };
        if (figure.kind === "bar") return { ...common, type: "bar", marker: { color: line.color } };
        const curve = { ...common, type: "scatter", mode: "lines", line: { color: line.color, width: 2, shape: figure.kind === "area" ? "hv" : "linear" } };
        return figure.kind === "area" ? { ...curve, stackgroup: "one", fillcolor: `${line.color}66` } : curve;
    });
    const places = [];
    figures.forEach((figure) => {
        const place = document.querySelector(`[data-chart="${figure.key}"]`);
        if (!place) return;
        Plotly.newPlot(place, traces(figure), look(figure), { displayModeBar: false, responsive: false });
        new ResizeObserver(() => { if (!place.hidden) Plotly.relayout(place, { width: place.clientWidth, height: 292 }); }).observe(place.parentElement);
        Plotly.relayout(place, { width: place.clientWidth, height: 292 });
        places.push([place, figure]);
    });
    new MutationObserver(() => places.forEach(([place, figure]) => Plotly.update(place, {}, look(figure))))
        .observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
})();
