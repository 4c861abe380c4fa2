import { expect, test } from "bun:test";
import { metricsText } from "./metrics-text.ts";

test("a metric has its help, its type, and a line for each sample", () => {
  expect(
    metricsText([
      { name: "a_total", type: "counter", help: "What came.", samples: [{ value: 3 }] },
      {
        name: "b_bytes",
        type: "gauge",
        help: "What lies there.",
        samples: [
          { labels: { id: "x", name: "y" }, value: 1.5 },
          { labels: { id: "z" }, value: 0 },
        ],
      },
    ]),
  ).toBe(
    "# HELP a_total What came.\n# TYPE a_total counter\na_total 3\n" +
      '# HELP b_bytes What lies there.\n# TYPE b_bytes gauge\nb_bytes{id="x",name="y"} 1.5\nb_bytes{id="z"} 0\n',
  );
});

test("what a person called a Pi can neither end a label nor begin a line", () => {
  const samples = [{ labels: { name: 'a"b\\c\nd 1' }, value: 1 }];
  expect(metricsText([{ name: "x", type: "gauge", help: "y", samples }])).toContain(
    'x{name="a\\"b\\\\c\\nd 1"} 1\n',
  );
});

test("a metric of nothing is not there", () => {
  expect(metricsText([{ name: "x", type: "gauge", help: "y", samples: [] }])).toBe("");
});
