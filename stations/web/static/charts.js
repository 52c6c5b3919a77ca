// Draws the charts of the page of figures from the numbers that the page carries; the table below says the same.
"use strict";
(function () {
  const held = document.getElementById("figures");
  if (!held || !window.echarts) return;
  const figures = JSON.parse(held.textContent), words = figures.words;
  const style = { fontFamily: "inherit", fontSize: 13 };
  const draw = (id, option) => {
    const chart = echarts.init(document.getElementById(id), null, { renderer: "svg" });
    chart.setOption({ textStyle: style, animation: false, tooltip: {}, ...option });
    window.addEventListener("resize", () => chart.resize());
    window.addEventListener("beforeprint", () => chart.resize());
  };
  draw("chart-months", {
    title: { text: words.by_month, textStyle: { fontSize: 14 } },
    xAxis: { type: "category", data: figures.months }, yAxis: { type: "value", minInterval: 1 },
    series: [{ type: "bar", name: words.received, data: figures.received, color: "#1d4ed8", barMaxWidth: 48, label: { show: true, position: "top" } }],
  });
  draw("chart-items", {
    title: { text: words.by_item, textStyle: { fontSize: 14 } }, legend: { right: 0 }, grid: { left: 24, right: 40, containLabel: true },
    xAxis: { type: "value", minInterval: 1 }, yAxis: { type: "category", inverse: true, data: figures.items, axisLabel: { width: 160, overflow: "truncate" } },
    series: [
      { type: "bar", name: words.received, data: figures.by_item, color: "#1d4ed8" },
      { type: "bar", name: words.overdue, data: figures.overdue, color: "#b91c1c", itemStyle: { decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4] } } },
    ],
  });
})();
